"""Makes the demo clip and its truth: `python -m realtime3d.demo.maker MODEL OUT_DIR`, with the [train] extra."""
