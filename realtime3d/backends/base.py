"""The seam between the tracker and an inference library, and the registry of those there are.

A back end is added by one module with a class that follows `Backend` and one line in `BACKENDS`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError

_log = logging.getLogger(__name__)

Answers = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class NetSpec:
    """A net as `models.toml` describes it. Its input is (N, size, size, 3) uint8 BGR, N is free."""

    name: str  # "compact.track"
    file: Path  # ONNX, or what the back end makes of it
    sha256: str  # of the file
    input: str  # name of the input
    size: int  # px
    outputs: tuple[str, ...]  # their names
    face_model: Path | None = None  # the face model it answers for
    models: str = ""  # what `--models` takes for its set; empty: the folder of `file`


def check_contract(
    spec: NetSpec, inputs: Mapping[str, tuple[str, Sequence[int | None]]], outputs: Collection[str]
) -> None:
    """What a file says of itself, types and shapes of its inputs (None is a free axis) and the names of its outputs,
    against what `models.toml` promises."""
    promised = {spec.input: ("uint8", [None, spec.size, spec.size, 3])}
    found = {name: (kind, list(shape)) for name, (kind, shape) in inputs.items()}
    if found != promised or not set(spec.outputs) <= set(outputs):
        raise MissingError(
            f"{spec.file} does not fit models.toml: input {_listed(found)}, outputs {', '.join(sorted(outputs))}; "
            f"listed are input {_listed(promised)} with N free, outputs {', '.join(spec.outputs)}"
        )


def _listed(inputs: Mapping[str, tuple[str, Sequence[int | None]]]) -> str:
    return ", ".join(
        f"{name} {kind} ({', '.join(str(n or 'N') for n in shape)})" for name, (kind, shape) in inputs.items()
    )


class Net(Protocol):
    """A net ready to run. Not for two threads at once."""

    @property
    def spec(self) -> NetSpec:
        """What the net was loaded from."""
        ...

    def run(self, images: NDArray[np.uint8]) -> Answers:
        """(N, size, size, 3) uint8 BGR, N >= 1, to the outputs of `spec`: float32, first axis N.

        The arrays belong to the net until its next `run`: copy what you keep.
        """
        ...

    def close(self) -> None:
        """Free what the net holds. May be called twice; `run` is not called afterwards."""
        ...


@runtime_checkable
class Compared(Protocol):
    """A back end that knows whether it is quicker than the usual one."""

    def slower(self, specs: Iterable[NetSpec]) -> str:
        """Why it is not the better choice for these nets; empty where it is, or where that is not known yet."""
        ...


class Backend(Protocol):
    """An inference library on one device. The constructor is cheap and touches no device; `load` may take seconds."""

    name: str
    device: str  # as it will be used: "cpu", "cuda:0"

    def load(self, spec: NetSpec) -> Net:
        """Make a net ready. MissingError where library, device or file is missing or does not fit the contract."""
        ...
