"""Which renderers there are."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from realtime3d.errors import UsageError
from realtime3d.render.base import OverlayStyle, Renderer

if TYPE_CHECKING:
    from realtime3d.surface.mask import LazyMasker

RENDERERS = {
    "software": "realtime3d.render.software:SoftwareRenderer",
    "pyrender": "realtime3d.render.pyrender_:PyrenderRenderer",
}


def create_renderer(
    name: str = "software", style: OverlayStyle | None = None, masker: LazyMasker | None = None
) -> Renderer:
    """A renderer by name; nothing is opened before its first picture.

    `masker` (`FaceTracker.masker()`) says what is in front of a face: the style "mask" leaves it out. The renderer's
    `close` closes it.

    >>> renderer = r3d.create_renderer(style=r3d.OverlayStyle(mode="shaded", bars=False))
    >>> with r3d.FaceTracker() as tracker, r3d.open_source(clip) as source:
    ...     frame = next(iter(source))
    ...     picture = renderer.draw(frame.image, tracker.process_frame(frame))
    >>> picture.shape == frame.image.shape
    True
    """
    if name not in RENDERERS:
        raise UsageError(f"no renderer {name!r}; choose one of {', '.join(RENDERERS)}")
    module, _, attribute = RENDERERS[name].partition(":")
    renderer: Renderer = getattr(importlib.import_module(module), attribute)(style or OverlayStyle(), masker)
    return renderer
