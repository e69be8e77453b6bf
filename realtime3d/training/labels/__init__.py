"""Step 2: face model coefficients of photographs."""
