"""Looks at pixels inside a box: the crop, the nets' coefficients, and which model files there are."""
