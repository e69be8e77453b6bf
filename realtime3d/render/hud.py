"""What is drawn around each face: corners of its box, head axes, and a panel with numbers and bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime3d.face.state import FaceState
from realtime3d.render.base import Colour, OverlayStyle, face_colour
from realtime3d.render.text import GREY, WHITE, Pen
from realtime3d.types import FloatArray, Image

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom
Lines = list[tuple[str, Colour]]

AXES: tuple[tuple[tuple[int, int, int], Colour], ...] = (  # head direction, colour; -z is where the face looks
    ((1, 0, 0), (80, 80, 255)),
    ((0, 1, 0), (90, 220, 90)),
    ((0, 0, -1), (255, 150, 60)),
)
AXIS_MM = 55.0
BARS: tuple[tuple[str, tuple[str, ...]], ...] = (  # label, the blendshapes whose mean it shows
    ("jaw open", ("jawOpen",)),
    ("smile", ("mouthSmileLeft", "mouthSmileRight")),
    ("pucker", ("mouthPucker",)),
    ("blink L", ("eyeBlinkLeft",)),
    ("blink R", ("eyeBlinkRight",)),
    ("brows up", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    ("brows down", ("browDownLeft", "browDownRight")),
)
TRACK, AXIS = (95, 95, 95), (120, 120, 120)  # BGR of what bars run in, and stand on
BAR_PX, ETA_PX = 64, 12  # a full bar's length, an eta of 3 standard deviations; in a picture 720 high
FINE_BELOW, ANGLES_FROM, BARS_FROM = (
    0.2,
    0.1,
    0.16,
)  # face height over picture height: below, lines get finer, and those are left out


def draw_faces(picture: Image, faces: Sequence[FaceState], style: OverlayStyle) -> None:
    """Everything but the mesh, into the picture."""
    if not picture.size:
        return
    pen = Pen(picture)
    placed = [(face, box) for face in faces if _in_picture(box := _box_of(face), picture)]
    for face, box in placed:
        fine = pen.scaled(float(np.clip((box[3] - box[1]) / (FINE_BELOW * picture.shape[0]), 0.5, 1)))
        if style.axes:
            _draw_axes(fine, face)
        if style.box:
            _draw_corners(fine, box, face_colour(face))
    taken = [_head_around(box) for _, box in placed]
    for face, box in placed:
        lines = _label(pen, face, box) if style.label else []
        small = pen.scaled(0.8)
        panel = _panel_place(small, box, len(lines), taken) if style.bars else None
        if panel is not None:
            _draw_panel(small, panel, face, lines)
            taken.append(panel)
        elif lines:
            taken.append(_draw_label(pen, box, lines, taken))


def _box_of(face: FaceState) -> Rectangle:
    x0, y0, x1, y1 = face.box
    return float(x0), float(y0), float(x1), float(y1)


def _in_picture(box: Rectangle, picture: Image) -> bool:
    """False also where the projection is not a number or went to infinity (a face in the camera's plane)."""
    sensible = 0 <= box[2] - box[0] < 1e5 and 0 <= box[3] - box[1] < 1e5
    return sensible and _overlap(box, (0, 0, picture.shape[1], picture.shape[0]))


def _head_around(box: Rectangle) -> Rectangle:
    """The box reaches from brows to chin; a face has a forehead, too."""
    return box[0], box[1] - 0.4 * (box[3] - box[1]), box[2], box[3]


def _draw_axes(pen: Pen, face: FaceState) -> None:
    ends = AXIS_MM * np.array([(0, 0, 0), *(direction for direction, _ in AXES)]) @ face.pose.R.T + face.pose.t
    if ends[:, 2].min() < 1:
        return
    points = face.camera.project(ends)
    for index in np.argsort(-ends[1:, 2]):  # farthest first
        pen.arrow(points[0], points[1 + index], AXES[index][1])


def _draw_corners(pen: Pen, box: Rectangle, colour: Colour) -> None:
    """Four corners are less in the way than a whole frame."""
    x0, y0, x1, y1 = box
    arm = max(4.0, 0.14 * min(x1 - x0, y1 - y0))
    for x, to_x in ((x0, arm), (x1, -arm)):
        for y, to_y in ((y0, arm), (y1, -arm)):
            pen.path([(x + to_x, y), (x, y), (x, y + to_y)], colour)


def _label(pen: Pen, face: FaceState, box: Rectangle) -> Lines:
    held = "  held" if face.status == "held" else ""
    lines: Lines = [(f"#{face.id}  {face.confidence:.2f}{held}", face_colour(face))]
    if box[3] - box[1] > ANGLES_FROM * pen.image.shape[0]:
        pitch, yaw, roll = face.euler_deg()
        lines.append((f"pitch {round(pitch):+d}  yaw {round(yaw):+d}  roll {round(roll):+d}", WHITE))
    return lines


def _draw_label(pen: Pen, box: Rectangle, lines: Lines, taken: Sequence[Rectangle]) -> Rectangle:
    """Above the head; below the chin where there is no room or another label."""
    wide, tall = max(pen.width(text) for text, _ in lines) + 2 * pen.pad, pen.panel_height(len(lines))
    tops = (_head_around(box)[1] - tall, box[3] + pen.px(6))
    places: list[Rectangle] = [(box[0], top, box[0] + wide, top + tall) for top in tops]
    free = [p for p in places if p[1] >= 0 and not any(_overlap(p, other) for other in taken)]
    left, top, _, _ = chosen = (free or places)[0]
    pen.text_panel(left, top, lines)
    return chosen


def _panel_place(pen: Pen, box: Rectangle, lines: int, taken: Sequence[Rectangle]) -> Rectangle | None:
    """Right of the face, else left of it, inside the picture and over nobody's face; None where there is no room."""
    height, width = pen.image.shape[:2]
    if box[3] - box[1] < BARS_FROM * height:
        return None
    wide = max(_names_width(pen) + pen.px(BAR_PX), pen.width("pitch +00  yaw +00  roll +00")) + 2 * pen.pad
    tall = pen.line * (lines + len(BARS) + 0.4) + pen.px(2 * ETA_PX + 6)
    top = min(max(0.0, box[1]), height - tall)
    for left in (box[2] + 0.12 * (box[2] - box[0]), box[0] - 0.12 * (box[2] - box[0]) - wide):
        panel = (left, top, left + wide, top + tall)
        inside = left >= 0 and panel[2] < width and top >= 0
        if inside and not any(_overlap(panel, other) for other in taken):
            return panel
    return None


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _names_width(pen: Pen) -> float:
    return max(pen.width(name) for name, _ in BARS) + pen.px(10)


def _draw_panel(pen: Pen, panel: Rectangle, face: FaceState, lines: Lines) -> None:
    """The label's lines, named weights as bars, and below them eta as a row of small ones."""
    pen.darken(*panel, 0.65)
    left, top, right, bottom = panel
    for index, (text, ink) in enumerate(lines):
        pen.text(left + pen.pad, top + (index + 0.85) * pen.line, text, ink)
    weights, colour = face.blendshapes(), face_colour(face)
    bar, end = left + pen.pad + _names_width(pen), right - pen.pad
    shapes: list[tuple[float, ...]] = []
    for index, (name, parts) in enumerate(BARS):
        base = top + (len(lines) + index + 0.85) * pen.line
        value = min(max(sum(weights.get(part, 0.0) for part in parts) / len(parts), 0.0), 1.0)
        pen.text(left + pen.pad, base, name, GREY)
        low, high = base - 0.46 * pen.line, base - 0.06 * pen.line
        shapes += [(bar, low, end, high, *TRACK), (bar, low, bar + (end - bar) * value, high, *colour)]
    at = (left + pen.pad, bottom - pen.px(ETA_PX + 5), right - left - 2 * pen.pad)
    pen.rectangles(shapes + _eta_bars(pen, *at, face.expression, colour))


def _eta_bars(
    pen: Pen, x: float, middle: float, wide: float, eta: FloatArray, colour: Colour
) -> list[tuple[float, ...]]:
    """A thin line, and a small bar up or down for each coefficient."""
    step = wide / max(1, len(eta))
    bars: list[tuple[float, ...]] = [(x, middle - 0.5, x + wide, middle + 0.5, *AXIS)]
    for index, value in enumerate(np.clip(np.nan_to_num(eta), -3, 3).tolist()):
        end, left = middle - value / 3 * pen.px(ETA_PX), x + index * step
        bars.append((left, min(middle, end), left + 0.75 * step, max(middle, end), *colour))
    return bars
