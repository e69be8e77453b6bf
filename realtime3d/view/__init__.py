"""Where a run is watched and steered."""
