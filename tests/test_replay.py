"""Recordings played again: at their times, in circles, from the command line."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import realtime3d as r3d
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.cli import main
from realtime3d.clock import Pacer
from realtime3d.replay import moments, play, read_table
from realtime3d.sinks.tables import CsvSink, TableOptions
from tests.helpers.avatars import moment, receiver, shipped_model, tracked


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A second of a mouth that opens, at 25 frames a second."""
    path = tmp_path / "clip.csv"
    with CsvSink(path, TableOptions(shipped_model(), blendshapes=True)) as sink:
        for i in range(25):
            sink.write(moment(i / 25, tracked({"jawOpen": i / 25}), index=i), None)
    return path


def test_read_table_is_public(table: Path) -> None:
    recording = r3d.read_table(table)
    jaws = [one.faces[0].blendshapes()["jawOpen"] for one in recording]
    assert jaws == pytest.approx([i / 25 for i in range(25)])


def test_a_pacer_waits_for_each_moment_and_does_not_hurry_after_a_delay() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        now[0] += seconds

    pacer = Pacer(2.0, lambda: now[0], sleep)
    for t in (5.0, 5.1, 5.2):
        pacer.wait(t)
    assert slept == [0.05, 0.05]
    now[0] += 0.04  # a little late: made up
    pacer.wait(5.3)
    assert slept[-1] == pytest.approx(0.01)
    now[0] += 10.0  # the machine slept
    for t in (5.4, 5.5):
        pacer.wait(t)
    assert slept[-1] == pytest.approx(0.05)
    free = Pacer(0.0, lambda: now[0], sleep)
    count = len(slept)
    free.wait(0.0)
    free.wait(1e9)
    assert len(slept) == count


def test_it_is_played_at_its_own_times(table: Path) -> None:
    recording = read_table(table)
    start = time.perf_counter()
    assert play(moments(recording, pace=4.0), []) == 25
    assert time.perf_counter() - start > 0.2
    assert play(moments(recording, pace=0.0), []) == 25


def test_a_loop_goes_on_in_time(table: Path) -> None:
    times = [one.frame.t_ns for one in itertools.islice(moments(read_table(table), pace=0, loop=True), 60)]
    steps = {round((b - a) / 1e6) for a, b in itertools.pairwise(times)}
    assert steps == {40}


def test_senders_get_every_frame(table: Path) -> None:
    with receiver() as got:
        (sender,) = Sending(SendOptions((f"udp://127.0.0.1:{got.port}",))).senders
        with sender:
            play(moments(read_table(table), pace=0), [sender])
        messages = [json.loads(packet) for packet in got.packets()]
    assert [m["faces"][0]["weights"]["jawOpen"] for m in messages[:-1]] == pytest.approx([i / 25 for i in range(25)])


def test_the_command_sends_writes_a_take_and_says_what_it_did(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = tmp_path / "take.csv"
    with receiver() as got:
        words = [
            "replay",
            str(table),
            "--pace",
            "0",
            "--send",
            f"udp://127.0.0.1:{got.port}",
            "--livelink-csv",
            str(take),
        ]
        assert main(words) == 0
        assert len(got.packets()) == 26
    said = capsys.readouterr().out
    assert "25 frames" in said and f"127.0.0.1:{got.port}" in said and str(take) in said
    assert len(take.read_text().splitlines()) == 26
    assert main(words) == 5  # the take is there already


def test_a_calibration_shapes_the_take_too(table: Path, tmp_path: Path) -> None:
    rules, take = tmp_path / "c.toml", tmp_path / "take.csv"
    rules.write_text("[weights.jawOpen]\nfull = 0.5\n")
    assert main(["replay", str(table), "-q", "--livelink-csv", str(take), "--calibration", str(rules)]) == 0
    header, *rows = [line.split(",") for line in take.read_text().splitlines()]
    assert float(rows[-1][header.index("JawOpen")]) == 1.0


def test_a_take_alone_teaches_the_neutral_face(table: Path, tmp_path: Path) -> None:
    rules, take = tmp_path / "c.toml", tmp_path / "take.csv"
    words = ["replay", str(table), "-q", "--pace", "0", "--livelink-csv", str(take), "--calibration", str(rules)]
    assert main([*words, "--learn", "head"]) == 0
    assert "neutral_z" not in rules.read_text()  # 600 mm is the default, and is where the face was
    assert rules.read_text().startswith("format = 1")
    assert main([*words, "--overwrite"]) == 0


def test_standard_output_holds_nothing_but_messages(table: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "realtime3d", "replay", str(table), "--send", "-"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(messages) == 26 and messages[-1]["type"] == "end"
    assert "25 frames" in done.stderr


def test_a_reader_that_goes_away_ends_it_quietly(table: Path) -> None:
    script = f"{sys.executable} -m realtime3d replay {table} --loop --send - | head -3"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 3 and "Traceback" not in done.stderr and "bug" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["no.csv", "--send", "-"], 4, "does not exist"),
        (["{table}"], 2, "say where to"),
        (["{table}", "--send", "abc://x"], 2, "cannot send to"),
        (["{table}", "--send", "vmc://no-such-host.invalid"], 5, "cannot find the host"),
        (["{table}", "--send", "-", "--pace", "-1"], 2, "--pace -1"),
        (["{table}", "--send", "-", "--rate", "0"], 2, "--rate 0"),
        (["{table}", "--send", "-", "--face", "x"], 2, "not a whole number"),
        (["{table}", "--send", "-", "--calibration", "none.toml"], 2, "cannot read the calibration"),
        (["{table}", "--livelink-csv", "{table}"], 5, "is the input"),
        (["{table}", "--livelink-csv", "x.csv", "--loop"], 2, "one turn"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(
    table: Path, words: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(["replay", *(word.replace("{table}", str(table)) for word in words)])
    except SystemExit as stopped:
        ended = int(str(stopped.code))
    assert ended == code
    said = capsys.readouterr().err
    assert line in said and len(said.splitlines()) == 1
