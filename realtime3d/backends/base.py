"""The seam between the tracker and an inference library, and the registry of those there are.

A back end is added by one module with a class that follows `Backend` and one line in `BACKENDS`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError

log = logging.getLogger(__name__)

Answers = Mapping[str, NDArray[np.float32]]

BACKENDS = {  # name -> class, imported when chosen
    "onnxruntime": "realtime3d.backends.onnxruntime_:OnnxRuntimeBackend",
    "fake": "realtime3d.backends.fake:FakeBackend",  # for tests: answers without a net
}
PREFERENCE = ("onnxruntime",)  # what `auto` tries, best first


@dataclass(frozen=True, slots=True)
class NetSpec:
    """A net as `models.toml` describes it. Its input is (N, size, size, 3) uint8 BGR, N is free."""

    name: str  # "compact.track"
    file: Path
    sha256: str
    input: str  # name of the input
    size: int  # px
    outputs: tuple[str, ...]


class Net(Protocol):
    """A net ready to run. Not for two threads at once."""

    @property
    def spec(self) -> NetSpec: ...

    def run(self, images: NDArray[np.uint8]) -> Answers:
        """(N, size, size, 3) uint8 BGR, N >= 1, to the outputs of `spec`: float32, first axis N.

        The arrays belong to the net until its next `run`: copy what you keep.
        """
        ...

    def close(self) -> None:
        """Free what the net holds. May be called twice; `run` is not called afterwards."""
        ...


class Backend(Protocol):
    """An inference library on one device. The constructor is cheap and touches no device; `load` may take seconds."""

    name: str
    device: str  # as it will be used: "cpu", "cuda:0"

    def load(self, spec: NetSpec) -> Net:
        """Make a net ready. MissingError where library, device or file is missing or does not fit the contract."""
        ...


def create(name: str = "auto", device: str = "auto", threads: int = 2) -> Backend:
    """The back end of this name. An explicit choice is never replaced by another; `auto` logs what it takes."""
    if name != "auto":
        return _create(name, device, threads)
    passed_over: list[str] = []
    for candidate in PREFERENCE:
        try:
            backend = _create(candidate, device, threads)
        except MissingError as error:
            passed_over.append(f"{candidate}: {error}")
            continue
        reasons = "; ".join(passed_over) or "first choice"
        log.info("back end %s on %s (%s)", backend.name, backend.device, reasons)
        return backend
    raise MissingError(f"no back end can be used: {'; '.join(passed_over)}")


def _create(name: str, device: str, threads: int) -> Backend:
    if name not in BACKENDS:
        raise MissingError(
            f"there is no back end {name!r} in this version: take --backend {' or '.join(PREFERENCE)} (or auto)"
        )
    module, _, attribute = BACKENDS[name].partition(":")
    backend: Any = getattr(importlib.import_module(module), attribute)
    return backend(device=device, threads=threads)
