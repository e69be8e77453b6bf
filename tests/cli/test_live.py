"""Whole runs of `realtime3d live`, with a camera and a screen that are not there."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from realtime3d import cli
from tests.helpers.paths import ROOT
from tests.helpers.x11_close import ask_to_close

FAKE_CAMERA = ROOT / "tests" / "helpers" / "fake_camera.py"

Live = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def live(without_nets: list[str]) -> Iterator[Live]:
    children = []

    def start(*words: object, display: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, str(FAKE_CAMERA), "live", *without_nets, *map(str, words)]
        environment = {**os.environ, "DISPLAY": display}
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()


def wait_until(done: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    for _ in range(600):
        if done():
            return
        assert child.poll() is None, child.communicate()
        time.sleep(0.05)
    raise AssertionError("nothing happened for half a minute")


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_headless_until_ctrl_c(live: Live, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    child = live("--no-window", "--csv", table)
    wait_until(lambda: table.exists() and table.read_bytes().count(b"\n") > 10, child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "camera 0: " in out
    assert "capture to result: p50" in out
    assert "Traceback" not in err
    facts = json.loads((tmp_path / "a.json").read_text())
    assert facts["state"] == "interrupted"
    assert facts["source"]["live"] is True


def test_a_camera_that_does_not_exist_is_4(live: Live) -> None:
    child = live("--camera", "7", "--no-window")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 4
    assert "camera 7 does not exist" in err.splitlines()[-1]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
def test_without_a_display_is_5(live: Live) -> None:
    child = live()
    _, err = child.communicate(timeout=60)
    assert child.returncode == 5
    assert "--no-window" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["clip.mp4"], "realtime3d video clip.mp4"),
        (["rtsp://host/a", "--camera", "1"], "not both"),
        (["--size", "big"], "1280x720"),
        (["--pixel-format", "JPEG2"], "four characters"),
        (["--camera", "-1"], "at least 0"),
        (["--view-3d"], "leave out --no-window"),
    ],
)
def test_wrong_usage_is_2(
    words: list[str], says: str, without_nets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(["live", "--no-window", *without_nets, *words, "-q"])
    except SystemExit as end:
        code = int(str(end.code))
    assert code == 2
    assert says in capsys.readouterr().err


@pytest.fixture
def display() -> Iterator[str]:
    """A screen nobody sees."""
    missing = [tool for tool in ("Xvfb", "xdotool") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)} (apt-get install xvfb xdotool)")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as number:
        name = f":{number.readline().strip()}"
    yield name
    server.terminate()
    server.wait()


def press(display: str, window: str, key: str) -> None:
    environment = {**os.environ, "DISPLAY": display}
    subprocess.run(["xdotool", "windowfocus", window], env=environment, check=True)
    subprocess.run(["xdotool", "key", "--window", window, key], env=environment, check=True)


def window_of(child: subprocess.Popen[str], display: str, title: str = "realtime3d: camera 0") -> str:
    """The number of the window, once it is there."""
    found: list[str] = []

    def window_is_there() -> bool:
        search = ["xdotool", "search", "--onlyvisible", "--name", title]
        done = subprocess.run(search, env={**os.environ, "DISPLAY": display}, capture_output=True, text=True)
        found[:] = done.stdout.split()
        return bool(found)

    wait_until(window_is_there, child)
    return found[0]


@pytest.mark.display
def test_a_real_window_obeys_its_keys(live: Live, display: str, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    child = live("--save-to", tmp_path, "--csv", table, display=display)
    window = window_of(child, display)
    wait_until(lambda: table.exists() and table.read_bytes().count(b"\n") > 5, child)
    press(display, window, "s")
    wait_until(lambda: (tmp_path / "snapshot-0001.png").exists(), child)
    press(display, window, "q")
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    assert "capture to display: p50" in out
    assert str(tmp_path / "snapshot-0001.png") in out


@pytest.mark.display
def test_closing_the_real_window_ends_with_finished_files(live: Live, display: str, tmp_path: Path) -> None:
    table, film = tmp_path / "a.csv", tmp_path / "a.mp4"
    child = live("--csv", table, "--overlay", film, display=display)
    window = window_of(child, display)
    wait_until(lambda: table.exists() and table.read_bytes().count(b"\n") > 5, child)
    ask_to_close(display, int(window))
    _, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    assert json.loads((tmp_path / "a.json").read_text())["state"] == "complete"
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == table.read_bytes().count(b"\n") - 1


@pytest.mark.display
def test_the_faces_in_3d_stand_beside_the_picture(live: Live, display: str, tmp_path: Path) -> None:
    pytest.importorskip("open3d", reason="the extra viewer is not installed")
    table = tmp_path / "a.csv"
    child = live("--view-3d", "--save-to", tmp_path, "--csv", table, display=display)
    beside = window_of(child, display, "realtime3d: 3D")
    press(display, beside, "t")
    press(display, beside, "s")
    wait_until((tmp_path / "view-0001.png").exists, child)
    environment = {**os.environ, "DISPLAY": display}
    ask_to_close(display, int(beside))
    title = ["xdotool", "search", "--name", "realtime3d: 3D"]
    wait_until(lambda: subprocess.run(title, env=environment, capture_output=True).returncode != 0, child)
    rows = table.read_bytes().count(b"\n")
    wait_until(lambda: table.read_bytes().count(b"\n") > rows + 5, child)  # the run goes on without it
    press(display, window_of(child, display), "q")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "view-0001.png" in out
    picture = cv2.imread(str(tmp_path / "view-0001.png"))
    assert picture is not None and len(np.unique(picture.reshape(-1, 3), axis=0)) > 50  # a shaded head


@pytest.mark.skipif(importlib.util.find_spec("open3d") is not None, reason="Open3D is installed")
@pytest.mark.display
def test_without_open3d_the_line_that_installs_it(live: Live, display: str) -> None:
    child = live("--view-3d", display=display)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 3
    assert "[viewer]" in err.splitlines()[-1]
