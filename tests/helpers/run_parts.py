"""Sources, sinks and renderers that remember what happened to them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from realtime3d.face.state import FrameResult
from realtime3d.sinks.base import Pace
from realtime3d.sources.base import Frame, Gap, SourceInfo, SourceStatus
from realtime3d.types import Image
from tests.helpers.exact_scene import Scene

if TYPE_CHECKING:
    from typing_extensions import Self


class ListSource:
    """Gives the items it was made of; an exception among them is raised."""

    def __init__(self, items: Iterable[Frame | Gap | Exception], dropped: int = 0) -> None:
        self.info = SourceInfo("list", 640, 480, 30.0, None, None)
        self.status = SourceStatus(dropped=dropped)
        self._items = items
        self.closed = False

    def __iter__(self) -> Iterator[Frame | Gap]:
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> ListSource:
        return self

    def __exit__(self, *rest: object) -> None:
        self.close()


class ListSink:
    """Keeps what it gets; does what `on_write` says first."""

    def __init__(self, needs_image: bool = False, on_write: object = None, pace: Pace = "every") -> None:
        self.needs_image, self.pace = needs_image, pace
        self.results: list[FrameResult] = []
        self.images: list[Image | None] = []
        self.state = "new"
        self.threads: set[str] = set()
        self._on_write = on_write

    def __enter__(self) -> Self:
        self.state = "open"
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        self.threads.add(threading.current_thread().name)
        if callable(self._on_write):
            self._on_write(result)
        self.results.append(result)
        self.images.append(image)

    def __exit__(self, *failure: object) -> None:
        self.state = "finished"


class CountingRenderer:
    """Marks a copy of the picture."""

    def __init__(self, any_thread: bool = True) -> None:
        self.any_thread = any_thread
        self.drawn, self.threads = 0, set[str]()

    def draw(self, image: Image, result: FrameResult) -> Image:
        self.drawn += 1
        self.threads.add(threading.current_thread().name)
        out = image.copy()
        out[0, 0] = result.frame.index
        return out

    def close(self) -> None:
        """Nothing is held."""


def frames(scene: Scene, count: int) -> list[Frame]:
    return [Frame(i, i * 33_000_000, scene.image) for i in range(count)]


def raising(at: int, error: BaseException) -> object:
    def check(result: FrameResult) -> None:
        if result.frame.index == at:
            raise error

    return check


def writer_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "realtime3d-writer"]
