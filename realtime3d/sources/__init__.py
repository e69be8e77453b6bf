"""Where pictures come from: the only home of capture and decoding."""
