"""`realtime3d` on a machine with a camera 0 that is not there: `python fake_camera.py live --camera 0 ...`."""

from __future__ import annotations

import sys
import time

import numpy as np

from realtime3d import cli
from realtime3d.sources import camera
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.live import LiveSource
from realtime3d.types import Image

RATE, WIDTH, HEIGHT = 30.0, 320, 240


class FakeCapture:
    """What OpenCV gives for a webcam: a grey picture that changes, thirty times a second."""

    def __init__(self, target: int | str) -> None:
        self._next = time.monotonic()
        self._count = 0

    def isOpened(self) -> bool:
        return True

    def set(self, property: int, value: float) -> bool:
        return True

    def get(self, property: int) -> float:
        return {camera.WIDTH: WIDTH, camera.HEIGHT: HEIGHT, camera.FPS: RATE}.get(property, 0.0)

    def grab(self) -> bool:
        self._next = max(self._next + 1 / RATE, time.monotonic() - 1 / RATE)
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._count += 1
        return True

    def retrieve(self) -> tuple[bool, Image]:
        return True, np.full((HEIGHT, WIDTH, 3), 60 + self._count % 100, np.uint8)

    def release(self) -> None:
        """Nothing is held."""


def open_fake_camera(spec: int | str, options: SourceOptions) -> LiveSource:
    device = camera.CameraDevice(spec, options, capture=FakeCapture, exists=lambda target: str(target) == "0")
    return LiveSource(device, options)


if __name__ == "__main__":
    camera.open_camera = open_fake_camera
    sys.exit(cli.main())
