"""The net on the eyes' pixels: crops with labels, changes to them, and its training."""
