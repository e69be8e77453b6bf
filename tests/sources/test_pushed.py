"""Pictures that are handed in."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap, SourceOptions
from realtime3d.sources.pushed import MAX_SIDE, PushedSource, decode_jpeg, jpeg_size
from realtime3d.types import Frame

NAME = "the browser's camera"


def jpeg(width: int = 64, height: int = 48, value: int = 100, **options: int) -> bytes:
    flags = [number for pair in options.items() for number in (getattr(cv2, pair[0]), pair[1])]
    return cv2.imencode(".jpg", np.full((height, width, 3), value, np.uint8), flags)[1].tobytes()


@pytest.mark.parametrize("options", [{}, {"IMWRITE_JPEG_PROGRESSIVE": 1}, {"IMWRITE_JPEG_RST_INTERVAL": 2}])
def test_the_size_is_in_the_header(options: dict[str, int]) -> None:
    assert jpeg_size(jpeg(64, 48, **options)) == (64, 48)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG" + b"\0" * 50, b"\xff\xd8" + b"\xff" * 99, jpeg()[:20]]
)
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert decode_jpeg(data) is None


def test_a_bomb_is_not_unpacked() -> None:
    small = bytearray(jpeg(64, 48))
    at = small.index(b"\xff\xc0") + 5
    small[at : at + 4] = (65500).to_bytes(2, "big") * 2
    assert jpeg_size(bytes(small)) == (65500, 65500)
    assert decode_jpeg(bytes(small)) is None
    assert MAX_SIDE**2 * 3 < 64 << 20


def test_the_newest_picture_wins_and_the_others_are_counted() -> None:
    source = PushedSource(NAME, SourceOptions(gap_after_s=0.05))
    source.push(jpeg(value=10))
    items = iter(source)
    first = next(items)
    for value in (50, 100, 200):
        source.push(jpeg(value=value))
    newest = next(items)
    assert isinstance(first, Frame) and isinstance(newest, Frame)
    assert newest.image[0, 0, 0] == 200
    assert newest.t_ns > first.t_ns
    assert source.status.dropped == 2
    gap = next(items)
    assert isinstance(gap, Gap) and "nothing from" in gap.status.message
    source.close()
    assert list(items) == []


def test_broken_pictures_among_good_ones_are_left_out() -> None:
    source = PushedSource(NAME, SourceOptions(open_timeout_s=5))
    source.push(b"garbage")
    threading.Timer(0.1, source.push, (jpeg(),)).start()
    assert (source.info.width, source.info.height) == (64, 48)
    assert source.status.dropped == 1


def test_no_picture_says_what_to_do() -> None:
    with pytest.raises(SourceError, match="allow the camera"):
        PushedSource(NAME, SourceOptions(open_timeout_s=0.05)).open()


def test_closing_ends_the_wait_for_the_first_picture() -> None:
    source = PushedSource(NAME)
    threading.Timer(0.1, source.close).start()
    with pytest.raises(SourceError, match="closed"):
        source.open()
