"""Which back ends there are, and which one runs the nets."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any

from realtime3d.backends.base import Backend, Compared, Net, NetSpec
from realtime3d.errors import MissingError

_log = logging.getLogger(__name__)

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


def create_backend(name: str = "auto", device: str = "auto", threads: int = 2) -> Backend:
    """The back end of this name. An explicit choice is never replaced by another; `auto` logs what it takes."""
    return open_nets({}, name, device, threads)[0]


def open_nets(
    specs: Mapping[str, NetSpec], name: str = "auto", device: str = "auto", threads: int = 2
) -> tuple[Backend, dict[str, Net]]:
    """The back end of this name with nets loaded. `auto` takes the first that can load them all and is not slower than
    the last; it logs one line."""
    if name != "auto":
        backend = _create(name, device, threads)
        return backend, _load_all(backend, specs)
    passed_over: list[str] = []
    for candidate in PREFERENCE:
        try:
            backend = _create(candidate, device, threads)
            nets = _load_all(backend, specs, only_quicker=True)
        except MissingError as error:
            passed_over.append(f"not {candidate}: {error}")
            continue
        _log.info("back end %s on %s (%s)", backend.name, backend.device, "; ".join(passed_over) or "first choice")
        return backend, nets
    raise MissingError(f"no back end can be used: {'; '.join(passed_over)}")


def _refuse_slower(backend: Backend, specs: Mapping[str, NetSpec]) -> None:
    slower = backend.slower(specs.values()) if isinstance(backend, Compared) else ""
    if slower:
        raise MissingError(slower)


def _load_all(backend: Backend, specs: Mapping[str, NetSpec], *, only_quicker: bool = False) -> dict[str, Net]:
    """All nets, or none is left open."""
    if only_quicker:  # what an earlier run has measured need not be loaded
        _refuse_slower(backend, specs)
    nets: dict[str, Net] = {}
    try:
        for part, spec in specs.items():
            nets[part] = backend.load(spec)
        if only_quicker:
            _refuse_slower(backend, specs)
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
