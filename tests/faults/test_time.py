"""Times that stand still, run back, jump, or are none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.errors import SourceError, UsageError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source, parse_time
from realtime3d.types import Frame
from tests.helpers.exact_scene import Scene, head
from tests.helpers.faults import cases, fault
from tests.helpers.io_media import number_of, numbered, write_video

NO_TIMES = {
    "a time of NaN": math.nan,
    "an infinite time": math.inf,
    "a time before the last one": 0.5,
    "the same time again": 1.0,
}


@pytest.mark.parametrize("t", cases("time", "a UsageError; the stream goes on with the next good time", NO_TIMES))
def test_a_time_that_is_none(t: float, scene: Scene) -> None:
    scene.heads = [head()]
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=scene) as tracker:
        first = tracker.process(scene.image, t=1.0).faces
        with pytest.raises(UsageError):
            tracker.process(scene.image, t=t)
        assert [face.id for face in tracker.process(scene.image, t=1.04).faces] == [face.id for face in first]


JUMPS = {
    "an hour without a picture": 3600.0,
    "a year without a picture": 3.2e7,
    "a microsecond between two pictures": 1e-6,
}


@pytest.mark.parametrize("jump_s", cases("time", "numbers stay finite; after a long gap faces begin anew", JUMPS))
def test_a_jump(jump_s: float, scene: Scene) -> None:
    scene.heads = [head()]
    with scene.installed() as backend, FaceTracker(backend=backend, boxes=scene) as tracker:
        for t in (0.0, 0.033, 0.066, 0.066 + jump_s, 0.1 + jump_s):
            result = tracker.process(scene.image, t=t)
            assert len(result.faces) == 1
            face = result.faces[0]
            assert np.isfinite(face.pose.R).all() and np.isfinite(face.pose.t).all()
            np.testing.assert_allclose(face.pose.t, [0, 0, 600], atol=2.0)


ORDERS = {
    "pictures whose times run back": [0.0, 0.2, 0.1],
    "pictures whose times stand still": [0.0, 0.1, 0.1],
    "pictures with a time of NaN": [0.0, math.nan],
}


@pytest.mark.parametrize("times", cases("time", "a UsageError that names the time", ORDERS))
def test_pictures_out_of_order(times: list[float]) -> None:
    pictures = [(t, numbered(i)) for i, t in enumerate(times)]
    with open_source(pictures) as source, pytest.raises(UsageError, match="time"):
        list(source)


UNEVEN = {
    "a film whose pictures come unevenly": [0, 0.01, 0.5, 0.51, 2.0, 2.04],
    "a film with a pause of an hour": [0, 0.04, 3600, 3600.04],
    "a film that begins late": [10, 10.04, 10.08],
}


@pytest.mark.parametrize("times", cases("time", "every picture, at its own time", UNEVEN))
def test_uneven_films(times: list[float], tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", times)
    with open_source(path) as source:
        frames = [item for item in source if isinstance(item, Frame)]
    assert [number_of(frame.image) for frame in frames] == list(range(len(times)))
    assert [frame.t_ns / 1e9 for frame in frames] == pytest.approx(times, abs=2e-3)


@fault("time", "a start behind the end of a film", "one line that says how long it is, exit code 4")
def test_a_start_behind_the_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [i / 25 for i in range(10)])
    with open_source(path, SourceOptions(start_s=100)) as source, pytest.raises(SourceError, match=r"ends at 0\.36"):
        list(source)


TEXTS = {"a time of words": "noon", "sixty-one seconds": "1:61", "a negative time": "-3", "no time": ""}


@pytest.mark.parametrize("text", cases("time", "one line with the two ways to write a time, exit code 2", TEXTS))
def test_a_time_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="HH:MM:SS"):
        parse_time(text)
