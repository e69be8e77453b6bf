"""Workers that hang: each shows that it lives by a file whose time it sets; the driver ends those that do not.

The file lies in the batch's folder, so that this works across machines; only changes count, never the clocks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from realtime3d.batch.plan import Task

BEAT_S = 5.0  # between signs of life
LOOK_S = 15.0  # between looks at them


class Pulse:
    """A worker's signs of life: `beat` is called often, and costs nothing in between."""

    def __init__(self, file: Path) -> None:
        self._file, self._next = file, 0.0
        self.beat()

    def beat(self, _: object = None) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + BEAT_S
            self._file.touch()


class Watch:
    """The driver's side."""

    def __init__(self, work: Path, stall_s: float) -> None:
        self._work, self._stall_s = work, stall_s
        self._seen: dict[int, tuple[int, float]] = {}  # task -> its newest sign, and when that was seen
        self._next = 0.0

    def stalled(self, tasks: Iterable[Task]) -> list[Task]:
        """Those that have shown no life for too long. The disk is looked at now and then only."""
        now = time.monotonic()
        if now < self._next:
            return []
        self._next = now + min(LOOK_S, self._stall_s / 4)
        newest: dict[str, int] = {}
        for folder in os.scandir(self._work) if self._work.is_dir() else ():
            name = folder.name.rpartition("~")[0]
            newest[name] = max(newest.get(name, 0), _time_of(Path(folder.path) / "pulse"))
        late, tasks = [], list(tasks)
        before, self._seen = self._seen, {}
        for task in tasks:
            sign = newest.get(label(task), 0)
            known, since = before.get(id(task), (sign, now))
            self._seen[id(task)] = (sign, since if sign == known else now)
            if now - self._seen[id(task)][1] > self._stall_s:
                late.append(task)
        return late


def label(task: Task) -> str:
    """How the folders in which a task is done begin."""
    part = "join" if task.notes else task.chunk.number if task.chunk else 0
    return f"{task.film.id}-{part}"


def _time_of(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # not there yet, or not any more
        return 0
