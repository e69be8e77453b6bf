"""Films at their own pace, again and again."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.clock import to_s
from realtime3d.errors import SourceError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source
from realtime3d.sources.paced import Paced
from realtime3d.sources.pushed import PushedSource
from realtime3d.types import Frame
from tests.helpers.cli_clip import FPS, FRAMES


def film(clip: Path, loop: bool = False) -> Paced:
    return Paced(lambda: open_source(str(clip)), loop=loop)


def frames_of(source: Paced, most: int) -> list[Frame]:
    found: list[Frame] = []
    with source:
        for item in source:
            assert isinstance(item, Frame)
            found.append(item)
            if len(found) == most:
                break
    return found


def test_a_film_takes_its_time_and_gives_every_frame(clip: Path) -> None:
    start = time.monotonic()
    found = frames_of(film(clip), 1000)
    assert time.monotonic() - start > (FRAMES - 1) / FPS - 0.05
    with open_source(str(clip)) as plain:
        expected = [(item.index, item.t_ns) for item in plain if isinstance(item, Frame)]
    assert [(frame.index, frame.t_ns) for frame in found] == expected


def test_it_begins_again_and_time_goes_on(clip: Path) -> None:
    found = frames_of(film(clip, loop=True), FRAMES + 5)
    assert [frame.index for frame in found] == list(range(FRAMES + 5))
    steps = {round(to_s(b.t_ns - a.t_ns) * FPS, 3) for a, b in pairwise(found)}
    assert steps == {1.0}  # also from the last frame to the first
    assert (found[0].image == found[FRAMES].image).all()


def test_closing_ends_a_wait(clip: Path) -> None:
    source = Paced(lambda: open_source(str(clip), SourceOptions(fps=None)), loop=True)
    threading.Timer(0.3, source.close).start()
    start = time.monotonic()
    list(source)
    assert time.monotonic() - start < 60


def test_a_live_source_has_its_own_pace() -> None:
    with pytest.raises(SourceError, match="its own pace"):
        Paced(_live)


def _live() -> PushedSource:
    source = PushedSource("the browser's camera")
    source.push(cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    return source
