"""`--resume` meets files that are cut, tampered with, or another run's: no row is lost, none is mixed, no traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cli_clip import FRAMES, write_clip
from tests.helpers.faults import cases, fault
from tests.helpers.sidecars import set_state, snapshot

Video = Callable[..., Any]
REFUSED = "one line, exit code 5, that says how to go on; the files stay as they are"
WHOLE = "the table is whole again: each frame once"


def frames(table: Path) -> list[int]:
    return [int(line.split(",")[0]) for line in table.read_text().splitlines()[1:]]


@pytest.fixture
def table(video: Video, clip: Path, tmp_path: Path) -> Path:
    """The CSV of a finished run."""
    assert video(clip, "--csv", tmp_path / "a.csv").code == 0
    return tmp_path / "a.csv"


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "mp4"])
@fault("tables", "--resume of a run that is finished", "one line says so, exit code 0; the files stay as they are")
def test_nothing_is_left_to_do(kind: str, video: Video, clip: Path, tmp_path: Path) -> None:
    words = [f"--{kind.replace('mp4', 'overlay')}", tmp_path / f"a.{kind}"]
    assert video(clip, *words).code == 0
    before = snapshot(tmp_path)
    assert video(clip, *words, "--resume").code == 0
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "mp4"])
@pytest.mark.parametrize(
    "state",
    cases(
        "tables",
        REFUSED,
        {
            "--resume with another film, the first one finished": "complete",
            "--resume with another film, the first one killed": "running",
        },
    ),
)
def test_another_film_is_not_mixed_in(kind: str, state: str, video: Video, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [f"--{kind.replace('mp4', 'overlay')}", out / f"a.{kind}"]
    assert video(clip, *words).code == 0
    set_state(out / "a.json", state=state)
    before = snapshot(out)
    (tmp_path / "films").mkdir()
    other = write_clip(tmp_path / "films" / clip.name, 30)  # of the same name
    video(other, *words, "--resume").is_one_line(5, "other", "--overwrite")
    assert snapshot(out) == before


@pytest.mark.parametrize(
    "words",
    cases(
        "tables",
        REFUSED,
        {
            "--resume with another --start": ["--start", "0.5"],
            "--resume with another --every": ["--every", "2"],
            "--resume with other columns": ["--raw"],
            "--resume with another --fov": ["--fov", "80"],
        },
    ),
)
def test_other_settings_are_not_mixed_in(words: list[str], video: Video, clip: Path, table: Path) -> None:
    set_state(table.with_suffix(".json"))
    before = snapshot(table.parent)
    video(clip, "--csv", table, *words, "--resume").is_one_line(5, "--overwrite")
    assert snapshot(table.parent) == before


@fault("tables", "--resume with a table whose sidecar is gone", REFUSED)
def test_a_table_without_sidecar(video: Video, clip: Path, table: Path) -> None:
    table.with_suffix(".json").unlink()
    video(clip, "--csv", table, "--resume").is_one_line(5, "is missing or damaged")


@pytest.mark.parametrize(
    "change",
    cases(
        "tables",
        REFUSED,
        {
            "a sidecar whose frames are a list": {"frames": [1]},
            "a sidecar whose counts are text": {"frames": {"read": "many", "dropped": 0}},
            "a sidecar whose counts have 400 digits": {"frames": {"read": 10**400, "dropped": 0}},
            "a sidecar whose identities are text": {"identities": "all"},
            "a sidecar of another format": {"format": 2},
            "a sidecar without outputs": {"outputs": {}},
            "a sidecar whose settings are null": {"settings": None},
        },
    ),
)
def test_a_sidecar_with_odd_types(change: dict[str, Any], video: Video, clip: Path, table: Path) -> None:
    set_state(table.with_suffix(".json"), **change)
    video(clip, "--csv", table, "--resume").is_one_line(5, "a.json")


@pytest.mark.parametrize(
    "text",
    cases(
        "tables",
        REFUSED,
        {
            "a sidecar cut in the middle": '{"format": 1, "sta',
            "a sidecar nested 100,000 deep": "[" * 100_000,
            "an empty sidecar": "",
        },
    ),
)
def test_a_damaged_sidecar(text: str, video: Video, clip: Path, table: Path) -> None:
    table.with_suffix(".json").write_text(text)
    video(clip, "--csv", table, "--resume").is_one_line(5, "a.json")


def cut(lines: list[str]) -> str:
    return "".join(lines[:12])[:-40]


def with_garbage(lines: list[str]) -> str:
    return "".join(lines[:9]) + "\x00\x01garbage\n" + lines[9]


def with_time(value: str) -> Callable[[list[str]], str]:
    def change(lines: list[str]) -> str:
        cells = lines[10].split(",")
        lines[10] = ",".join([*cells[:2], value, *cells[3:]])
        return "".join(lines[:20])

    return change


def with_id(value: str) -> Callable[[list[str]], str]:
    def change(lines: list[str]) -> str:
        cells = lines[10].split(",")
        lines[10] = ",".join([cells[0], value, *cells[2:]])
        return "".join(lines[:20])

    return change


@pytest.mark.parametrize(
    ("change", "state"),
    cases(
        "tables",
        WHOLE,
        {
            "--resume of a table cut in a row": (cut, "running"),
            "--resume of a table cut in its header": (lambda lines: lines[0][:9], "running"),
            "--resume of an empty table": (lambda lines: "", "running"),
            "--resume of a table with a time that is no number": (with_time("nan"), "running"),
            "--resume of a table with an infinite time": (with_time("inf"), "running"),
            "--resume of a table with an id of 400 digits": (with_id("9" * 400), "running"),
            "--resume of a table with garbage in it": (with_garbage, "running"),
            "--resume of a table that a finished run made and somebody cut": (cut, "complete"),
        },
    ),
)
def test_a_damaged_table(change: Callable[[list[str]], str], state: str, video: Video, clip: Path, table: Path) -> None:
    sizes = json.loads(table.with_suffix(".json").read_text())["bytes"]
    set_state(table.with_suffix(".json"), state=state, bytes=sizes)
    table.write_text(change(table.read_text().splitlines(keepends=True)))
    assert video(clip, "--csv", table, "--resume").err == ""
    assert frames(table) == list(range(FRAMES))


@fault("tables", "--resume of a JSONL with garbage in it", WHOLE)
def test_a_damaged_jsonl(video: Video, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert video(clip, "--jsonl", path).code == 0
    set_state(tmp_path / "a.json")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8]) + '{"frame": 8, "timestamp": NaN, "faces": []}\n[[[\n' + lines[9])
    assert video(clip, "--jsonl", path, "--resume").err == ""
    assert [json.loads(line)["frame"] for line in path.read_text().splitlines()] == list(range(FRAMES))


@fault("tables", "--resume of several films, one of them finished", "the finished one is left, the others are done")
def test_resuming_a_batch(video: Video, clip: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", write_clip(tmp_path / "other.mp4", frames=8)
    out.mkdir()
    assert video(clip, "--csv", out / "clip.csv").code == 0
    before = (out / "clip.csv").stat().st_mtime_ns
    assert video(clip, other, "--csv", out, "--resume").code == 0
    assert (out / "clip.csv").stat().st_mtime_ns == before
    assert frames(out / "other.csv") == list(range(8))


@fault("tables", "--resume after the film was copied to another folder", "goes on: the film is the same")
def test_a_film_may_be_moved(video: Video, clip: Path, table: Path) -> None:
    moved = table.parent / "moved" / clip.name
    moved.parent.mkdir()
    shutil.copy(clip, moved)
    set_state(table.with_suffix(".json"))
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:10]))
    assert video(moved, "--csv", table, "--resume").err == ""
    assert frames(table) == list(range(FRAMES))
