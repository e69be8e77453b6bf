"""`--send` of `video` and `live`, from the command line to a receiver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from realtime3d import cli
from realtime3d.sinks.livelink_csv import rows
from tests.helpers.avatars import Receiver, receiver, until
from tests.helpers.cli_clip import FPS, FRAMES
from tests.helpers.faults import fault
from tests.helpers.paths import ROOT

Video = Callable[..., int]


def faces(got: Receiver) -> list[dict]:
    return [json.loads(packet) for packet in got.packets()]


def test_a_film_is_sent_at_its_own_times(video: Video, clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver() as got:
        start = time.perf_counter()
        assert video(clip, "--send", f"udp://127.0.0.1:{got.port}") == 0
        seconds = time.perf_counter() - start
        messages = faces(got)
    assert seconds > (FRAMES - 1) / FPS
    assert messages[-1]["type"] == "end"
    numbers = [message["frame"] for message in messages[:-1]]
    assert numbers == sorted(set(numbers)) and len(numbers) > FRAMES / 2  # the newest, whatever the machine is doing
    assert all(message["faces"][0]["present"] for message in messages[:-1])
    assert f"sent to 127.0.0.1:{got.port}: {len(numbers)} frames" in capsys.readouterr().out


def test_or_as_fast_as_can_be(video: Video, clip: Path) -> None:
    with receiver() as got:
        assert video(clip, "-q", "--pace", "0", "--send", f"udp://127.0.0.1:{got.port}") == 0
        assert faces(got)[-1]["type"] == "end"


def test_tables_are_not_changed_by_what_shapes_the_avatar(video: Video, clip: Path, tmp_path: Path) -> None:
    plain, shaped, rules = tmp_path / "plain.csv", tmp_path / "shaped.csv", tmp_path / "c.toml"
    rules.write_text("[weights.mouth]\ngain = 3.0\n[head]\nyaw = 40.0\n")
    assert video(clip, "-q", "--csv", plain, "--blendshapes") == 0
    with receiver() as got:
        target = f"udp://127.0.0.1:{got.port}"
        words = ["-q", "--csv", shaped, "--blendshapes", "--send", target, "--pace", "0", "--calibration", rules]
        assert video(clip, *words, "--swap-sides", "--livelink-csv", tmp_path / "take.csv") == 0
    assert plain.read_bytes() == shaped.read_bytes()
    assert len(rows(tmp_path / "take.csv")) == FRAMES
    sent = json.loads(shaped.with_suffix(".json").read_text())["sent"]
    assert sent["targets"] == [target.removeprefix("udp://")] and "yaw = 40.0" in sent["calibration"]
    assert "swap_sides = true" in sent["calibration"]
    assert "sent" not in json.loads(plain.with_suffix(".json").read_text())


def test_a_persons_calibration_lies_beside_the_profile(video: Video, clip: Path, tmp_path: Path) -> None:
    profile = tmp_path / "me.json"
    with receiver() as got:
        words = ["-q", "--pace", "0", "--send", f"udp://127.0.0.1:{got.port}", "--profile", profile]
        assert video(clip, *words) == 0
        assert not (tmp_path / "me.calibration.toml").exists()
        assert video(clip, *words, "--learn", "head") == 0
        assert "neutral_" in (tmp_path / "me.calibration.toml").read_text()
        got.packets()
        assert video(clip, *words) == 0
        turns = [message["faces"][0]["head"]["rotation"] for message in faces(got) if message.get("faces")]
    assert all(abs(angle) < 3 for turn in turns for angle in turn)


def test_a_resumed_run_continues_its_take(video: Video, clip: Path, tmp_path: Path) -> None:
    take, table = tmp_path / "take.csv", tmp_path / "a.csv"
    assert video(clip, "-q", "--csv", table, "--livelink-csv", take) == 0
    lines = take.read_text().splitlines(keepends=True)
    take.write_text("".join(lines[:5]) + lines[5][:30])  # killed
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:6]))
    assert video(clip, "-q", "--csv", table, "--livelink-csv", take, "--resume") == 0
    assert [line.split(",")[0] for line in take.read_text().splitlines()] == [line.split(",")[0] for line in lines]


def test_several_films_have_takes_in_a_folder(video: Video, clip: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(clip.read_bytes())
    assert video(clip, other, "-q", "--livelink-csv", f"{tmp_path / 'takes'}/", "--csv", f"{tmp_path / 'takes'}/") == 0
    assert {path.name for path in (tmp_path / "takes").glob("*.livelink.csv")} == {
        f"{clip.stem}.livelink.csv", "other.livelink.csv"
    }  # fmt: skip


@fault(
    "avatars",
    "a protocol, host, rate or calibration that there is not",
    "one line, exit code 2 or 5, before the first frame",
)
@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["--send", "abc://x"], 2, "cannot send to 'abc://x'"),
        (["--send", "vmc://no-such-host.invalid"], 5, "cannot find the host"),
        (["--send", "-", "--rate", "-1"], 2, "--rate -1"),
        (["--send", "-", "--calibration", "none.toml"], 2, "cannot read the calibration"),
        (["--livelink-csv", "take.txt"], 2, "name it take"),
    ],
)
def test_what_cannot_be_meant_ends_before_the_first_frame(
    video: Video, clip: Path, words: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert video(clip, *words) == code
    said = capsys.readouterr()
    assert line in said.err and len(said.err.splitlines()) == 1 and said.out == ""


def test_standard_output_holds_nothing_but_messages(clip: Path, without_nets: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "realtime3d", "video", str(clip), "--send", "-", *without_nets],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [message["frame"] for message in messages[:-1]] == list(range(FRAMES))  # every one: a pipe waits
    assert f"{FRAMES} frames" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_live_sends_until_ctrl_c_and_says_how_old_the_pictures_were(without_nets: list[str]) -> None:
    with receiver() as got:
        words = [
            "live",
            "--no-window",
            "--send",
            f"udp://127.0.0.1:{got.port}",
            "--send",
            "ws://127.0.0.1:9/x?k=secret",
        ]
        camera = ROOT / "tests" / "helpers" / "fake_camera.py"
        child = subprocess.Popen(
            [sys.executable, str(camera), *words, *without_nets],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            heard: list[dict] = []
            assert until(lambda: heard.extend(faces(got)) or len(heard) > 20, 30), child.poll()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()
            child.wait()
        heard += faces(got)
    assert child.returncode == 130
    assert heard[-1]["type"] == "end"
    assert f"sent to 127.0.0.1:{got.port}: " in out and "ms after the picture (p95" in out
    assert "  ws://127.0.0.1:9/x: not connected" in out and "secret" not in out + err
    assert "Traceback" not in err


def test_help_of_live_and_video_names_every_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("live", "video", "replay"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        said = " ".join(capsys.readouterr().out.split())
        assert all(
            name in said for name in ("vmc", "livelink", "ifacialmocap", "vts", "openseeface", "osc", "udp", "ws")
        )
        assert ("--pace" in said) is (command != "live")
