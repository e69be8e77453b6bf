"""Cameras on a bad day: pulled plugs, silence, hanging drivers, other programs."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import numpy as np
import pytest

from realtime3d.errors import SourceError, UsageError
from realtime3d.sources import camera as camera_module
from realtime3d.sources.base import Gap, SourceOptions
from realtime3d.sources.camera import CameraDevice
from realtime3d.sources.choose import open_source
from realtime3d.sources.live import LiveSource, Opened
from realtime3d.types import Image
from tests.helpers.io_live import QUICK, gaps_until, next_frame
from tests.helpers.io_media import FakeCapture, numbered


def open_fake(capture: type[FakeCapture], options: SourceOptions = QUICK) -> LiveSource:
    return LiveSource(CameraDevice(0, options, capture, exists=lambda target: True), options)


def test_an_unplugged_camera_is_tried_again_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    capture = FakeCapture.fresh()
    with open_fake(capture) as source:
        items = iter(source)
        before = next_frame(items)
        capture.plugged.clear()
        gaps = gaps_until(items, "reconnecting")
        assert "camera 0" in gaps[-1].status.message
        assert "next try in" in gaps[-1].status.message
        assert all(gap.t_ns > before.t_ns for gap in gaps)
        capture.plugged.set()
        after = next_frame(items, lambda frame: frame.t_ns > gaps[-1].t_ns)
        assert after.index > before.index
        next_frame(items)
        assert source.status.state == "running"
        assert source.status.message == ""
    assert any("camera 0 is gone" in record.message for record in caplog.records)


def test_time_goes_on_while_nothing_comes() -> None:
    capture = FakeCapture.fresh()
    with open_fake(capture) as source:
        items = iter(source)
        next_frame(items)
        capture.plugged.clear()
        gaps_until(items, "reconnecting")
        ticks = [item for item in (next(items) for _ in range(8)) if isinstance(item, Gap)]
        assert len(ticks) == 8
        steps = np.diff([tick.t_ns for tick in ticks]) / 1e9
        assert (steps > 0.01).all()


def test_waits_double_up_to_a_limit_and_begin_small_after_a_frame() -> None:
    waits: list[float] = []

    class Dead:
        name = "dead"
        reads = 0

        def open(self) -> Opened:
            return Opened(4, 4, None)

        def read(self) -> tuple[int, Image]:
            self.reads += 1
            if self.reads == 6:
                return time.monotonic_ns(), np.zeros((4, 4, 3), np.uint8)
            raise SourceError("dead is gone")

        def close(self) -> None:
            pass

    options = SourceOptions(backoff_s=0.5, backoff_max_s=4.0, gap_after_s=0.01, tick_s=0.01)
    source = LiveSource(Dead(), options)
    source._capture._stopped.wait = lambda s: waits.append(s) or len(waits) == 8  # type: ignore[method-assign,func-returns-value]
    source._capture._stopped.is_set = lambda: len(waits) == 8  # type: ignore[method-assign]
    source._capture._read_on()
    assert waits == [0.5, 1.0, 2.0, 4.0, 4.0, 0.5, 1.0, 2.0]


def test_it_gives_up_when_told_to() -> None:
    capture = FakeCapture.fresh()
    options = SourceOptions(gap_after_s=0.02, tick_s=0.02, backoff_s=0.01, backoff_max_s=0.02, give_up_s=0.1)
    with open_fake(capture, options) as source:
        items = iter(source)
        next_frame(items)
        capture.plugged.clear()
        with pytest.raises(SourceError, match="given up"):
            gaps_until(items, "ended")


def test_a_camera_that_does_not_exist_names_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "list_cameras", lambda: [("0", "Built-in"), ("2", "USB")])
    with pytest.raises(SourceError, match=r"camera 7 does not exist: try one of: 0 \(Built-in\), 2 \(USB\)"):
        CameraDevice(7, QUICK, FakeCapture.fresh(), exists=lambda target: False).open()
    monkeypatch.setattr(camera_module, "list_cameras", list)
    with pytest.raises(SourceError, match="connect a camera"):
        CameraDevice("/dev/video9", QUICK, FakeCapture.fresh(), exists=lambda target: False).open()


@pytest.mark.parametrize("spec", [97, "97", "/dev/video97"])
def test_the_real_opencv_says_no_to_a_camera_that_is_not_there(spec: int | str) -> None:
    with pytest.raises(SourceError, match="97"):
        open_source(spec, QUICK)


def test_a_camera_that_another_program_uses_is_named() -> None:
    class Busy(FakeCapture):
        def grab(self) -> bool:
            return False

    with pytest.raises(SourceError, match="close other programs"):
        open_fake(Busy.fresh())


def test_what_is_asked_is_set_with_the_format_first_and_read_back() -> None:
    made: list[FakeCapture] = []

    class Stubborn(FakeCapture):
        refuses = (5,)  # the rate

        def __init__(self, target: int | str) -> None:
            super().__init__(target)
            made.append(self)

    options = SourceOptions(width=320, height=240, fps=60, pixel_format="MJPG")
    with open_fake(Stubborn.fresh(), options) as source:
        assert (source.info.width, source.info.height, source.info.fps) == (320, 240, 30)
        assert source.status.warnings == ("camera 0 gives 30 frames a second instead of 60",)
    assert made[0].order[:4] == [6, 3, 4, 5]
    assert made[0].released


def test_another_size_and_format_than_asked_are_said() -> None:
    class Small(FakeCapture):
        refuses = (3, 4, 6)

    options = SourceOptions(width=1920, height=1080, pixel_format="MJPG")
    with open_fake(Small.fresh(), options) as source:
        assert source.status.warnings == (
            "camera 0 gives 160x96 instead of 1920x1080",
            "camera 0 gives YUYV instead of MJPG",
        )


def test_pictures_that_cannot_be_decoded_count_as_a_lost_camera() -> None:
    class Broken(FakeCapture):
        def retrieve(self) -> tuple[bool, Any]:
            return (True, numbered(1)) if type(self).count < 4 else (False, None)

    with open_fake(Broken.fresh()) as source:
        gaps = gaps_until(iter(source), "reconnecting")
    assert "broken picture" in gaps[-1].status.message or "cannot be decoded" in gaps[-1].status.message


def test_pixel_formats_have_four_characters() -> None:
    with pytest.raises(UsageError, match="four characters"):
        CameraDevice(0, SourceOptions(pixel_format="JPEG2000"))


def test_the_stamp_is_taken_between_grab_and_retrieve() -> None:
    calls: list[str] = []

    class Noting(FakeCapture):
        def grab(self) -> bool:
            calls.append("grab")
            return super().grab()

        def retrieve(self) -> tuple[bool, Any]:
            calls.append("retrieve")
            return super().retrieve()

    def clock() -> int:
        calls.append("stamp")
        return time.monotonic_ns()

    device = CameraDevice(0, QUICK, Noting.fresh(), exists=lambda target: True, clock=clock)
    device.open()
    calls.clear()
    device.read()
    assert calls == ["grab", "stamp", "retrieve"]
    device.close()


@pytest.mark.parametrize("kind", ["grey", "16 bit", "alpha"])
def test_cameras_of_other_kinds_give_bgr(kind: str) -> None:
    class Odd(FakeCapture):
        def retrieve(self) -> tuple[bool, Any]:
            grey = numbered(5)[..., 0]
            pictures = {"grey": grey, "16 bit": grey.astype(np.uint16) << 8, "alpha": np.dstack([grey] * 4)}
            return True, pictures[kind]

    with open_fake(Odd.fresh()) as source:
        frame = next_frame(iter(source))
    assert (frame.image == numbered(5)).all()


def test_a_camera_that_stalls_is_waited_for() -> None:
    flowing = threading.Event()
    flowing.set()

    class Stalling(FakeCapture):
        def grab(self) -> bool:
            flowing.wait(10)
            return super().grab()

    with open_fake(Stalling.fresh()) as source:
        items = iter(source)
        next_frame(items)
        flowing.clear()
        gaps = gaps_until(items, "waiting")
        assert "nothing from camera 0 for" in gaps[-1].status.message
        flowing.set()
        next_frame(items)


def test_a_driver_that_hangs_is_named_and_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    class Hanging(FakeCapture):
        def grab(self) -> bool:
            if type(self).count >= 3:
                release.wait(20)
            return super().grab()

    options = QUICK
    device = CameraDevice(0, options, Hanging.fresh(), exists=lambda target: True)
    source = LiveSource(device, options, join_s=0.1)
    items = iter(source)
    gaps_until(items, "waiting")
    with caplog.at_level(logging.WARNING):
        source.close()
    assert "capture thread of camera 0 did not end" in caplog.text
    assert list(items) == []
    release.set()
    source._thread.join(10)


def test_a_bug_in_the_capture_thread_is_raised_where_frames_are_taken() -> None:
    class Buggy(FakeCapture):
        def retrieve(self) -> tuple[bool, Any]:
            if type(self).count > 3:
                raise ZeroDivisionError("a bug")
            return super().retrieve()

    with open_fake(Buggy.fresh()) as source, pytest.raises(ZeroDivisionError):
        for _ in source:
            pass


@pytest.mark.camera
def test_a_real_camera_gives_pictures() -> None:
    cameras = camera_module.list_cameras()
    if not cameras:
        pytest.skip("no camera on this machine")
    with open_source(cameras[0][0]) as source:
        items = iter(source)
        first, second = next_frame(items), next_frame(items)
    assert first.image.shape == (source.info.height, source.info.width, 3)
    assert second.t_ns > first.t_ns
