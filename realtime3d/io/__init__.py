"""Where pictures come from and where results go: the only home of capture, decoding and encoding."""
