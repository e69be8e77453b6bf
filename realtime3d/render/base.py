"""What renderers have in common: the seam, the style of the overlay and the colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, cast, get_args

from realtime3d.errors import UsageError
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.types import Image

Mode = Literal["wire", "shaded", "transparent", "points", "texture", "mask", "off"]
MODES: tuple[Mode, ...] = get_args(Mode)
Colour = tuple[int, int, int]  # BGR

PALETTE: tuple[Colour, ...] = (  # by id, in this order: apart from each other and from skin
    (245, 200, 80),
    (110, 220, 130),
    (255, 140, 190),
    (90, 190, 255),
    (220, 220, 90),
    (150, 160, 255),
)
HELD_COLOUR: Colour = (170, 170, 170)
MASK_LIGHT = 0.2  # of the picture's light is left around the faces in mode "mask"
HIDE = {"hud": ("label", "bars"), "box": ("box",), "axes": ("axes",)}  # what can be left out -> parts of the style


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """What is drawn over a picture."""

    mode: Mode = "wire"  # how the face's mesh is drawn
    box: bool = True  # corners of the face's box
    label: bool = True  # id, confidence and angles
    axes: bool = True  # head axes: x red, y green, z blue (towards where the face looks)
    bars: bool = True  # the strongest blendshapes beside the face, where there is room
    whole_head: bool = False  # scalp and neck too, not just the face

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"no overlay mode {self.mode!r}; choose one of {', '.join(MODES)}")


def style_of(mode: str | None = None, hide: Sequence[str] = ()) -> OverlayStyle:
    """The usual style in another mode, without what is to be hidden (`HIDE`)."""
    unknown = [name for name in hide if name not in HIDE]
    if unknown:
        raise UsageError(f"no part of the overlay is called {', '.join(unknown)}; choose from {', '.join(HIDE)}")
    style = OverlayStyle() if mode is None else OverlayStyle(mode=cast(Mode, mode))
    return replace(style, **{part: False for name in hide for part in HIDE[name]})  # type: ignore[arg-type]


def next_mode(mode: Mode) -> Mode:
    """The mode after this one, round and round."""
    return MODES[(MODES.index(mode) + 1) % len(MODES)]


def face_colour(face: FaceState) -> Colour:
    """One colour per id; grey while a face is held."""
    return PALETTE[face.id % len(PALETTE)] if face.status == "tracked" else HELD_COLOUR


class Renderer(Protocol):
    """Draws results over pictures, in one thread: any one, or where a GL context is tied to it, the caller's own.

    `style` may be replaced between calls. `close` may be called at any time, more than once, and on a renderer that
    never drew; `draw` after it opens anew.
    """

    style: OverlayStyle
    any_thread: bool  # whether a thread of the library's own may draw

    def draw(self, image: Image, result: FrameResult) -> Image:
        """A new picture: `image` (H, W, 3) uint8 BGR, which is left as it is, with the faces of `result` over it.

        Faces beside the picture or behind the camera are no error. Each is seen through its own camera
        (`FaceState.camera`).
        """
        ...

    def close(self) -> None:
        """Free what the renderer holds."""
        ...


def drawable(faces: Sequence[FaceState]) -> list[FaceState]:
    """Faces that have a finite place in front of the camera."""
    return [f for f in faces if f.pose.t[2] > 1 and bool(abs(f.pose.R).sum() + abs(f.pose.t).sum() < 1e9)]
