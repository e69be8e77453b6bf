"""Boxes, labels, bars and the window's lines: readable, inside the picture, in nobody's face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.geometry import Camera
from realtime3d.render.base import HIDE, OverlayStyle, style_of
from realtime3d.render.choose import create_renderer
from realtime3d.render.text import Pen
from realtime3d.view.screen import Screen, draw_screen
from tests.helpers.faces import grey, make_face, result_of

CAMERA = Camera.from_fov(640, 480)


def drawn_area(style: OverlayStyle, *faces: object, value: int = 128) -> np.ndarray:
    image = grey(640, 480, value)
    drawn = create_renderer("software", style).draw(image, result_of(image, *faces))  # type: ignore[arg-type]
    return (np.abs(drawn.astype(int) - image) > 20).any(axis=2)


def test_each_part_can_be_switched_off() -> None:
    face = make_face(CAMERA)
    parts = ("box", "label", "axes", "bars")
    nothing = OverlayStyle(mode="off", **dict.fromkeys(parts, False))  # type: ignore[arg-type]
    assert not drawn_area(nothing, face).any()
    for part in parts:
        assert drawn_area(replace(nothing, **{part: True}), face).any(), part  # type: ignore[arg-type]


def test_what_is_hidden_is_named_as_on_the_command_line() -> None:
    face = make_face(CAMERA)
    assert not drawn_area(style_of("off", ["hud", "box", "axes"]), face).any()
    for name in HIDE:
        assert drawn_area(style_of("off", [name]), face).sum() < drawn_area(style_of("off"), face).sum()
    with pytest.raises(UsageError, match="called hat; choose from hud, box, axes"):
        style_of("wire", ["hat"])


@pytest.mark.parametrize("value", [0, 128, 255])
def test_readable_on_dark_and_light_pictures(value: int) -> None:
    """Text keeps at least a third of the brightness range to what it stands on."""
    image = grey(640, 480, value)
    out = draw_screen(image, Screen(lines=("30.0 fps",)))
    panel = out[8:28, 8:60].max(axis=2).astype(int)
    assert panel.max() - np.median(panel) > 85


def test_bars_cover_no_other_face() -> None:
    left, right = make_face(CAMERA, t=(-90, 0, 600), id=1), make_face(CAMERA, t=(90, 0, 600), id=2)
    area = drawn_area(OverlayStyle(mode="off", box=False, label=False, axes=False, bars=True), left, right)
    for face in (left, right):
        x0, y0, x1, y1 = face.box.astype(int)
        assert not area[y0:y1, x0:x1].any()


def test_the_blue_axis_points_where_the_face_looks() -> None:
    """Turned to the person's own right, the face looks to the picture's left."""
    image = grey(640, 480)
    style = OverlayStyle(mode="off", box=False, label=False, axes=True, bars=False)
    drawn = create_renderer("software", style).draw(image, result_of(image, make_face(CAMERA, (0, 40, 0)))).astype(int)
    blue = (drawn[..., 0] > drawn[..., 1] + 60) & (drawn[..., 0] > drawn[..., 2] + 60)
    red = (drawn[..., 2] > drawn[..., 1] + 60) & (drawn[..., 2] > drawn[..., 0] + 60)
    green = (drawn[..., 1] > drawn[..., 0] + 60) & (drawn[..., 1] > drawn[..., 2] + 60)
    middle = (CAMERA.width - 1) / 2, (CAMERA.height - 1) / 2
    assert np.nonzero(blue)[1].mean() < middle[0] - 8
    assert np.nonzero(red)[1].mean() > middle[0] + 8
    assert np.nonzero(green)[0].mean() > middle[1] + 8


def test_screen_parts_appear_in_their_places_and_leave_the_input_alone() -> None:
    image = grey(640, 480)

    def area(screen: Screen) -> np.ndarray:
        out = draw_screen(image, screen)
        assert (image == 128).all()
        return (out != image).any(axis=2)

    assert not area(Screen()).any() and not area(Screen(lines=("",))).any()
    assert area(Screen(lines=("29.9 fps", "latency 40 ms")))[:60, :250].any()
    assert area(Screen(recording=True))[:40, 540:].any()
    assert area(Screen(banner="caméra perdue: 相机"))[380:440, 200:440].any()
    assert area(Screen(help=(("h", "this help"), ("q", "quit"))))[200:280, 250:390].any()


def test_a_screen_fits_into_any_picture_and_takes_any_text() -> None:
    screen = Screen(("a line far too long for the picture " * 4,), (("q", "quit"),), True, "caméra perdue: 相机")
    for width, height in ((1, 1), (40, 30), (3840, 2160)):
        image = grey(width, height)
        assert draw_screen(image, screen).shape == image.shape


def test_a_long_banner_is_wrapped_and_stays_whole() -> None:
    """What to do and when the next try comes stand at the end of the line."""
    image = grey(640, 480)
    text = "camera 0 cannot be opened: close other programs that use it, or connect a camera, allow access to it, "
    text += "or name another number or a URL; next try in 2 s"
    pen = Pen(image.copy())
    lines = pen.wrapped(text, 400)
    assert " ".join(lines) == text
    assert len(lines) > 1 and all(pen.width(line) <= 400 for line in lines)
    assert pen.wrapped("unbreakable" * 30, 600) == ["unbreakable" * 30]
    drawn = (draw_screen(image, Screen(banner=text)) != image).any(axis=2)
    columns = np.flatnonzero(drawn.any(axis=0))
    assert columns[0] > 0 and columns[-1] < 639


def test_a_hundred_faces() -> None:
    faces = [
        make_face(CAMERA, t=(x, y, 3000), id=10 * x + y) for x in range(-900, 900, 180) for y in range(-900, 900, 180)
    ]
    assert len(faces) == 100
    assert drawn_area(OverlayStyle(), *faces).any()


def test_a_face_beside_the_picture_gets_no_label() -> None:
    assert not drawn_area(OverlayStyle(mode="off"), make_face(CAMERA, t=(900, 0, 700))).any()


def test_a_label_goes_below_where_it_would_cover_the_neighbour() -> None:
    style = OverlayStyle(mode="off", axes=False, bars=False)
    left, right = make_face(CAMERA, t=(-60, 0, 1500), id=1), make_face(CAMERA, t=(60, -5, 1500), id=2)
    area = drawn_area(style, left, right)
    (x0, y0, _, y1), tall = left.box.astype(int), int(left.box[3] - left.box[1])
    assert area[y1 + 6 : y1 + 20, x0:].any()
    assert not area[y0 - tall : y0 - 5, : x0 + 20].any()
    right_x, right_y = int(right.box[0]), int(right.box[1])
    assert area[right_y - tall : right_y - 15, right_x:].any()
