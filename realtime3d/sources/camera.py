"""Cameras through OpenCV, behind the five calls that a stand-in for a device has to answer."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from realtime3d.errors import SourceError, UsageError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.live import LiveSource, Opened
from realtime3d.sources.pixels import to_bgr
from realtime3d.types import Image

_log = logging.getLogger(__name__)
FIRST_GRABS = 5  # some cameras give nothing at once after opening

# OpenCV's numbers of the properties, so that this module and its stand-ins do not need cv2
WIDTH, HEIGHT, FPS, FOURCC, BUFFERSIZE = 3, 4, 5, 6, 38


class VideoCapture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...
    def set(self, property: int, value: float) -> bool: ...
    def get(self, property: int) -> float: ...
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


def open_camera(spec: int | str, options: SourceOptions) -> LiveSource:
    """A camera by number or, on Linux, by path (`/dev/video0`)."""
    return LiveSource(CameraDevice(spec, options), options)


def list_cameras() -> list[tuple[str, str]]:
    """(what to pass to `--camera`, name) of the cameras Linux knows; empty elsewhere, where only trying tells."""
    nodes = sorted(Path("/sys/class/video4linux").glob("video*"), key=lambda node: int(node.name.removeprefix("video")))
    return [(node.name.removeprefix("video"), (node / "name").read_text().strip()) for node in nodes]


def _capture(target: int | str) -> VideoCapture:
    import cv2

    on_linux = sys.platform.startswith("linux")  # elsewhere OpenCV's own order of back ends is the best known
    return cv2.VideoCapture(target, cv2.CAP_V4L2 if on_linux else cv2.CAP_ANY)


def _exists(target: int | str) -> bool:
    path = f"/dev/video{target}" if isinstance(target, int) else target
    return not sys.platform.startswith("linux") or Path(path).exists()


class CameraDevice:
    """One camera; what is asked of it is set, read back, and warned about where it does otherwise."""

    def __init__(
        self,
        spec: int | str,
        options: SourceOptions,
        capture: Callable[[int | str], VideoCapture] = _capture,
        exists: Callable[[int | str], bool] = _exists,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._target: int | str = int(spec) if str(spec).isdecimal() else spec
        if isinstance(self._target, int) and self._target < 0:
            raise UsageError(f"a camera's number is 0 or more, not {spec}")
        if options.pixel_format is not None and len(options.pixel_format) != 4:
            raise UsageError(f"a pixel format has four characters such as MJPG or YUYV, not {options.pixel_format!r}")
        self.name = f"camera {spec}"
        self._options, self._open, self._exists, self._clock = options, capture, exists, clock
        self._device: VideoCapture | None = None

    def open(self) -> Opened:
        if not self._exists(self._target):
            raise SourceError(f"{self.name} does not exist: {_known()}")
        device = self._open(self._target)
        try:
            return self._configure(device)
        except BaseException:
            device.release()
            raise

    def _configure(self, device: VideoCapture) -> Opened:
        if not device.isOpened():
            raise SourceError(f"{self.name} cannot be opened: close other programs that use it, or {_known()}")
        self._apply(device)
        if not any(device.grab() for _ in range(FIRST_GRABS)):
            raise SourceError(
                f"{self.name} opens but gives no picture: close other programs that use it, or try another size or "
                "pixel format"
            )
        ok, picture = device.retrieve()
        if not ok or picture is None:
            raise SourceError(f"{self.name} gives pictures that cannot be decoded: try another pixel format (MJPG)")
        self._device = device
        height, width = to_bgr(picture).shape[:2]
        rate = device.get(FPS)
        warnings = tuple(self._differences(width, height, rate, device))
        for text in warnings:
            _log.warning("%s", text)
        return Opened(width, height, rate if rate > 0 else None, warnings=warnings)

    def _apply(self, device: VideoCapture) -> None:
        """The pixel format first: on many cameras it decides which sizes and rates there are."""
        wanted = self._options
        if wanted.pixel_format is not None:
            device.set(FOURCC, _fourcc(wanted.pixel_format))
        for which, value in ((WIDTH, wanted.width), (HEIGHT, wanted.height), (FPS, wanted.fps)):
            if value is not None:
                device.set(which, value)
        device.set(BUFFERSIZE, 1)  # the newest picture, not the oldest of four; not every driver knows it

    def _differences(self, width: int, height: int, rate: float, device: VideoCapture) -> list[str]:
        wanted, found = self._options, []
        size = (wanted.width or width, wanted.height or height)
        if size != (width, height):
            found.append(f"{self.name} gives {width}x{height} instead of {size[0]}x{size[1]}")
        if wanted.fps is not None and rate > 0 and abs(rate - wanted.fps) > 0.5:
            found.append(f"{self.name} gives {rate:g} frames a second instead of {wanted.fps:g}")
        code = int(device.get(FOURCC))
        if wanted.pixel_format is not None and code not in (0, _fourcc(wanted.pixel_format)):
            text = code.to_bytes(4, "little", signed=code < 0).decode("latin-1")
            found.append(f"{self.name} gives {text} instead of {wanted.pixel_format}")
        return found

    def read(self) -> tuple[int, Image]:
        if self._device is None or not self._device.grab():
            raise SourceError(f"{self.name} is gone: check its cable")
        t_ns = self._clock()  # as near to the exposure as can be: decoding comes after
        ok, picture = self._device.retrieve()
        if not ok or picture is None:
            raise SourceError(f"{self.name} gave a broken picture: check its cable")
        return t_ns, to_bgr(picture)

    def close(self) -> None:
        if self._device is not None:
            self._device.release()
            self._device = None


def _fourcc(text: str) -> int:
    return int.from_bytes(text.encode("latin-1"), "little")


def _known() -> str:
    cameras = ", ".join(f"{number} ({name})" for number, name in list_cameras())
    if cameras:
        return f"try one of: {cameras}"
    return "connect a camera, allow access to it, or name another number or a URL"
