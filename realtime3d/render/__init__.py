"""Overlays: faces drawn over pictures, by the built-in software renderer or by OpenGL."""

from realtime3d.render.base import MODES, Mode, OverlayStyle, Renderer, create_renderer, next_mode
from realtime3d.render.screen import Screen, draw_screen

__all__ = ["MODES", "Mode", "OverlayStyle", "Renderer", "Screen", "create_renderer", "draw_screen", "next_mode"]
