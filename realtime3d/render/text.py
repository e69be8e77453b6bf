"""A pen for lines, panels and text whose sizes follow the picture's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from realtime3d.render.base import Colour
from realtime3d.render.paint import paint_rectangles
from realtime3d.types import Image

FONT = cv2.FONT_HERSHEY_SIMPLEX
SHIFT = 3  # cv2's drawing takes 1/8 pixels
FAR = 1e5  # px; cv2 counts in 32 bits
WHITE: Colour = (255, 255, 255)
GREY: Colour = (205, 205, 205)
RED: Colour = (60, 60, 235)
AMBER: Colour = (60, 190, 255)


def _fixed(point: Sequence[float] | np.ndarray) -> tuple[int, int]:
    """Plain Python: a panel has hundreds of points, and NumPy takes 20 us for each."""
    x, y = (0.0 if v != v else min(max(float(v), -FAR), FAR) for v in point)  # NaN is the only unequal to itself
    return round(x * (1 << SHIFT)), round(y * (1 << SHIFT))


class Pen:
    """Draws into one picture. `px(n)` is n pixels of a picture 720 high, more or less in others."""

    def __init__(self, image: Image, zoom: float = 1.0) -> None:
        self.image = image
        self.zoom = zoom
        self.scale = min(max(min(image.shape[:2]) / 720, 0.45), 4.0) * zoom
        self.font = 0.55 * self.scale
        self.stroke = max(1, round(1.1 * self.scale))
        self.line = self.px(22)
        self.pad = self.px(7)

    def scaled(self, factor: float) -> Pen:
        return Pen(self.image, self.zoom * factor)

    def px(self, n: float) -> float:
        return n * self.scale

    def width(self, text: str) -> float:
        return _width(_ascii(text), self.font, self.stroke)

    def text(self, x: float, y: float, text: str, colour: Colour) -> None:
        """`x, y` is the left end of the base line."""
        cv2.putText(self.image, _ascii(text), (round(x), round(y)), FONT, self.font, colour, self.stroke, cv2.LINE_AA)

    def wrapped(self, text: str, wide: float) -> list[str]:
        """The text in lines of at most `wide` px; a word that is longer has a line of its own."""
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width(longer) > wide:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def panel_height(self, lines: int) -> float:
        return lines * self.line + 0.6 * self.pad

    def text_panel(self, x: float, y: float, lines: Sequence[tuple[str, Colour]], dark: float = 0.65) -> None:
        """Lines on a dark translucent panel whose top left is `x, y`, moved into the picture where it sticks out."""
        height, width = self.image.shape[:2]
        wide, tall = max(self.width(line) for line, _ in lines) + 2 * self.pad, self.panel_height(len(lines))
        x, y = max(0.0, min(float(x), width - wide)), max(0.0, min(float(y), height - tall))
        self.darken(x, y, x + wide, y + tall, dark)
        for index, (line, colour) in enumerate(lines):
            self.text(x + self.pad, y + (index + 0.8) * self.line, line, colour)

    def darken(self, x0: float, y0: float, x1: float, y1: float, strength: float) -> None:
        """Move a rectangle's colours towards black by `strength` (0..1)."""
        height, width = self.image.shape[:2]
        left, right = (min(max(round(v), 0), width) for v in (x0, x1))
        top, bottom = (min(max(round(v), 0), height) for v in (y0, y1))
        part = self.image[top:bottom, left:right]
        if part.size:
            part[:] = cv2.convertScaleAbs(part, alpha=1 - strength, beta=18 * strength)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        if x1 > x0 and y1 > y0:
            corners = np.array([_fixed(p) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], dtype=np.int32)
            cv2.fillConvexPoly(self.image, corners, colour, cv2.LINE_AA, SHIFT)

    def rectangles(self, shapes: Sequence[Sequence[float]]) -> None:
        """Many at once, each left, top, right, bottom, blue, green, red."""
        if not shapes:
            return
        if self.image.flags.c_contiguous:
            paint_rectangles(self.image, np.array(shapes, np.float32))
            return
        for x0, y0, x1, y1, *colour in shapes:
            self.rectangle(x0, y0, x1, y1, (int(colour[0]), int(colour[1]), int(colour[2])))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        cv2.circle(self.image, _fixed((x, y)), round(radius * (1 << SHIFT)), colour, -1, cv2.LINE_AA, SHIFT)

    def path(self, points: Sequence[tuple[float, float]], colour: Colour, width: float = 1.6) -> None:
        """A line through points, with a dark rim that keeps it readable on any picture."""
        corners = [np.array([_fixed(p) for p in points], dtype=np.int32)]
        for extra, ink in ((2, (20, 20, 20)), (0, colour)):
            thick = max(1, round(self.px(width))) + extra
            cv2.polylines(self.image, corners, False, ink, thick, cv2.LINE_AA, SHIFT)

    def arrow(self, start: np.ndarray, end: np.ndarray, colour: Colour) -> None:
        along = np.asarray(end, dtype=np.float64) - start
        length = float(np.hypot(*along))
        if not 1 < length < FAR:
            return
        along /= length
        tip, across = min(self.px(9), 0.4 * length), np.array([-along[1], along[0]])
        neck = end - along * tip
        self.path([tuple(start), tuple(neck)], colour)
        head = np.array([_fixed(end), _fixed(neck + across * tip * 0.45), _fixed(neck - across * tip * 0.45)], np.int32)
        cv2.fillConvexPoly(self.image, head, colour, cv2.LINE_AA, SHIFT)


@lru_cache(256)
def _width(text: str, font: float, stroke: int) -> float:
    return float(cv2.getTextSize(text, FONT, font, stroke)[0][0])


def _ascii(text: str) -> str:
    """The font has no other letters."""
    return text.encode("ascii", "replace").decode("ascii")
