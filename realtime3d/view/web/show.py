"""The page as a sink of the pipeline: gets the newest result and makes what pages are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from realtime3d.errors import OutputError
from realtime3d.face.state import FrameResult
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

QUALITY = 80  # of the JPEG: 45 kB of 640x480
LONGEST_PX = 1280  # a larger picture is made smaller for the page


class PageSink:
    """Never makes the run wait. Pages draw the overlay by themselves, so no picture is drawn for them."""

    needs_image = False
    pace = "newest"
    name = "page"

    def __init__(self, publish: Callable[[FrameResult], None]) -> None:
        self._publish = publish

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        self._publish(result)

    def __exit__(self, *failure: object) -> None:
        pass


def encode(image: Image) -> bytes:
    """The picture as JPEG, not larger than a page shows it."""
    import cv2

    height, width = image.shape[:2]
    scale = LONGEST_PX / max(height, width, LONGEST_PX)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype)
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise OutputError(f"a picture of {width}x{height} cannot be shown on the page: use another source")
    return data.tobytes()
