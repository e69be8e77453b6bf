"""Opens sources and leaves them, and says what that kept: `python -m tests.helpers.opening film forget 15 45`."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from realtime3d import FaceTracker
from realtime3d.sinks.pictures import save_png
from realtime3d.sources.base import Gap, Source, SourceOptions
from realtime3d.sources.camera import CameraDevice
from realtime3d.sources.choose import open_source
from realtime3d.sources.live import LiveSource
from tests.helpers.io_media import FakeCapture, numbered, write_video
from tests.helpers.io_server import LiveServer, transport_stream

SETTLE_S = 3.0  # that threads get to end


def memory_mb() -> float:
    """What this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def held() -> tuple[int, int]:
    """(threads, open files) of this process."""
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


class FilmServer:
    """Serves a folder from a program of its own: what a server keeps is not what its client keeps."""

    def __init__(self, folder: Path) -> None:
        program = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
        self._program = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._program.stdout is not None
        port = self._program.stdout.readline().split(" port ")[1].split()[0]
        self.url = f"http://127.0.0.1:{port}"

    def close(self) -> None:
        self._program.kill()
        self._program.communicate()


@contextlib.contextmanager
def opener(kind: str, folder: Path) -> Iterator[Callable[[], Source]]:
    """Opens a source of this kind."""
    film = write_video(folder / "film.mp4", [i / 25 for i in range(60)], size=(640, 480))
    (folder / "pictures").mkdir()
    save_png(folder / "pictures" / "a.png", numbered(1))
    if kind == "stream":
        live = LiveServer(transport_stream())
        yield lambda: open_source(live.url, SourceOptions(open_timeout_s=20, read_timeout_s=20))
        live.die()
        return
    server = FilmServer(folder)
    start = SourceOptions(start_s=1.2)
    yield {
        "film": lambda: open_source(film),
        "middle": lambda: open_source(film, start),
        "folder": lambda: open_source(folder / "pictures"),
        "arrays": lambda: open_source([numbered(1)] * 3),
        "camera": lambda: LiveSource(
            CameraDevice(0, SourceOptions(), FakeCapture.fresh(), exists=lambda target: True), SourceOptions()
        ),
        "served": lambda: open_source(f"{server.url}/film.mp4", SourceOptions(live=False)),
    }[kind]
    server.close()


def open_and_leave(open_one: Callable[[], Source], how: str) -> None:
    source = open_one()
    items = iter(source)
    while isinstance(next(items), Gap):
        continue
    if how == "close":
        source.close()


def settled(wanted: tuple[int, int]) -> tuple[int, int]:
    """Threads and files, after those that are ending have had time to."""
    end = time.monotonic() + SETTLE_S
    while held() > wanted and time.monotonic() < end:
        time.sleep(0.02)
    return held()


def sources(kind: str, how: str, first: int, last: int) -> tuple[float, int, int]:
    gc.disable()
    with tempfile.TemporaryDirectory() as folder, opener(kind, Path(folder)) as open_one:
        before, memory = (0, 0), 0.0
        for number in range(last):
            open_and_leave(open_one, how)
            if number + 1 == first:
                time.sleep(SETTLE_S / 10)
                before, memory = held(), memory_mb()
        after = settled(before)
        return memory_mb() - memory, max(0, after[0] - before[0]), max(0, after[1] - before[1])


def frames(first: int, last: int, people: int) -> tuple[float, int, int]:
    """A stream of pictures with up to so many faces, which come and go."""
    from realtime3d.demo import clip_path

    with open_source(clip_path()) as source:
        pictures = [np.ascontiguousarray(item.image[::2, ::2]) for item in source if not isinstance(item, Gap)]
    memory = 0.0
    with FaceTracker() as tracker:
        for number in range(last):
            image = np.full((480, 640, 3), 120, np.uint8)
            for face in range(1 if number < first else 1 + number // 250 % people):
                y, x = 240 * (face // 2), 320 * (face % 2)
                image[y : y + 240, x : x + 320] = pictures[(number + 50 * face) % len(pictures)]
            tracker.process(image, t=number / 30)
            if number + 1 == first:
                memory = memory_mb()
        return memory_mb() - memory, 0, 0


if __name__ == "__main__":
    kind, how, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if kind in ("frames", "people"):
        found = frames(first, last, 1 if kind == "frames" else 4)
    else:
        found = sources(kind, how, first, last)
    sys.stdout.write(" ".join(map(str, found)) + "\n")
