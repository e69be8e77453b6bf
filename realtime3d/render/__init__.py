"""Overlays: faces drawn over pictures, by the built-in software renderer or by OpenGL."""
