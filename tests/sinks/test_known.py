"""Whom a killed run had followed, read from each kind of table, and where to begin following them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.sinks.choose import OUTPUTS, SinkOptions
from realtime3d.sinks.known import REPLAY_S, Known, known_faces, replay_start
from realtime3d.sources.base import SourceInfo
from tests.helpers.io_faces import face, result, tiny_model

FPS = 10


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_each_table_tells_the_same(kind: str, tmp_path: Path) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    path = tmp_path / f"a.{kind}"
    options = SinkOptions(tiny_model(), SourceInfo("clip", 320, 240, FPS, None, None))
    faces = [face(2, number) for number in range(300)]
    with OUTPUTS[kind].make(path, options) as sink:
        for number, each in enumerate(faces):
            sink.write(result(number, number / FPS, *([each] if number > 10 else [])), None)
    found = known_faces({kind: path}, 28.0)
    assert found is not None
    assert [known.frame for known in found] == list(range(11, 280))
    assert {known.id for known in found} == {2}
    assert all((known.box is None) == (known.time_s < 28.0 - REPLAY_S) for known in found)
    last = found[-1]
    assert last.box is not None and last.shape is not None
    left, top, right, bottom = faces[279].box
    assert last.box == pytest.approx([left, top, right - left, bottom - top], abs=0.01)
    assert last.shape == pytest.approx(faces[279].shape, abs=1e-5)


def test_an_overlay_alone_tells_nothing() -> None:
    assert known_faces({"overlay": Path("a.mp4")}, 1.0) is None


def there(*frames: int) -> list[Known]:
    return [Known(frame, frame / FPS, 0) for frame in frames]


@pytest.mark.parametrize(
    ("frames", "seam", "starts"),
    [
        ((), 30.0, None),
        (range(50), 30.0, None),  # long ago
        (range(300), 30.0, 150),  # the detector had its turn on 0, 15, 30 ...
        (range(7, 300), 30.0, 157),
        ((*range(100), *range(111, 300)), 30.0, 156),  # and anew when somebody appeared
        (range(200, 300), 30.0, 200),
        ((*range(140, 160), *range(170, 300)), 30.0, 155),
        (range(152, 156), 30.0, 152),
    ],
)
def test_the_detector_gets_its_turn_on_the_same_frames(frames: range, seam: float, starts: int | None) -> None:
    found = replay_start(there(*frames), seam, every=1, detect_every=15)
    assert found == (None if starts is None else pytest.approx(starts / FPS))


def test_with_only_each_third_frame() -> None:
    assert replay_start(there(*range(0, 300, 3)), 30.0, every=3, detect_every=15) == pytest.approx(18.0)


def test_where_the_detector_had_no_turn_the_first_frame_will_do() -> None:
    assert replay_start(there(*range(1, 300)), 30.0, every=1, detect_every=1000) == pytest.approx(15.0)
