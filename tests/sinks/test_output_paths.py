"""Where outputs may go: nothing is overwritten unasked, least of all the input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from realtime3d.errors import OutputError
from realtime3d.files import check_output


def test_an_output_that_exists_is_refused_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(OutputError, match="--overwrite"):
        check_output(path, overwrite=False)
    check_output(path, overwrite=True)


@pytest.mark.parametrize("left", ["a.parquet.parts", "a.mp4.previous"])
def test_what_a_killed_run_left_is_not_thrown_away_unless_told(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir()
    path = tmp_path / left.rpartition(".")[0]
    with pytest.raises(OutputError, match="--resume"):
        check_output(path, overwrite=False)
    check_output(path, overwrite=True)


@pytest.mark.parametrize("way", ["same", "dots", "link", "hard link"])
def test_an_output_that_is_the_input_is_refused(tmp_path: Path, way: str) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    output = {
        "same": clip,
        "dots": tmp_path / "sub" / ".." / "clip.mp4",
        "link": tmp_path / "link.mp4",
        "hard link": tmp_path / "hard.mp4",
    }[way]
    if way == "link":
        output.symlink_to(clip)
    if way == "hard link":
        os.link(clip, output)
    with pytest.raises(OutputError, match="is the input"):
        check_output(output, overwrite=True, inputs=[clip])


def test_the_folders_above_an_output_are_made(tmp_path: Path) -> None:
    check_output(tmp_path / "a" / "b" / "c.csv", overwrite=False)
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["n" * 300 + ".csv", "a\0.csv", "file/below.csv", "folder"])
def test_impossible_outputs_are_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path / name, overwrite=True)
    assert "\n" not in str(caught.value)
