"""From a picture back onto the mesh: what coefficients do not hold."""
