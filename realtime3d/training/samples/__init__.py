"""Step 3: training pictures, from photographs and rendered."""
