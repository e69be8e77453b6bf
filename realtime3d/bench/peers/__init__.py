"""Other trackers, each in an environment of its own, on the same frames in turn with ours."""
