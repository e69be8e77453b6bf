"""The drawn picture as a camera that other programs can choose (extra [virtual-camera]: pyvirtualcam, GPL-2.0)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

from realtime3d.errors import MissingError, OutputError, first_line, require
from realtime3d.face.state import FrameResult
from realtime3d.sources.base import SourceInfo
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

USUAL_FPS = 30.0
DRIVERS = {
    "linux": "load the kernel's driver: apt-get install v4l2loopback-dkms, then modprobe v4l2loopback",
    "win32": "install OBS Studio, and start and stop its virtual camera once",
    "darwin": "install OBS Studio, and start and stop its virtual camera once",
}


class VirtualCamera:
    """Gets the newest drawn picture and makes nobody wait. All pictures have the size that the source began with."""

    needs_image = True
    pace: Literal["newest"] = "newest"
    name = "the virtual camera"

    def __init__(self, info: SourceInfo) -> None:
        self._size, self._fps = (info.width, info.height), info.fps or USUAL_FPS
        self._camera: Any = None

    def __enter__(self) -> Self:
        library = require("pyvirtualcam", "virtual-camera", "--virtual-camera")
        try:
            self._camera = library.Camera(*self._size, self._fps, fmt=library.PixelFormat.BGR)
        except RuntimeError as error:  # of all its back ends, each with its reason
            driver = DRIVERS.get(sys.platform, "install a driver that pyvirtualcam knows")
            raise MissingError(f"there is no virtual camera ({first_line(error)}): {driver}") from error
        self.name = f"virtual camera {self._camera.device}"
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        if image is None or not image.size:  # nothing new to see
            return
        if (image.shape[1], image.shape[0]) != self._size:
            import cv2

            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA).astype(image.dtype, copy=False)
        try:
            self._camera.send(image)
        except RuntimeError as error:
            raise OutputError(
                f"{self.name} takes no pictures any more ({first_line(error)}): start it again"
            ) from error

    def __exit__(self, *failure: object) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
