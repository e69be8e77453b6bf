"""The files of a run begin with its first result, and whatever happens before leaves everything as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.errors import OutputError
from realtime3d.sinks.run_files import RunFiles, remove_old
from realtime3d.sinks.sidecar import SidecarSink
from realtime3d.sinks.tables import CsvSink, TableOptions
from tests.helpers.io_faces import face, result, tiny_model


def files_of(folder: Path) -> tuple[RunFiles, Path, Path]:
    table, sidecar = folder / "a.csv", folder / "a.json"
    sinks = [CsvSink(table, TableOptions(tiny_model()))]
    return RunFiles(sinks, [SidecarSink(sidecar, {})], [table, sidecar]), table, sidecar


def test_old_files_stay_until_the_first_result(tmp_path: Path) -> None:
    files, table, sidecar = files_of(tmp_path)
    table.write_text("old")
    sidecar.write_text("{}")
    with files:
        assert (table.read_text(), sidecar.read_text()) == ("old", "{}")
        files.write(result(0, 0.0, face(0, 0)), None)
        assert table.read_text().startswith("frame,")


def test_a_run_that_fails_before_it_changes_nothing(tmp_path: Path) -> None:
    files, table, _ = files_of(tmp_path)
    table.write_text("old")
    with pytest.raises(RuntimeError), files:
        raise RuntimeError("the source")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert table.read_text() == "old"


def test_the_sidecar_is_finished_last(tmp_path: Path) -> None:
    class Failing(CsvSink):
        def __exit__(self, *failure: object) -> None:
            super().__exit__(*failure)
            assert '"running"' in (tmp_path / "a.json").read_text()
            raise OutputError("at the very end")

    files = RunFiles(
        [Failing(tmp_path / "a.csv", TableOptions(tiny_model()))], [SidecarSink(tmp_path / "a.json", {})], []
    )
    with pytest.raises(OutputError), files:
        files.write(result(0, 0.0, face(0, 0)), None)
    assert '"failed"' in (tmp_path / "a.json").read_text()


def test_what_a_killed_run_left_goes_with_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parts = tmp_path / "a.parquet.parts"
    parts.mkdir()
    for name in ("000000.parquet", ".000001.12-0123abcd.parquet", "whole.tmp"):
        (parts / name).write_bytes(b"x")
    for name in ("a.parquet", "a.parquet.previous", ".a.12-0123abcd.parquet", "mine.parquet"):
        (tmp_path / name).write_bytes(b"x")
    remove_old(path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.parquet"]


def test_other_files_in_the_folder_of_parts_are_not_ours(tmp_path: Path) -> None:
    parts = tmp_path / "a.parquet.parts"
    parts.mkdir()
    (parts / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(OutputError, match="cannot write"):
        remove_old(tmp_path / "a.parquet")
    assert (parts / "holiday.jpg").exists()
