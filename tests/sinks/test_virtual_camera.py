"""The drawn picture as a camera. What stands in here is the driver: none can be loaded where tests run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realtime3d.errors import MissingError, OutputError, extra_line
from realtime3d.geometry import Camera
from realtime3d.render.base import style_of
from realtime3d.render.choose import create_renderer
from realtime3d.sinks.virtual_camera import VirtualCamera
from realtime3d.sources.base import SourceInfo
from tests.helpers.faces import grey, make_face, result_of

INFO = SourceInfo("clip", 320, 240, 25.0, None, None)


class Driver:
    """Keeps what it is sent."""

    def __init__(self, fault: str = "") -> None:
        self.fault, self.opened, self.pictures, self.closed = fault, (), [], 0  # type: ignore[var-annotated]

    def camera(self, width: int, height: int, fps: float, **options: Any) -> Any:
        if self.fault == "none":
            raise RuntimeError("'v4l2loopback' backend: No v4l2 loopback device found")
        self.opened = (width, height, fps, options["fmt"])
        return SimpleNamespace(device="/dev/video9", send=self.send, close=self.close)

    def send(self, image: np.ndarray) -> None:
        if self.fault == "gone":
            raise RuntimeError("error writing frame")
        self.pictures.append(image.copy())

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    library = SimpleNamespace(Camera=made.camera, PixelFormat=SimpleNamespace(BGR="BGR"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", library)
    return made


def test_pictures_arrive_in_the_first_size(driver: Driver) -> None:
    with VirtualCamera(INFO) as sink:
        assert "/dev/video9" in sink.name
        for image in (grey(value=10), grey(640, 480, 20), None, grey(0, 0)):
            sink.write(result_of(grey()), image)
    assert driver.opened == (320, 240, 25.0, "BGR")
    assert [(picture.shape, picture.mean()) for picture in driver.pictures] == [
        ((240, 320, 3), 10),
        ((240, 320, 3), 20),
    ]
    assert driver.closed == 1


def test_without_a_driver_the_line_says_which(driver: Driver) -> None:
    driver.fault = "none"
    with pytest.raises(MissingError, match=r"no virtual camera \('v4l2loopback' backend.*(v4l2loopback|OBS)"):
        VirtualCamera(INFO).__enter__()


def test_a_camera_that_goes_is_an_output_that_failed(driver: Driver) -> None:
    driver.fault = "gone"
    with pytest.raises(OutputError, match="takes no pictures"), VirtualCamera(INFO) as sink:
        sink.write(result_of(grey()), grey())
    assert driver.closed == 1


def test_without_the_extra_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(MissingError) as caught:
        VirtualCamera(INFO).__enter__()
    assert extra_line("virtual-camera") in str(caught.value)


def test_from_the_command_line(
    driver: Driver, clip: Path, without_nets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from realtime3d import cli

    image = grey()
    create_renderer(style=style_of("mask")).draw(
        image, result_of(image, make_face(Camera.from_fov(320, 240)))
    )  # compiles
    video = ["video", str(clip), "--virtual-camera", "--pace", "0", *without_nets]
    assert cli.main([*video, "--style", "mask", "--hide", "hud,box,axes"]) == 0
    assert comes(lambda: driver.closed == 1)  # in a thread of its own, which the run leaves alone if it is slow
    assert driver.pictures[0][:20].mean() < 40  # the mask's surroundings
    driver.fault = "none"
    assert cli.main(video) == 3
    assert "no virtual camera" in capsys.readouterr().err
    driver.fault = "gone"
    assert cli.main(video) == 0  # the run goes on without it, as without any receiver


def comes(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()
