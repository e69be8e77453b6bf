"""The window of `realtime3d live`: what its keys do and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.clock import now_ns
from realtime3d.face.state import FrameResult
from realtime3d.render.base import MODES
from realtime3d.render.choose import create_renderer
from realtime3d.sources.base import SourceInfo, SourceStatus
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image
from realtime3d.view.controls import Controls
from realtime3d.view.keys import KEYS, help_text
from realtime3d.view.latency import Latency
from realtime3d.view.live_window import LiveWindow
from tests.helpers.avatars import receiver


class KeyboardAndScreen:
    """Stands where the real window does: keeps what it is shown, gives the keys it was told to give."""

    def __init__(self) -> None:
        self.shown: list[Image] = []
        self.pressed: list[str] = []
        self.closed = False

    def __enter__(self) -> KeyboardAndScreen:
        return self

    def __exit__(self, *unused: object) -> None:
        self.closed = True

    def show(self, image: Image) -> None:
        self.shown.append(image)

    def keys(self) -> list[str]:
        return [self.pressed.pop(0)] if self.pressed else []


class Desk:
    """A live window with hands on its keyboard, in front of a tracker that sees one face."""

    def __init__(self, folder: Path, options: list[str], port: int | None = None) -> None:
        models, _, boxes = (options[i] for i in (1, 3, 5))
        self.folder = folder
        self.tracker = FaceTracker(models=models, backend="fake", boxes=boxes)
        self.renderer = create_renderer()
        self.screen = KeyboardAndScreen()
        self.latency = Latency("capture to display")
        self.sending = Sending(SendOptions((f"udp://127.0.0.1:{port}",) if port else ()))
        info = SourceInfo("camera 0", 320, 240, 30.0, None, None, live=True)
        self.window = LiveWindow(
            self.tracker,
            self.renderer,
            info,
            self.latency,
            folder,
            lambda: False,
            self.screen,  # type: ignore[arg-type]
            self.sending,
        )
        self._start_ns, self._count = now_ns(), 0

    def frame(self, *keys: str) -> FrameResult:
        """One more picture, with these keys pressed while it is shown."""
        self._count += 1
        result = self.tracker.process(np.full((240, 320, 3), 90, np.uint8), self._start_ns / 1e9 + self._count / 30)
        self.screen.pressed += keys
        self.window.show(result, result.frame.image)
        return result


@pytest.fixture
def desk(tmp_path: Path, without_nets: list[str]) -> Iterator[Desk]:
    desk = Desk(tmp_path, without_nets)
    with desk.tracker, desk.window:
        yield desk


def test_every_key_is_in_the_help_and_does_something(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["live", "--help"])
    assert help_text() in capsys.readouterr().out
    assert all(callable(getattr(Controls, action)) for _, action, _ in KEYS if action not in ("help", "quit"))
    assert len({key for key, _, _ in KEYS}) == len(KEYS)


def test_what_is_sent_is_recentred_and_calibrated_by_keys(tmp_path: Path, without_nets: list[str]) -> None:
    with receiver() as got:
        desk = Desk(tmp_path, without_nets, got.port)
        (sender,) = desk.sending.senders
        with desk.tracker, desk.window, sender:

            def seconds(count: float) -> None:
                for _ in range(round(count * 30)):
                    sender.write(desk.frame(), None)

            seconds(0.1)
            sender.write(desk.frame("c"), None)
            seconds(1.2)
            assert desk.sending.learner.message == "learned: head"
            assert desk.sending.learner.calibration.head.neutral_z != 600
            sender.write(desk.frame("c"), None)
            assert desk.sending.learner.calibration.head.neutral_z == 600
            sender.write(desk.frame("n"), None)
            assert desk.sending.learner.learning == "neutral"
            seconds(2.2)
            assert desk.sending.learner.learning is None
        assert len(got.packets()) > 100


def test_the_key_of_the_neutral_face_says_when_nothing_is_sent(desk: Desk) -> None:
    desk.frame("n")
    assert "--send" in desk.window._controls.said


def test_q_and_escape_end(desk: Desk) -> None:
    desk.frame()
    assert not desk.window.closed
    desk.frame("q")
    assert desk.window.closed


def test_a_closed_window_ends(desk: Desk) -> None:
    desk.screen.closed = True
    assert desk.window.closed


def test_help_covers_the_picture_and_goes_again(desk: Desk) -> None:
    desk.frame("?")
    without = desk.screen.shown[-1]
    desk.frame("h")
    with_help = desk.screen.shown[-1]
    desk.frame()
    assert not np.array_equal(with_help[100:], without[100:])
    assert np.array_equal(desk.screen.shown[-1][100:], without[100:])


def test_snapshot_saves_the_picture_without_the_window_s_lines(desk: Desk) -> None:
    desk.frame("s")
    desk.frame("s")
    assert [path.name for path in desk.window.saved] == ["snapshot-0001.png", "snapshot-0002.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in desk.window.saved)


def test_recording_starts_and_stops(desk: Desk) -> None:
    desk.frame("r")
    for _ in range(5):
        desk.frame()
    desk.frame("r")
    desk.frame()
    (path,) = desk.window.saved
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 6


def test_a_recording_is_finished_at_the_end_of_the_run(tmp_path: Path, without_nets: list[str]) -> None:
    desk = Desk(tmp_path, without_nets)
    with desk.tracker, desk.window:
        desk.frame("r")
        desk.frame()
    with av.open(str(tmp_path / "recording-0001.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 1


def test_mode_goes_round(desk: Desk) -> None:
    modes = []
    for _ in MODES:
        desk.frame("m")
        modes.append(desk.renderer.style.mode)
    assert sorted(modes) == sorted(MODES)


def test_relearning_starts_the_identity_again(desk: Desk) -> None:
    for _ in range(10):
        desk.frame()
    before = desk.frame("i").faces[0].identity.frames
    assert desk.frame().faces[0].identity.frames < before


def test_recentring_shows_angles_from_there_and_back(desk: Desk) -> None:
    desk.frame("c")
    (line,) = desk.window._from_centre()
    assert line.startswith("face 0 from centre: pitch")
    desk.frame("c")
    assert desk.window._from_centre() == []


def test_pause_holds_until_the_next_space(desk: Desk) -> None:
    desk.screen.pressed = ["space", "x", "x", "space"]
    shown = len(desk.screen.shown)
    desk.frame()
    assert len(desk.screen.shown) >= shown + 4
    assert desk.screen.pressed == []


def test_pause_ends_with_the_window(desk: Desk) -> None:
    desk.screen.pressed = ["space", "x", "q"]
    desk.frame()
    assert desk.window.closed


def test_silence_is_told_before_the_first_picture_too(desk: Desk) -> None:
    desk.window.wait(SourceStatus("reconnecting", "camera 0 is gone; next try in 2 s"))
    assert desk.screen.shown[-1].any()


def test_latency_percentiles() -> None:
    latency = Latency("capture to display")
    assert (latency.fps, latency.percentile(95)) == (0.0, 0.0)
    for milliseconds in range(100, 0, -1):
        latency.add(now_ns() - milliseconds * 1_000_000)
    assert latency.percentile(50) == pytest.approx(51, abs=5)
    assert latency.percentile(95) == pytest.approx(96, abs=5)
    assert latency.fps > 0
