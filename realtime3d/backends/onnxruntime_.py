"""ONNX Runtime on the CPU: the back end that is always there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, NetSpec
from realtime3d.errors import MissingError, require


class OnnxRuntimeBackend:
    """Each net has its own session and its own threads, which sleep while they wait."""

    name = "onnxruntime"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        if device not in ("auto", "cpu"):
            raise MissingError(f"back end onnxruntime has no device {device!r}: take --device cpu")
        self.device = "cpu"
        self._threads = threads
        self._library = require("onnxruntime", "", "back end onnxruntime")

    def load(self, spec: NetSpec) -> OnnxRuntimeNet:
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # errors: they arrive as exceptions anyway
        try:
            session = self._library.InferenceSession(str(spec.file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library raises many types of its own, all of them mean the same here
            line = str(error).splitlines()[0]
            raise MissingError(f"{spec.file} does not load in onnxruntime ({line}): reinstall realtime3d") from error
        _check_contract(session, spec)
        return OnnxRuntimeNet(spec, session)


class OnnxRuntimeNet:
    """One session."""

    def __init__(self, spec: NetSpec, session: Any) -> None:
        self.spec = spec
        self._session = session
        self._outputs = list(spec.outputs)

    def run(self, images: NDArray[np.uint8]) -> Answers:
        answers = self._session.run(self._outputs, {self.spec.input: images})
        return dict(zip(self._outputs, answers, strict=True))

    def close(self) -> None:
        self._session = None


def _check_contract(session: Any, spec: NetSpec) -> None:
    """The file's own names and shapes against what models.toml promises."""
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name for node in session.get_outputs()}
    absent = [name for name in spec.outputs if name not in outputs]
    if list(inputs) != [spec.input] or absent:
        raise MissingError(
            f"{spec.file} does not fit models.toml: input {', '.join(inputs)}, outputs {', '.join(sorted(outputs))}; "
            f"listed are input {spec.input}, outputs {', '.join(spec.outputs)}"
        )
    node = inputs[spec.input]
    if node.type != "tensor(uint8)" or list(node.shape[1:]) != [spec.size, spec.size, 3] or node.shape[0] == 1:
        raise MissingError(
            f"{spec.file} does not fit models.toml: its input is {node.type} {node.shape}, "
            f"it must be tensor(uint8) ['N', {spec.size}, {spec.size}, 3] with N free"
        )
