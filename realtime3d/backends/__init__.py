"""Where the nets run: one module per inference library, loaded when it is chosen."""
