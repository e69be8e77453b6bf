"""Step 4: the nets, their training and their export."""
