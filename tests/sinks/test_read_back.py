"""Tables read back are what was written, whatever their kind; damaged ones are one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.face.state import FrameResult
from realtime3d.sinks.base import Sink
from realtime3d.sinks.read_back import Recording, read_recording
from realtime3d.sinks.sidecar import SidecarSink
from realtime3d.sinks.tables import CsvSink, JsonlSink, TableOptions
from tests.helpers.io_faces import CAMERA, face, result, tiny_model
from tests.helpers.io_sinks import needs_arrow

KINDS = ["csv", "jsonl", pytest.param("parquet", marks=needs_arrow)]


def sink_of(kind: str) -> Callable[[Path, TableOptions], Sink]:
    if kind == "parquet":
        from realtime3d.sinks.parquet import ParquetSink

        return ParquetSink
    return CsvSink if kind == "csv" else JsonlSink


def written(folder: Path, kind: str, results: list[FrameResult], **options: Any) -> Path:
    path = folder / f"a.{kind}"
    table = TableOptions(tiny_model(), **options)
    with sink_of(kind)(path, table) as sink, SidecarSink(path.with_suffix(".json"), {}) as sidecar:
        for one in results:
            sink.write(one, None)
            sidecar.write(one, None)
    return path


def read(path: Path) -> Recording:
    return read_recording(path, tiny_model())


SCENE = [
    result(0, 0.0, face(0, 1), face(3, 2, held=True)),
    result(1, 0.04, face(3, 3)),
    result(2, 0.08),
    result(3, 0.12),
    result(4, 0.16, face(0, 4)),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blendshapes", [True, False])
def test_it_is_what_was_written(tmp_path: Path, kind: str, blendshapes: bool) -> None:
    recording = read(written(tmp_path, kind, SCENE, blendshapes=blendshapes))
    found = list(recording)
    assert [one.frame.index for one in found] == [0, 1, 2, 3, 4]
    assert [one.frame.t_ns for one in found] == pytest.approx([one.frame.t_ns for one in SCENE], abs=2000)
    assert [[f.id for f in one.faces] for one in found] == [[0, 3], [3], [], [], [0]]
    assert [one.lost for one in found] == [(), (0,), (3,), (), ()]
    assert recording.camera == CAMERA
    for before, after in zip(SCENE, found, strict=True):
        for a, b in zip(before.faces, after.faces, strict=True):
            assert b.status == a.status and b.confidence == pytest.approx(a.confidence, abs=1e-4)
            assert pytest.approx(a.pose.R, abs=1e-5) == b.pose.R and b.pose.t == pytest.approx(a.pose.t, abs=1e-3)
            assert b.expression == pytest.approx(a.expression, abs=1e-5)
            assert b.shape == pytest.approx(a.shape, abs=1e-5)
            if blendshapes:
                assert b.blendshapes() == pytest.approx(a.blendshapes(), abs=1e-4)
            assert b.vertices().shape == (70, 3) and np.isfinite(b.landmarks()).all()
    assert recording.has_weights is blendshapes
    assert ("gaze and tongue at rest" in recording.note) is not blendshapes


def test_weights_are_computed_where_the_table_has_none(tmp_path: Path) -> None:
    (one, *_) = list(read(written(tmp_path, "csv", SCENE)))
    expected = tiny_model().blendshapes(SCENE[0].faces[0].expression, np.zeros(5))
    assert one.faces[0].blendshapes() == pytest.approx(expected, abs=1e-3)


def test_it_can_be_gone_through_again_and_takes_no_memory_for_pictures(tmp_path: Path) -> None:
    recording = read(written(tmp_path, "csv", SCENE))
    assert [r.frame.index for r in recording] == [r.frame.index for r in recording]
    assert recording.duration_s == pytest.approx(0.16 + 0.08, abs=0.05)
    image = next(iter(recording)).frame.image
    assert image.shape == (96, 160, 3) and image.strides == (0, 0, 0)


def test_every_third_frame_is_no_gap(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", [result(i, i / 25, face(0, i)) for i in range(0, 30, 3)])
    assert [one.frame.index for one in read(path)] == list(range(0, 30, 3))


def test_a_table_without_its_sidecar_still_has_a_camera(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", SCENE)
    path.with_suffix(".json").unlink()
    assert read(path).camera.width == 1280
    path.with_suffix(".json").write_text(json.dumps({"format": 1, "camera": {"fx": "odd"}}))
    assert read(path).camera.width == 1280


def test_spaces_and_a_byte_order_mark_are_taken(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", SCENE)
    path.write_text("﻿" + path.read_text().replace(",", ", "), encoding="utf-8")
    assert len(list(read(path))) == 5


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_cut_off_end_of_a_killed_run_is_left_out(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, [result(i, i / 25, face(0, i)) for i in range(6)])
    path.write_bytes(path.read_bytes()[:-400])
    assert [one.frame.index for one in read(path)] == [0, 1, 2, 3, 4]


def without(column: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        header, rest = path.read_text().split("\n", 1)
        path.write_text(header.replace(column, column + "_x", 1) + "\n" + rest)

    return change


def line(number: int, text: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        lines = path.read_text().splitlines()
        lines[number] = text
        path.write_text("\n".join(lines) + "\n")

    return change


@pytest.mark.parametrize(
    ("kind", "damage", "said"),
    [
        ("csv", without("pose_Rx"), "lacks pose_Rx"),
        ("csv", without("exp_7"), "lacks exp_0"),
        ("csv", line(2, "1,2,3"), "line 3: .* columns were expected"),
        ("csv", line(2, "a" + "," * 141), "line 3"),
        ("csv", lambda path: path.write_text(path.read_text().replace(",0.040000,", ",nan,")), "without a time"),
        ("csv", lambda path: path.write_text(path.read_text().replace(",0.040000,", ",9.0,")), "do not rise"),
        ("csv", lambda path: path.write_bytes(b"\xff\xfe\x00binary"), "cannot read"),
        ("csv", lambda path: path.write_text(""), "lacks frame"),
        ("csv", lambda path: path.write_text(path.read_text().splitlines()[0] + "\n"), "nobody was seen"),
        ("csv", lambda path: path.unlink(), "does not exist"),
        ("jsonl", line(1, "{}"), "line 2: no frame"),
        ("jsonl", line(1, "[1, 2]"), "line 2: no frame"),
        ("jsonl", line(1, "no json"), "line 2: no frame"),
        ("jsonl", lambda path: path.write_text(""), "lacks frame"),
        pytest.param("parquet", lambda path: path.write_bytes(b"PAR1 no"), "no Parquet table", marks=needs_arrow),
    ],
)
def test_what_is_no_table_is_one_clear_line(
    tmp_path: Path, kind: str, damage: Callable[[Path], None], said: str
) -> None:
    path = written(tmp_path, kind, SCENE)
    damage(path)
    with pytest.raises(SourceError, match=said) as caught:
        list(read(path))
    assert "\n" not in str(caught.value)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no table: name a .csv"):
        read(tmp_path / "a.mp4")
