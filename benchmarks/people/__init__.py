"""Rendered people who cross, leave, return, turn and sit still: what tracker and identities make of them."""
