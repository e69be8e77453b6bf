"""One set of nets for several trackers: what they ask while the nets are busy is answered together, in one batch.

shared = SharedBackend(create_backend("onnxruntime", threads=2))
trackers = [FaceTracker(backend=shared) for _ in cameras]  # each in a thread of its own
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, Backend, Net, NetSpec

ROWS = 16  # crops in a batch: what engines are built for


class SharedBackend:
    """Loads each net once, however many trackers ask for it; safe for several threads. It is freed by its last user."""

    def __init__(self, backend: Backend) -> None:
        self.name, self.device = backend.name, backend.device
        self._backend = backend
        self._lock = threading.Lock()
        self._desks: dict[Path, _Desk] = {}
        self._users: dict[Path, int] = {}

    def load(self, spec: NetSpec) -> SharedNet:
        """The net for one user more; only the first one loads it."""
        with self._lock:
            if spec.file not in self._desks:
                self._desks[spec.file] = _Desk(self._backend.load(spec))
            self._users[spec.file] = self._users.get(spec.file, 0) + 1
            return SharedNet(spec, self._desks[spec.file], self)

    def leave(self, spec: NetSpec) -> None:
        """One user less."""
        with self._lock:
            self._users[spec.file] -= 1
            if not self._users[spec.file]:
                self._desks.pop(spec.file).net.close()


class SharedNet:
    """One tracker's access to a net that others use as well."""

    def __init__(self, spec: NetSpec, desk: _Desk, backend: SharedBackend) -> None:
        self.spec = spec
        self._desk, self._backend = desk, backend
        self._open = True

    def run(self, images: NDArray[np.uint8]) -> Answers:
        return self._desk.ask(images)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._backend.leave(self.spec)


@dataclass(slots=True)
class _Request:
    images: NDArray[np.uint8]
    turn: threading.Event = field(default_factory=threading.Event)  # it is answered, or leads the next batch
    answers: Answers | None = None
    error: BaseException | None = None


class _Desk:
    """The queue in front of one net. Who comes while it is free works off the queue's first batch, then hands over."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self._lock = threading.Lock()
        self._queue: deque[_Request] = deque()
        self._busy = False

    def ask(self, images: NDArray[np.uint8]) -> Answers:
        request = _Request(images)
        with self._lock:
            self._queue.append(request)
            leads, self._busy = not self._busy, True
        if not leads:
            request.turn.wait()
        if request.answers is None and request.error is None:
            self._work()
        if request.error is not None:
            raise request.error
        assert request.answers is not None
        return request.answers

    def _work(self) -> None:
        """Answer the first batch and wake its owners; the first who waits behind it leads the next."""
        batch = self._take()
        try:
            self._answer(batch)
        except BaseException as error:  # everyone in the batch raises it
            for request in batch:
                request.error = error
        with self._lock:
            following = self._queue[0] if self._queue else None
            self._busy = following is not None
        for request in [*batch, *([following] if following else [])]:
            request.turn.set()

    def _take(self) -> list[_Request]:
        """From the front as many requests as fit into a batch, one at least."""
        with self._lock:
            batch = [self._queue.popleft()]
            rows = len(batch[0].images)
            while self._queue and rows + len(self._queue[0].images) <= ROWS:
                batch.append(self._queue.popleft())
                rows += len(batch[-1].images)
            return batch

    def _answer(self, batch: list[_Request]) -> None:
        images = batch[0].images if len(batch) == 1 else np.concatenate([request.images for request in batch])
        answers = self.net.run(images)
        first = 0
        for request in batch:
            last = first + len(request.images)
            request.answers = {name: values[first:last].copy() for name, values in answers.items()}  # the net's own
            first = last
