"""TensorRT under any of its names: which one is installed, what it builds for, and building."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from functools import cache
from typing import Any

from realtime3d.backends.base import NetSpec
from realtime3d.errors import MissingError, UsageError, extra_line

MODULES = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt_rtx", "tensorrt_rtx_bindings": "tensorrt_rtx"}
_log = logging.getLogger(__name__)


class Library:
    """One installed TensorRT. `name` is the product ("tensorrt" or "tensorrt_rtx"), whatever the module is called."""

    def __init__(self, name: str, module: Any) -> None:
        self.name, self.trt = name, module
        self.version = str(module.__version__)
        self.logger = _make_logger(module)

    def targets(self) -> list[str]:
        """What it can build for on any machine; empty: for the GPU in this machine only."""
        known = getattr(self.trt, "ComputeCapability", None)
        return [name.lower() for name in known.__members__ if name.startswith("SM")] if known else []

    def check_target(self, target: str, here: str | None) -> None:
        """Refuse a target that cannot be built for; `here` is that of this machine's GPU."""
        if not re.fullmatch(r"sm\d{2,3}", target):
            raise UsageError(f"{target!r} is no target: write sm and the compute capability, as in sm86 for 8.6")
        known = self.targets()
        if known and target not in known:
            raise MissingError(
                f"{self.name} {self.version} cannot build for {target}: it knows {', '.join(known)}; "
                "use --backend torch or onnxruntime there"
            )
        if not known and target != here:
            raise MissingError(
                f"{self.name} {self.version} builds for the GPU of this machine only ({here or 'there is none'}): "
                f"run it on a machine with {target}, or install TensorRT for RTX: {extra_line('tensorrt')}"
            )

    def build(self, onnx: bytes, spec: NetSpec, target: str, profile: tuple[int, int, int]) -> bytes:
        """Compile an ONNX file, whose precision is written in its types, for batches within `profile`."""
        trt = self.trt
        self.logger.errors.clear()
        builder = trt.Builder(self.logger)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, self.logger)
        if not parser.parse(onnx):
            raise MissingError(f"{spec.file} cannot be compiled: {self._reason()}; report it, or use another back end")
        config = builder.create_builder_config()
        config.clear_flag(trt.BuilderFlag.TF32)  # fp32 means fp32
        shapes = builder.create_optimization_profile()
        shapes.set_shape(spec.input, *((batch, spec.size, spec.size, 3) for batch in profile))
        config.add_optimization_profile(shapes)
        if self.targets():
            config.num_compute_capabilities = 1
            config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), 0)
        engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise MissingError(f"{self.name} could not compile {spec.file} for {target}: {self._reason()}")
        return bytes(engine)

    def _reason(self) -> str:
        first = self.logger.errors[0] if self.logger.errors else "no reason given"
        return " ".join(first.split())[:300]


def _make_logger(trt: Any) -> Any:
    class Logger(trt.ILogger):  # type: ignore[misc, name-defined]
        """Errors are kept for the message of what failed, everything goes to the debug log."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)
            _log.debug("%s: %s", severity, message)

    return Logger()


@cache
def library() -> Library:
    """The TensorRT that is installed; MissingError with the line that installs one."""
    broken: list[str] = []
    for module, name in MODULES.items():
        if importlib.util.find_spec(module) is None:
            continue
        try:
            return Library(name, importlib.import_module(module))
        except (ImportError, OSError, AttributeError) as error:
            broken.append(f"{module} does not load ({error})")
    raise MissingError(f"TensorRT is not installed{''.join(f'; {b}' for b in broken)}: {extra_line('tensorrt')}")
