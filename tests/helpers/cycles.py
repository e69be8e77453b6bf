"""Opens and closes what is no source, and says what that kept: `python -m tests.helpers.cycles files 15 45`."""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from websockets.sync.client import connect

import realtime3d as r3d
from realtime3d.avatar.choose import SCHEMES
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.config import Config
from realtime3d.demo import clip_path
from realtime3d.jobs import Job
from realtime3d.render.choose import create_renderer
from realtime3d.types import FaceBox, Frame
from tests.helpers.avatars import moment, tracked
from tests.helpers.opening import held, memory_mb, settled
from tests.helpers.page_server import served

PICTURES = [np.full((240, 320, 3), 60 * i, np.uint8) for i in range(3)]
FILES = {
    "csv": "a.csv",
    "jsonl": "b.jsonl",
    "parquet": "c.parquet",
    "overlay": "d.mp4",
    "glb": "e.glb",
    "meshes": "m",
}


class Boxes:
    """A detector that sees somebody in every picture."""

    def open(self) -> None:
        """Nothing to open."""

    def detect(self, frame: Frame) -> list[FaceBox]:
        return [FaceBox(np.array([100, 60, 200, 180], np.float32), 1.0)]

    def close(self) -> None:
        """Nothing to close."""


def config() -> Config:
    return Config().updated({"models": {"backend": "fake", "threads": 1}})


def a_tracker() -> None:
    with r3d.FaceTracker(config=config(), boxes=Boxes()) as tracker:
        tracker.process(PICTURES[0], t=0.0)


def a_tracker_with_nets() -> None:
    with r3d.FaceTracker() as tracker:
        tracker.process(PICTURES[0], t=0.0)


@contextlib.contextmanager
def all_files(folder: Path) -> Iterator[Callable[[], None]]:
    with r3d.FaceTracker(config=config(), boxes=Boxes()) as tracker:
        files = {kind: folder / name for kind, name in FILES.items()}
        yield lambda: void(r3d.run(PICTURES, tracker=tracker, overwrite=True, **files))  # type: ignore[arg-type]


def void(_: object) -> None:
    """A result that nobody wants."""


def a_renderer() -> None:
    renderer = create_renderer()
    renderer.draw(PICTURES[0], moment(0.0, tracked()))
    renderer.close()


@contextlib.contextmanager
def all_senders(_: Path) -> Iterator[Callable[[], None]]:
    """Datagrams to somebody who is there, sockets to nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        targets = tuple(f"{name}://127.0.0.1:{port}" for name in SCHEMES if name not in ("-", "wss", "ifacialmocap"))

        def send() -> None:
            with contextlib.ExitStack() as opened:
                for sender in Sending(SendOptions(targets)).senders:
                    opened.enter_context(sender).write(moment(0.0, tracked()), None)

        yield send


@contextlib.contextmanager
def a_page(folder: Path) -> Iterator[Callable[[], None]]:
    """The live page with somebody who looks and goes."""

    def look() -> None:
        page = served(Job(source="", config=config()), clip_path(), folder, need_page=False)
        with page as server, connect(server.socket, max_size=None) as viewer:
            viewer.recv(timeout=180)

    yield look


@contextlib.contextmanager
def plain(once: Callable[[], None]) -> Iterator[Callable[[], None]]:
    yield once


KINDS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Callable[[], None]]]] = {
    "tracker": lambda _: plain(a_tracker),
    "nets": lambda _: plain(a_tracker_with_nets),
    "renderer": lambda _: plain(a_renderer),
    "files": all_files,
    "senders": all_senders,
    "page": a_page,
}


def cycles(kind: str, first: int, last: int) -> tuple[float, int, int]:
    """(MB, threads, files) that were kept between two of them."""
    before, memory = (0, 0), 0.0
    with tempfile.TemporaryDirectory() as folder, KINDS[kind](Path(folder)) as once:
        for number in range(last):
            once()
            if number + 1 == first:
                before, memory = held(), memory_mb()
        after = settled(before)
        return memory_mb() - memory, max(0, after[0] - before[0]), max(0, after[1] - before[1])


if __name__ == "__main__":
    found = cycles(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(" ".join(map(str, found)) + "\n")
