"""Drives other programs' faces: what is sent, how it is shaped first, and one small file for each protocol."""
