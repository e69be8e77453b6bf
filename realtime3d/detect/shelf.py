"""Detectors that nobody uses at the moment, for whoever opens one next.

MediaPipe leaves about 0.1 MB behind for each detector that ends: a service that opens one tracker after the other would
grow. One of each kind waits here; the others end when they are given back.
"""

from __future__ import annotations

import os
import threading

from realtime3d.detect import tasks
from realtime3d.process import leave_to_parent, leave_to_system, quiet_native_log
from realtime3d.types import Image

MadeOf = tuple[int, str, bytes, float]  # process, range, weights, least score


class Detector:
    """One of MediaPipe's, ready."""

    def __init__(self, kind: str, weights: bytes, min_score: float) -> None:
        self.kind = kind
        self.made_of: MadeOf = os.getpid(), kind, weights, min_score
        self._search, self.end = tasks.opened(kind, weights, min_score)
        self.works = True
        leave_to_system(self)

    def search(self, rgb: Image) -> list[tasks.Square]:
        self.works = False  # a graph that failed once, or was left half-way, fails for ever
        found = self._search(rgb)
        self.works = True
        return found


class Shelf:
    """At most one free detector of each kind, and a lock, because trackers of several threads open and close."""

    def __init__(self) -> None:
        self._free: dict[MadeOf, Detector] = {}
        self._lock = threading.Lock()
        leave_to_parent(self)

    def take(self, kind: str, weights: bytes, min_score: float) -> Detector:
        """The free one, else a new one. Nobody else has it until it is given back."""
        with self._lock:
            free = self._free.pop((os.getpid(), kind, weights, min_score), None)
        return free or Detector(kind, weights, min_score)

    def give_back(self, detector: Detector) -> None:
        with self._lock:
            kept = self._free.setdefault(detector.made_of, detector) if detector.works else None
        if kept is not detector:
            with quiet_native_log():
                detector.end()


SHELF = Shelf()
