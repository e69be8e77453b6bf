"""A back end without a net, for tests: constant answers, or those of a function."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, NetSpec

Responder = Callable[[NetSpec, NDArray[np.uint8]], Answers]


def frontal_face(spec: NetSpec, images: NDArray[np.uint8]) -> Answers:
    """A resting frontal face in the middle of every crop."""
    rows = {
        "rotation": [1, 0, 0, 0, 1, 0],
        "position": [0, 0],
        "log_scale": [0],
        "presence": [6],
        "pose_log_sigma": [0],
        "expression": [0] * 29,
        "expression_log_sigma": [0],
        "extras": [0] * 5,
        "shape": [0] * 99,
        "gaze": [0, 0],
        "lids": [0.18, 0.1],
        "gaze_log_sigma": [-4],
    }
    return {
        name: skin_everywhere(images)
        if name == "mask"
        else np.tile(np.asarray(rows[name], dtype=np.float32), (len(images), 1))
        for name in spec.outputs
    }


def skin_everywhere(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The answer of a net for masks that sees nothing in front of a face: the second of eight classes."""
    answer = np.zeros((len(images), 8, *images.shape[1:3]), np.float32)
    answer[:, 1] = 20
    return answer


class FakeBackend:
    """Answers by `respond` and counts how often each net ran, and on how many crops."""

    name = "fake"

    def __init__(self, device: str = "auto", threads: int = 2, respond: Responder = frontal_face) -> None:
        self.device = "cpu" if device == "auto" else device
        self.threads = threads
        self.calls: dict[str, list[int]] = {}  # part ("track", "shape") -> batch sizes
        self._respond = respond

    def load(self, spec: NetSpec) -> FakeNet:
        return FakeNet(spec, self._respond, self.calls.setdefault(spec.name.rpartition(".")[2], []))


class FakeNet:
    """One net that answers by a function."""

    def __init__(self, spec: NetSpec, respond: Responder, calls: list[int]) -> None:
        self.spec = spec
        self._respond = respond
        self._calls = calls

    def run(self, images: NDArray[np.uint8]) -> Answers:
        self._calls.append(len(images))
        return self._respond(self.spec, images)

    def close(self) -> None:
        """Nothing is held."""
