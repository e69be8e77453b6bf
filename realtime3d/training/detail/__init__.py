"""What is learned about the detail of faces."""
