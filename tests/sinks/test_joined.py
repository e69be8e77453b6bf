"""Tables of parts put together: ids across the seam, in any order of appearance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
import pyarrow
import pyarrow.parquet

from realtime3d.errors import OutputError
from realtime3d.sinks.joined import Part, join_tables

LEFT, RIGHT, MIDDLE = 0.0, 200.0, 100.0
FPS = 10


def write(path: Path, rows: list[tuple[int, int, float, float]]) -> Path:
    """(frame, face_id, box_x, id_0) for each row."""
    frame, face, x, shape = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns: dict[str, Any] = {
        "frame": pyarrow.array(frame, pyarrow.int64()),
        "face_id": pyarrow.array(face, pyarrow.int32()),
        "timestamp": pyarrow.array([f / FPS for f in frame], pyarrow.float64()),
        "box_x": pyarrow.array(x, pyarrow.float32()),
        "id_0": pyarrow.array(shape, pyarrow.float32()),
    }
    for name, value in (("box_y", 10.0), ("box_w", 50.0), ("box_h", 60.0)):
        columns[name] = pyarrow.array([value] * len(frame), pyarrow.float32())
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def joined(folder: Path) -> list[tuple[int, int, float]]:
    table = pyarrow.concat_tables([pyarrow.parquet.read_table(part) for part in sorted(folder.glob("part-*"))])
    return [
        (f, i, round(s, 3))
        for f, i, s in zip(
            table["frame"].to_pylist(), table["face_id"].to_pylist(), table["id_0"].to_pylist(), strict=True
        )
    ]


def test_who_goes_on_keeps_the_id(tmp_path: Path) -> None:
    """Two people change their order; a third one comes later; one that the second part saw only before is left out."""
    first = [(f, i, (LEFT, RIGHT)[i], 1.0 + i) for f in range(10) for i in range(2)]
    second = [(f, i, (RIGHT, LEFT)[i], 5.0 + i) for f in range(6, 20) for i in range(2)]
    second += [(f, 2, MIDDLE, 9.0) for f in range(15, 20)] + [(7, 3, 900.0, 0.0)]
    parts = [Part(write(tmp_path / "0.parquet", first), 0.0), Part(write(tmp_path / "1.parquet", sorted(second)), 1.0)]
    (tmp_path / "out").mkdir()
    seams = join_tables(parts, tmp_path / "out")
    assert seams[1].names == {0: 1, 1: 0, 2: 2}
    assert seams[1].agreeing == 8
    rows = joined(tmp_path / "out")
    assert [(f, i) for f, i, _ in rows if f < 10] == [(f, i) for f in range(10) for i in range(2)]
    assert {(i, s) for f, i, s in rows if f >= 10} == {(1, 5.0), (0, 6.0), (2, 9.0)}


def test_frozen_shapes_hold_in_later_parts(tmp_path: Path) -> None:
    first = [(f, 0, LEFT, 1.0 + 0.1 * min(f, 5)) for f in range(10)]
    second = [(f, 0, LEFT, 7.0) for f in range(6, 20)]
    third = [(f, 4, LEFT, 8.0) for f in range(16, 30)] + [(f, 5, RIGHT, 3.0) for f in range(20, 30)]
    parts = [
        Part(write(tmp_path / "0.parquet", first), 0.0, frozenset({0})),
        Part(write(tmp_path / "1.parquet", second), 1.0),
        Part(write(tmp_path / "2.parquet", sorted(third)), 2.0, frozenset({4})),
    ]
    (tmp_path / "out").mkdir()
    join_tables(parts, tmp_path / "out")
    rows = joined(tmp_path / "out")
    assert {s for f, i, s in rows if i == 0 and f >= 5} == {1.5}
    assert {s for f, i, s in rows if i == 1} == {3.0}


def test_nobody_at_the_seam(tmp_path: Path) -> None:
    parts = [
        Part(write(tmp_path / "0.parquet", [(f, 0, LEFT, 1.0) for f in range(3)]), 0.0),
        Part(write(tmp_path / "1.parquet", []), 1.0),
        Part(write(tmp_path / "2.parquet", [(f, 0, LEFT, 1.0) for f in range(25, 28)]), 2.0),
    ]
    (tmp_path / "out").mkdir()
    join_tables(parts, tmp_path / "out")
    assert [(f, i) for f, i, _ in joined(tmp_path / "out")] == [(0, 0), (1, 0), (2, 0), (25, 1), (26, 1), (27, 1)]


def test_a_damaged_part_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "0.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(OutputError, match="cannot be read"):
        join_tables([Part(tmp_path / "0.parquet", 0.0)], tmp_path)
