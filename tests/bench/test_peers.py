"""Peers in processes of their own: what is asked for, handed over, answered, and what goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest

from realtime3d.bench.peers.client import Frames, PeerProcess
from realtime3d.bench.peers.side_by_side import _started
from realtime3d.bench.peers.spec import KNOWN, Peer, parse
from realtime3d.errors import MissingError, UsageError

FAKE_TRACKER = """
import os, sys
os.system("echo a native library talks")
print("so does its own code")


class Tracker:
    def __init__(self, width, height, **options):
        assert (width, height, options["max_threads"]) == (64, 48, 1), options

    def predict(self, frame):
        return ["a face"] * int(frame[0, 0, 0] > 0)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of an OpenSeeFace checkout, its tracker a fake that sees a face wherever the picture is not black."""
    folder = tmp_path / "checkout"
    for file in KNOWN["openseeface"].files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("")
    for module in ("onnxruntime", "cv2"):
        (folder / f"{module}.py").write_text("__version__ = '0.1'")
    (folder / "tracker.py").write_text("import onnxruntime, cv2\n" + FAKE_TRACKER)
    return folder


@pytest.fixture
def frames() -> Iterator[Frames]:
    """Three pictures, the first without a face."""
    images = tuple(np.full((48, 64, 3), value, np.uint8) for value in (0, 100, 200))
    with closing(Frames(images, np.tile(np.array([8, 8, 40, 40], np.float32), (3, 1)))) as handed:
        yield handed


def peer(checkout: Path, name: str = "openseeface") -> Peer:
    return Peer(name, checkout, Path(sys.executable))


def test_blocks_are_measured_in_the_other_process(checkout: Path, frames: Frames) -> None:
    with closing(PeerProcess(peer(checkout), frames)) as process:
        assert process.versions["onnxruntime"] == "0.1" and process.versions["python"]
        for _ in range(2):
            times, cpu_ms = process.block(0.0)
            assert len(times) == 3 and min(times) >= 0 and cpu_ms >= 0
    assert process.frames == 6
    assert process.faces == 4  # 0 1 2 1 | 0 1: forwards and backwards without a cut


def test_what_a_peer_fails_with_is_one_line_that_names_its_environment(checkout: Path, frames: Frames) -> None:
    (checkout / "tracker.py").write_text("import a_package_that_is_not_there")
    with pytest.raises(MissingError, match=r"a_package_that_is_not_there.*needs .*onnxruntime") as caught:
        PeerProcess(peer(checkout), frames)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "reason"), [("print('out of order', file=sys.stderr); ", "out of order"), ("", "exit code 7")]
)
def test_a_peer_that_ends_is_said(checkout: Path, frames: Frames, words: str, reason: str) -> None:
    (checkout / "tracker.py").write_text(f"import sys; {words}sys.exit(7)")
    with pytest.raises(MissingError, match=rf"ended without an answer \({reason}\)"):
        PeerProcess(peer(checkout), frames)


def test_a_peer_that_ends_later_is_said(checkout: Path, frames: Frames) -> None:
    code = FAKE_TRACKER.replace("return [", "os._exit(3); return [")
    (checkout / "tracker.py").write_text("import onnxruntime, cv2\n" + code)
    with closing(PeerProcess(peer(checkout), frames)) as process:
        for _ in range(2):
            with pytest.raises(MissingError, match="ended without an answer"):
                process.block(0.0)


def test_a_peer_that_hangs_is_ended(checkout: Path, frames: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "tracker.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr("realtime3d.guest.START_S", 1.0)
    with pytest.raises(MissingError, match="ended without an answer"):
        PeerProcess(peer(checkout), frames)


def test_a_peer_that_does_not_run_is_said_and_the_others_go_on(checkout: Path, frames: Frames) -> None:
    broken = Peer("3ddfa", checkout, Path(sys.executable))
    with ExitStack() as stack:
        running, failures = _started((broken, peer(checkout)), frames, stack)
        assert list(running) == [peer(checkout)]
        assert len(failures) == 1 and failures[0].startswith("3ddfa: not measured: 3DDFA_V2")
    with ExitStack() as stack, pytest.raises(MissingError, match="3ddfa: not measured"):
        _started((broken,), frames, stack)


def test_an_interpreter_that_does_not_start(checkout: Path, frames: Frames) -> None:
    with pytest.raises(MissingError, match="does not start"):
        PeerProcess(Peer("openseeface", checkout, checkout / "tracker.py"), frames)


def test_the_environment_in_the_checkout_is_taken(checkout: Path) -> None:
    with pytest.raises(MissingError, match=r"python -m venv .*--peer-python openseeface=PYTHON"):
        parse([f"openseeface={checkout}"], [])
    python = checkout.joinpath(".venv", *(("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")))
    python.parent.mkdir(parents=True)
    python.write_text("")
    assert parse([f"openseeface={checkout}"], []) == (Peer("openseeface", checkout, python),)
    (found,) = parse([f"openseeface={checkout}"], [f"openseeface={sys.executable}"])
    assert found.python == Path(sys.executable)


def test_a_single_file_runs_on_our_own_python(tmp_path: Path) -> None:
    (tmp_path / "a=b.task").write_bytes(b"")
    (found,) = parse([f"facelandmarker={tmp_path / 'a=b.task'}"], [])
    assert (found.where.name, found.python) == ("a=b.task", Path(sys.executable))


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.files])
def test_a_checkout_that_lacks_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MissingError, match=rf"it lacks {KNOWN[name].files[0]}; {KNOWN[name].origin}"):
        parse([f"{name}={tmp_path}"], [f"{name}={sys.executable}"])


@pytest.mark.parametrize(
    ("peers", "pythons", "message"),
    [
        (["openface=x"], [], "write NAME=PATH, where NAME is openseeface, 3ddfa"),
        (["openseeface"], [], "write NAME=PATH"),
        (["3ddfa="], [], "write NAME=PATH"),
        ([], ["3ddfa=python"], "add --peer 3ddfa=WHERE"),
    ],
)
def test_wrong_words(peers: list[str], pythons: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(peers, pythons)


def test_a_file_or_an_interpreter_that_is_not_there(checkout: Path) -> None:
    with pytest.raises(MissingError, match="there is no file"):
        parse(["facelandmarker=nowhere.task"], [])
    with pytest.raises(MissingError, match="is no Python"):
        parse([f"openseeface={checkout}"], ["openseeface=nowhere"])
