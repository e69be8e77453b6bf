"""The seam between the tracker and an inference library, and the registry of those there are.

A back end is added by one module with a class that follows `Backend` and one line in `BACKENDS`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Collection, Mapping, Sequence
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
    "openvino": "realtime3d.backends.openvino_:OpenVinoBackend",
    "openvino-bf16": "realtime3d.backends.openvino_:Bfloat16Backend",
    "tensorrt": "realtime3d.backends.tensorrt_:TensorRTBackend",
    "torch": "realtime3d.backends.torch_:TorchBackend",
    "torch-compile": "realtime3d.backends.torch_:CompiledTorchBackend",
    "fake": "realtime3d.backends.fake:FakeBackend",  # for tests: answers without a net
}
PREFERENCE = ("tensorrt", "openvino-bf16", "onnxruntime")  # what `auto` tries, best first


@dataclass(frozen=True, slots=True)
class NetSpec:
    """A net as `models.toml` describes it. Its input is (N, size, size, 3) uint8 BGR, N is free."""

    name: str  # "compact.track"
    file: Path
    sha256: str
    input: str  # name of the input
    size: int  # px
    outputs: tuple[str, ...]
    face_model: Path | None = None  # the face model it answers for


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
    return open_nets({}, name, device, threads)[0]


def open_nets(
    specs: Mapping[str, NetSpec], name: str = "auto", device: str = "auto", threads: int = 2
) -> tuple[Backend, dict[str, Net]]:
    """The back end of this name with nets loaded. `auto` takes the first that can load them all and logs one line."""
    if name != "auto":
        backend = _create(name, device, threads)
        return backend, _load_all(backend, specs)
    passed_over: list[str] = []
    for candidate in PREFERENCE:
        try:
            backend = _create(candidate, device, threads)
            nets = _load_all(backend, specs)
        except MissingError as error:
            passed_over.append(f"not {candidate}: {error}")
            continue
        log.info("back end %s on %s (%s)", backend.name, backend.device, "; ".join(passed_over) or "first choice")
        return backend, nets
    raise MissingError(f"no back end can be used: {'; '.join(passed_over)}")


def _load_all(backend: Backend, specs: Mapping[str, NetSpec]) -> dict[str, Net]:
    """All nets, or none is left open."""
    nets: dict[str, Net] = {}
    try:
        for part, spec in specs.items():
            nets[part] = backend.load(spec)
    except BaseException:
        for net in nets.values():
            net.close()
        raise
    return nets


def _create(name: str, device: str, threads: int) -> Backend:
    if name not in BACKENDS:
        known = [known for known in BACKENDS if known != "fake"]
        raise MissingError(f"there is no back end {name!r}: take --backend auto, {' or '.join(known)}")
    module, _, attribute = BACKENDS[name].partition(":")
    backend: Any = getattr(importlib.import_module(module), attribute)
    return backend(device=device, threads=threads)
