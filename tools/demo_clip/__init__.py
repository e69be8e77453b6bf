"""Makes the demo clip and its truth: `python -m tools.demo_clip MODEL OUT_DIR`, with the [train] extra."""
