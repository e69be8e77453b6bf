"""What makes committed files and is not for users: python -m tools.NAME."""
