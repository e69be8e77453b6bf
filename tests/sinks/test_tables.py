"""What CSV, JSONL and Parquet hold: columns, units, types."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import MissingError, extra_line
from realtime3d.geometry import matrix_to_euler
from realtime3d.sinks.tables import CsvSink, JsonlSink, TableOptions
from tests.helpers.io_faces import ARKIT, face, result, tiny_model
from tests.helpers.io_sinks import (
    CONTRACT,
    POSE,
    TABLE,
    feed,
    needs_arrow,
    parquet_sink,
)


def test_the_csv_has_the_columns_of_the_contract(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        sink.write(result(7, 0.28, face(3, 1), face(4, 2, held=True)), None)
        sink.write(result(8, 0.32), None)
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == CONTRACT
    assert [(row["frame"], row["face_id"], row["timestamp"], row["success"]) for row in rows] == [
        ("7", "3", "0.280000", "1"),
        ("7", "4", "0.280000", "0"),
    ]


def test_the_csv_has_the_units_and_signs_of_openface(tmp_path: Path) -> None:
    shown = face(0, 1)
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        sink.write(result(0, 0.0, shown), None)
    with open(tmp_path / "a.csv", newline="") as file:
        row = {name: float(value) for name, value in next(csv.DictReader(file)).items()}
    assert [row[f"pose_T{axis}"] for axis in "xyz"] == pytest.approx(shown.pose.t, abs=5e-4)
    angles = matrix_to_euler(shown.pose.R)
    assert angles == pytest.approx((0.1, -0.2, 0.301))
    assert [row[f"pose_R{axis}"] for axis in "xyz"] == pytest.approx(angles, abs=5e-7)
    left, top, right, bottom = shown.box
    assert [row[f"box_{name}"] for name in "xywh"] == pytest.approx((left, top, right - left, bottom - top), abs=0.02)
    assert [row[f"exp_{i}"] for i in range(29)] == pytest.approx(shown.expression, abs=1e-5)
    assert [row[f"id_{i}"] for i in range(99)] == pytest.approx(shown.shape, abs=1e-5)


def test_py_feat_reads_it_as_openfaces(tmp_path: Path) -> None:
    io = pytest.importorskip("feat.utils.io", reason="py-feat is not installed")
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        feed(sink, 5)
    table = io.read_openface(str(tmp_path / "a.csv"))
    assert list(table.facepose_columns) == list(POSE)
    assert table[list(POSE)].iloc[0].tolist() == pytest.approx([10.5, -20.25, 600.125, 0.1, -0.2, 0.3])


def test_more_columns_come_behind_the_contract(tmp_path: Path) -> None:
    options = TableOptions(tiny_model(), blendshapes=True, raw=True)
    with CsvSink(tmp_path / "a.csv", options) as sink:
        sink.write(result(0, 0.0, face(0, 1)), None)
        sink.write(result(1, 0.04, face(0, 2, saw_shape=False)), None)
    with open(tmp_path / "a.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])
    assert names[: len(CONTRACT)] == CONTRACT
    assert names[len(CONTRACT) : len(CONTRACT) + 52] == ARKIT
    rest = names[len(CONTRACT) + 52 :]
    assert all(name.startswith("raw_") for name in rest)
    assert {"raw_pose_Tx", "raw_pose_Rz", "raw_presence", "raw_exp_28", "raw_gazeLeftYaw", "raw_id_98"} <= set(rest)
    assert rows[0]["raw_id_0"] != ""
    assert {rows[1][f"raw_id_{i}"] for i in range(99)} == {""}
    assert None not in rows[1].values()


def test_every_row_of_the_csv_is_in_the_file_at_once(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TABLE) as sink:
        for i in range(3):
            sink.write(result(i, i / 25, face(0, i)), None)
            assert len((tmp_path / "a.csv").read_text().splitlines()) == 2 + i


def test_live_times_count_from_the_opening(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "a.csv", TableOptions(tiny_model(), zero_ns=5_000_000_000_000)) as sink:
        sink.write(result(0, 5000.25, face()), None)
    assert ",0.250000," in (tmp_path / "a.csv").read_text()


def test_numbers_that_are_not_finite_do_not_break_a_line(tmp_path: Path) -> None:
    broken = face(0, 1)
    broken.expression[3] = np.nan
    with JsonlSink(tmp_path / "a.jsonl", TABLE) as lines, CsvSink(tmp_path / "a.csv", TABLE) as rows:
        for sink in (lines, rows):
            sink.write(result(0, 0.0, broken), None)
    assert json.loads((tmp_path / "a.jsonl").read_text())["faces"][0]["exp"][3] is None
    with open(tmp_path / "a.csv", newline="") as file:
        assert np.isnan(float(next(csv.DictReader(file))["exp_3"]))


def test_jsonl_has_a_line_for_every_frame(tmp_path: Path) -> None:
    options = TableOptions(tiny_model(), blendshapes=True, raw=True)
    with JsonlSink(tmp_path / "a.jsonl", options) as sink:
        sink.write(result(0, 0.0), None)
        sink.write(result(1, 0.04, face(2, 1, frozen=True), dropped=3), None)
    empty, full = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    assert empty == {"frame": 0, "timestamp": 0.0, "faces": [], "lost": [], "dropped": 0}
    assert full["dropped"] == 3
    found = full["faces"][0]
    assert (found["face_id"], found["status"], found["id_frozen"]) == (2, "tracked", True)
    assert set(found["blendshapes"]) == set(ARKIT)
    assert len(found["raw"]["id"]) == len(found["id"]) == 99


@needs_arrow
def test_parquet_is_typed_and_says_what_it_holds(tmp_path: Path) -> None:
    import pyarrow.parquet

    from realtime3d.sinks.parquet import ParquetSink

    path = tmp_path / "a.parquet"
    options = TableOptions(tiny_model(), raw=True)
    with ParquetSink(path, options, rows_per_part=4) as sink:
        feed(sink, 9)
        sink.write(result(9, 0.36, face(1, 9, saw_shape=False)), None)
        assert pyarrow.parquet.read_table(f"{path}.parts").num_rows == 8  # a data set while the run goes on
    table = pyarrow.parquet.read_table(path)
    assert table.column_names[: len(CONTRACT)] == CONTRACT
    assert table["frame"].to_pylist() == list(range(10))
    kinds = {name: str(table.schema.field(name).type) for name in ("frame", "timestamp", "success", "pose_Tx", "exp_0")}
    assert kinds == {"frame": "int64", "timestamp": "double", "success": "int8", "pose_Tx": "double", "exp_0": "float"}
    assert table["raw_id_5"].null_count == 1
    assert b"radians" in table.schema.metadata[b"realtime3d.pose_R"]
    assert not Path(f"{path}.parts").exists()


@needs_arrow
def test_row_groups_of_the_whole_file_are_larger_than_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet

    from realtime3d.sinks import parquet

    monkeypatch.setattr(parquet, "ROWS_PER_GROUP", 10)
    with parquet.ParquetSink(tmp_path / "a.parquet", TABLE, rows_per_part=4) as sink:
        feed(sink, 30)
    file = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [12, 12, 6]
    assert file.read()["frame"].to_pylist() == list(range(30))


def test_without_pyarrow_the_line_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingError, match=re.escape(extra_line("parquet"))):
        parquet_sink(tmp_path / "a.parquet")
