"""Finding faces: boxes only, landmarks never."""
