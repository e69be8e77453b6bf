"""What a face is: coefficients to geometry. No pixels, no time."""
