"""What a live window shows over the picture, and a recording does not: rates, help, the record dot, trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from realtime3d.render.text import AMBER, RED, WHITE, Pen
from realtime3d.types import Image


@dataclass(frozen=True, slots=True)
class Screen:
    """The lines of a live window."""

    lines: Sequence[str] = ()  # top left: frames per second, latency, drops
    help: Sequence[tuple[str, str]] = ()  # key and what it does; empty hides the panel
    recording: bool = False
    banner: str = ""  # something is wrong: "camera lost, retrying in 2 s"


def draw_screen(image: Image, screen: Screen) -> Image:
    """A new picture with the window's lines over `image`."""
    picture = image.copy()
    if not picture.size:
        return picture
    pen = Pen(picture)
    gap, wide = pen.px(10), picture.shape[1]
    lines = [(line, WHITE) for line in screen.lines if line]
    if lines:
        pen.text_panel(gap, gap, lines)
    if screen.recording:
        pen.text_panel(wide - gap - pen.width("REC    ") - 2 * pen.pad, gap, [("REC    ", WHITE)])
        pen.disc(wide - gap - pen.pad - pen.px(7), gap + 0.3 * pen.pad + pen.line / 2, pen.px(6.5), RED)
    if screen.help:
        _draw_help(pen, screen.help)
    if screen.banner:
        _draw_banner(pen, screen.banner)
    return picture


def _draw_banner(pen: Pen, text: str) -> None:
    height, wide = pen.image.shape[:2]
    lines = pen.wrapped(text, wide - 2 * (pen.px(10) + pen.pad))
    left = (wide - max(map(pen.width, lines))) / 2 - pen.pad
    pen.text_panel(left, height * 0.82, [(line, AMBER) for line in lines], dark=0.75)


def _draw_help(pen: Pen, rows: Sequence[tuple[str, str]]) -> None:
    height, width = pen.image.shape[:2]
    column = max(pen.width(key) for key, _ in rows) + pen.px(16)
    wide = column + max(pen.width(text) for _, text in rows) + 4 * pen.pad
    tall = (len(rows) + 1) * pen.line
    x, y = (width - wide) / 2, (height - tall) / 2
    pen.darken(x, y, x + wide, y + tall, 0.78)
    for index, (key, text) in enumerate(rows):
        base = y + (index + 1.2) * pen.line
        pen.text(x + 2 * pen.pad, base, key, AMBER)
        pen.text(x + 2 * pen.pad + column, base, text, WHITE)
