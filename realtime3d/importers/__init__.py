"""Official weights of other projects, of people who own them, turned into a model set."""
