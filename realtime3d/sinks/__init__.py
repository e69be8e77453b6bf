"""Where results go on disk: the only home of encoding."""
