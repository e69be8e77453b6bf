"""`--resume` meets the parts of a Parquet table that a killed run left, whole and damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.cli_clip import FRAMES, write_clip
from tests.helpers.faults import cases, fault
from tests.helpers.sidecars import set_state, snapshot

Video = Callable[..., Any]
REFUSED = "one line, exit code 5, that says how to go on; the files stay as they are"
WHOLE = "the table is whole again: each frame once"


def parts_of(path: Path, pieces: int = 3) -> list[Path]:
    """A finished Parquet as a killed run would have left it."""
    import pyarrow.parquet

    whole = pyarrow.parquet.read_table(path)
    path.unlink()
    folder = path.with_name(path.name + ".parts")
    folder.mkdir()
    step = whole.num_rows // pieces
    made = []
    for number in range(pieces):
        made.append(folder / f"{number:06d}.parquet")
        pyarrow.parquet.write_table(whole.slice(number * step, step), made[-1])
    return made


def write_other(path: Path, **columns: Any) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)


@pytest.mark.parametrize(
    "damage",
    cases(
        "tables",
        REFUSED,
        {
            "--resume with a part that is cut": lambda part: part.write_bytes(part.read_bytes()[:-30]),
            "--resume with a part of no bytes": lambda part: part.write_bytes(b""),
            "--resume with a part that is text": lambda part: part.write_text("frame,face_id\n" * 9),
            "--resume with a part of other columns": lambda part: write_other(
                part, timestamp=[0.0], face_id=[0], x=[1]
            ),
            "--resume with a part without times": lambda part: write_other(part, face_id=[0]),
            "--resume with a part whose times are text": lambda part: write_other(part, timestamp=["0"], face_id=[0]),
            "--resume with a part whose times are no numbers": lambda part: write_other(
                part, timestamp=[np.nan], face_id=[0]
            ),
        },
    ),
)
def test_damaged_parts(damage: Callable[[Path], None], video: Video, clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    path = tmp_path / "a.parquet"
    assert video(clip, "--parquet", path).code == 0
    set_state(tmp_path / "a.json")
    damage(parts_of(path)[1])
    before = snapshot(tmp_path)
    video(clip, "--parquet", path, "--resume").is_one_line(5, "a.parquet")
    assert snapshot(tmp_path) == before


@fault("tables", "--resume with whole parts of the same run", WHOLE)
def test_whole_parts_go_on(video: Video, clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    import pyarrow.parquet

    path = tmp_path / "a.parquet"
    assert video(clip, "--parquet", path).code == 0
    set_state(tmp_path / "a.json")
    parts_of(path)[2].unlink()
    assert video(clip, "--parquet", path, "--resume").err == ""
    assert pyarrow.parquet.read_table(path)["frame"].to_pylist() == list(range(FRAMES))
    assert not path.with_name("a.parquet.parts").exists()


@fault("tables", "--overwrite of a Parquet with another film, killed at the start, then --resume", "only the new film")
def test_old_rows_are_not_taken_for_new_ones(video: Video, clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    import pyarrow.parquet

    path, other = tmp_path / "a.parquet", write_clip(tmp_path / "other.mp4", frames=30)
    assert video(clip, "--parquet", path).code == 0
    old = path.read_bytes()
    assert video(other, "--parquet", path, "--overwrite").code == 0
    set_state(tmp_path / "a.json")  # killed after its first parts
    parts_of(path)[2].unlink()
    path.write_bytes(old)  # as if the old film's file were still there
    answer = video(other, "--parquet", path, "--resume")
    if answer.code == 0:
        assert pyarrow.parquet.read_table(path)["frame"].to_pylist() == list(range(30))
    else:
        answer.is_one_line(5, "--overwrite")
