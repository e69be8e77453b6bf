"""A batch from its films to its files, with workers that are no processes."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
import pyarrow.parquet

import realtime3d as r3d
from realtime3d.batch.plan import BatchJob
from realtime3d.errors import MissingError, OutputError, SourceError
from tests.batch.conftest import FRAMES, Batch
from tests.helpers.batches import HereCrew
from tests.helpers.faults import fault

Jobs = Callable[..., BatchJob]


def rows(out: Path, film: str) -> Any:
    parts = sorted((out / "table" / f"film={film}").iterdir())
    return pyarrow.concat_tables([pyarrow.parquet.read_table(part, partitioning=None) for part in parts])


def films_csv(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "films.csv", newline="", encoding="utf-8") as file:
        return {row["film"]: row for row in csv.DictReader(file)}


def test_each_film_has_the_rows_of_a_run_of_its_own(batch: Batch, job: Jobs, films: Path, tmp_path: Path) -> None:
    summary = batch()
    assert (summary.counts.done, summary.rows) == (3, sum(FRAMES.values()))
    for film in FRAMES:
        alone = tmp_path / f"{film}.parquet"
        wanted = job().each
        with wanted.tracker() as tracker:
            r3d.run(films / f"{film}.mp4", parquet=alone, tracker=tracker)
        assert rows(tmp_path / "out", film).equals(pyarrow.parquet.read_table(alone))


def test_what_is_there_at_the_end(batch: Batch, tmp_path: Path) -> None:
    batch()
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "films",
        "films.csv",
        "manifest.sqlite",
        "summary.html",
        "table",
    ]
    sidecar = json.loads((out / "films" / "a" / "a.json").read_text())
    assert (sidecar["state"], sidecar["frames"]["read"]) == ("complete", FRAMES["a"])
    table = films_csv(out)
    assert {name: (int(row["frames"]), row["state"]) for name, row in table.items()} == {
        name: (frames, "done") for name, frames in FRAMES.items()
    }
    page = (out / "summary.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<svg") == 3


def test_the_same_command_again_does_nothing(batch: Batch, job: Jobs, tmp_path: Path) -> None:
    batch()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "table").rglob("*.parquet")}
    crew = HereCrew(job())
    summary = batch(crew=crew)
    assert (summary.kept, summary.counts.done, crew.given) == (3, 3, [])
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "table").rglob("*.parquet")}


@fault("batch", "films are added or change between two runs", "those are done, the others not again")
def test_new_films_are_added_and_changed_ones_done_again(batch: Batch, job: Jobs, films: Path, tmp_path: Path) -> None:
    batch()
    (films / "d.mp4").write_bytes((films / "a.mp4").read_bytes())
    (films / "b.mp4").write_bytes((films / "c.mp4").read_bytes())
    crew = HereCrew(job())
    assert batch(crew=crew).counts.done == 4
    assert sorted(task.film.name for task in crew.given) == ["b", "d"]
    assert rows(tmp_path / "out", "b").num_rows == FRAMES["c"]


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be there")
@fault("batch", "films with line breaks or bytes that are no text in their names", "done like any other, also in parts")
def test_odd_names_of_films(batch: Batch, films: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    for name in ("new\nline", b"latin-\xe9".decode("utf-8", "surrogateescape")):
        (odd / f"{name}.mp4").write_bytes((films / "a.mp4").read_bytes())
    for out, more in ((tmp_path / "out", {}), (tmp_path / "parts", {"chunk_s": 0.5, "overlap_s": 0.2})):
        assert batch(odd, out=out, **more).counts.done == 2
        assert batch(odd, out=out, **more).kept == 2
        assert sorted(films_csv(out)) == ["latin-_", "new_line"]
        assert rows(out, "latin-_").num_rows == FRAMES["a"]


@fault("batch", "a link that leads nowhere", "set aside with its reason; the other films are done")
def test_a_broken_link(batch: Batch, films: Path, tmp_path: Path) -> None:
    (films / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    counts = batch().counts
    assert (counts.done, counts.aside) == (3, 1)
    assert "does not exist" in films_csv(tmp_path / "out")["gone"]["reason"]


def test_a_broken_film_is_set_aside_after_three_tries(batch: Batch, job: Jobs, films: Path, tmp_path: Path) -> None:
    (films / "broken.mp4").write_bytes(b"nothing of a film")
    crew = HereCrew(job())
    summary = batch(crew=crew)
    assert (summary.counts.done, summary.counts.aside, summary.failures) == (3, 1, 3)
    assert sum(task.film.name == "broken" for task in crew.given) == 3
    row = films_csv(tmp_path / "out")["broken"]
    assert row["state"] == "aside"
    assert "no video that can be read" in row["reason"]
    crew = HereCrew(job())
    batch(crew=crew)  # it stays where it is
    assert crew.given == []
    (films / "broken.mp4").write_bytes((films / "a.mp4").read_bytes())
    assert batch().counts.done == 4


def test_retry_tries_again(batch: Batch, job: Jobs, films: Path) -> None:
    (films / "broken.mp4").write_bytes(b"nothing of a film")
    batch()
    crew = HereCrew(job())
    assert batch(crew=crew, retry=True).counts.aside == 1
    assert len(crew.given) == 3


def test_a_film_without_faces_is_done(batch: Batch, job: Jobs, net_folder: Path, films: Path, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody.csv"
    nobody.write_text("frame,box_x,box_y,box_w,box_h\n")
    from dataclasses import replace

    from realtime3d.batch.run import run_batch

    wanted = job(films / "a.mp4")
    wanted = replace(wanted, each=replace(wanted.each, boxes=nobody))
    summary = run_batch(wanted, crew=HereCrew(wanted))
    assert (summary.counts.done, summary.frames, summary.rows) == (1, FRAMES["a"], 0)
    assert rows(tmp_path / "out", "a").num_rows == 0


def test_interrupted_and_gone_on(batch: Batch, tmp_path: Path) -> None:
    looks = iter([False, True])
    summary = batch(interrupted=lambda: next(looks, True))
    assert summary.counts.done == 1
    assert summary.counts.left == 2
    assert "still to do" in (tmp_path / "out" / "summary.html").read_text()
    assert batch().counts.done == 3
    assert sorted(path.name for path in (tmp_path / "out" / "table").iterdir()) == ["film=a", "film=b", "film=c"]


@fault("batch", "other settings in the same folder", "one line; nothing is mixed in")
def test_another_batch_is_refused(batch: Batch) -> None:
    batch()
    with pytest.raises(OutputError, match="other made"):
        batch(glb=True)
    assert batch(glb=True, overwrite=True).counts.done == 3


@fault("batch", "a worker with other nets", "one line; no row of it")
def test_other_nets_are_refused(batch: Batch, tmp_path: Path) -> None:
    """The first worker says which nets it has; one that has others must not add rows."""
    batch()
    with sqlite3.connect(tmp_path / "out" / "manifest.sqlite") as manifest:
        manifest.execute("UPDATE facts SET value = ? WHERE name = 'same'", ('{"value": "other"}',))
        manifest.execute("UPDATE films SET state = 'waiting' WHERE film = 'a'")
    with pytest.raises(OutputError, match="other nets"):
        batch()


@fault("batch", "two batches into one folder at once", "the second is told; the first goes on")
def test_two_at_once(batch: Batch, job: Jobs) -> None:
    inner: list[str] = []

    class Twice(HereCrew):
        def wait(self, timeout_s: float) -> list[Any]:
            with pytest.raises(OutputError, match="another run is writing"):
                batch()
            inner.append("refused")
            return super().wait(timeout_s)

    batch(crew=Twice(job()))
    assert len(inner) == 3


def test_what_is_made_beside_the_table(batch: Batch, tmp_path: Path) -> None:
    batch(overlay=True, glb=True)
    names = sorted(path.name for path in (tmp_path / "out" / "films" / "b").iterdir())
    assert names == ["b.glb", "b.json", "b.mp4"]


@fault(
    "batch",
    "the disk becomes full",
    "the batch ends with that line, no film is set aside; the same command goes on",
)
def test_a_full_disk_ends_the_batch(batch: Batch, job: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is nothing about a film: no film is set aside for it."""
    from realtime3d.batch import work

    def full(made: Path, place: Path) -> None:
        raise OutputError("cannot write it: the disk is full: make room or name another folder")

    monkeypatch.setattr(work, "_install", full)
    with pytest.raises(OutputError, match="disk is full"):
        batch()
    monkeypatch.undo()
    assert batch().counts.done == 3


@fault("batch", "nets that are not there", "one line")
def test_nets_that_are_missing_end_the_batch(films: Path, tmp_path: Path, job: Jobs) -> None:
    from dataclasses import replace

    from realtime3d.batch.run import run_batch

    wanted = job()
    config = wanted.each.config.updated({"models": {"set": str(tmp_path / "no nets")}})
    wanted = replace(wanted, each=replace(wanted.each, config=config), workers=1)
    with pytest.raises((MissingError, r3d.UsageError)):
        run_batch(wanted)


@fault("batch", "a folder without films", "one line")
def test_no_film(batch: Batch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SourceError, match="names no film"):
        batch(empty)


@pytest.mark.parametrize("overlap_s", [0.2, 0.4])
def test_parts_of_a_film_are_joined(batch: Batch, job: Jobs, films: Path, tmp_path: Path, overlap_s: float) -> None:
    from tests.helpers.cli_clip import write_clip

    write_clip(films / "long.mp4", 96)  # 4 s
    batch(films / "long.mp4", out=tmp_path / "parts", chunk_s=1.0, overlap_s=overlap_s)
    batch(films / "long.mp4")
    whole, parts = rows(tmp_path / "out", "long"), rows(tmp_path / "parts", "long")
    assert len(list((tmp_path / "parts" / "table" / "film=long").iterdir())) == 3
    for column in ("frame", "face_id", "timestamp"):
        assert parts[column].to_pylist() == whole[column].to_pylist()
    assert not (tmp_path / "parts" / "chunks" / "long").exists()
    sidecar = json.loads((tmp_path / "parts" / "films" / "long" / "long.json").read_text())
    assert [chunk["start_s"] for chunk in sidecar["chunks"]] == [0.0, 1.5, 2.5]
    assert sidecar["frames"] == {"first": 0, "last": 95, "read": 96, "dropped": 0}


@fault("batch", "a film that is shorter than its header says", "done with what is there")
def test_a_film_that_is_shorter_than_it_says(batch: Batch, job: Jobs, films: Path, tmp_path: Path) -> None:
    """The parts behind its end are empty."""
    wanted = job(films / "b.mp4", chunk_s=0.4, overlap_s=0.1)

    class Longer(HereCrew):
        def wait(self, timeout_s: float) -> list[Any]:
            (ended,) = super().wait(timeout_s)
            if "bounds" in (ended.result or {}):
                ended.result["bounds"][-1:] = [(ended.result["bounds"][-1][0], 2.0), (2.0, 3.0), (3.0, None)]
            return [ended]

    summary = batch(films / "b.mp4", chunk_s=0.4, overlap_s=0.1, crew=Longer(wanted))
    assert summary.counts.done == 1
    assert rows(tmp_path / "out", "b")["frame"].to_pylist() == list(range(FRAMES["b"]))
