"""Step 5: how good the nets are."""
