"""How well detail is told from light and paint: wrinkles and stains drawn into photographs, and what comes of them."""
