"""Which renderers there are."""

from __future__ import annotations

import importlib

from realtime3d.errors import UsageError
from realtime3d.render.base import OverlayStyle, Renderer

RENDERERS = {
    "software": "realtime3d.render.software:SoftwareRenderer",
    "pyrender": "realtime3d.render.pyrender_:PyrenderRenderer",
}


def create_renderer(name: str = "software", style: OverlayStyle | None = None) -> Renderer:
    """A renderer by name; nothing is opened before its first picture."""
    if name not in RENDERERS:
        raise UsageError(f"no renderer {name!r}; choose one of {', '.join(RENDERERS)}")
    module, _, attribute = RENDERERS[name].partition(":")
    renderer: Renderer = getattr(importlib.import_module(module), attribute)(style or OverlayStyle())
    return renderer
