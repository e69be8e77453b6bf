"""Step 1: the morphable face model and where its landmarks lie."""
