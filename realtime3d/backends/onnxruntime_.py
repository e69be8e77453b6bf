"""ONNX Runtime: the back end that is always there, on the CPU or with an execution provider asked for by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, NetSpec, check_contract
from realtime3d.backends.pace import Pace
from realtime3d.errors import MissingError, first_line, require

CPU = "CPUExecutionProvider"
PROVIDERS = {  # --device -> the provider, where the installed build of onnxruntime has it
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
NUMBERED = ("cuda", "tensorrt", "directml")  # devices that can be counted: "cuda:1"
BUILDS = {"cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu", "openvino": "onnxruntime-openvino",
          "directml": "onnxruntime-directml", "coreml": "onnxruntime (on macOS)"}  # fmt: skip
FACES_EACH = 2  # faces for each thread from which on they are shared out
_FULL = "if its memory is full, close other programs that use it, or take --device cpu"


class OnnxRuntimeBackend:
    """Each net has its own sessions and its own threads, which sleep between runs."""

    name = "onnxruntime"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        """`device` is auto (the CPU), one of `PROVIDERS`, or with a number, cuda:1."""
        kind, _, number = ("cpu" if device == "auto" else device).partition(":")
        valid = kind in PROVIDERS and (not number or (kind in NUMBERED and re.fullmatch(r"\d+", number)))
        if not valid or device.endswith(":"):
            raise MissingError(f"back end onnxruntime has no device {device!r}: take --device {', '.join(PROVIDERS)}")
        self._library = require("onnxruntime", "", "back end onnxruntime")
        self._library.disable_telemetry_events()  # what older versions leave to Windows to send
        if PROVIDERS[kind] not in self._library.get_available_providers():
            raise MissingError(
                f"the installed onnxruntime has no {PROVIDERS[kind]} for device {device!r}: pip uninstall onnxruntime "
                f"and pip install {BUILDS[kind]}, or take --device cpu"
            )
        self.device = f"{kind}:{int(number or 0)}" if kind in NUMBERED else kind
        self._kind, self._number = kind, int(number or 0)
        self._threads = threads

    def load(self, spec: NetSpec) -> OnnxRuntimeNet:
        return self._load(spec, str(spec.file))

    def load_bytes(self, spec: NetSpec, onnx: bytes) -> OnnxRuntimeNet:
        """Another form of the same net, from memory."""
        return self._load(spec, onnx)

    def _load(self, spec: NetSpec, onnx: str | bytes) -> OnnxRuntimeNet:
        if self._kind != "cpu" or self._threads == 1:
            return OnnxRuntimeNet(spec, self._session(spec, onnx, self._threads), None, self.device, threads=1)
        alone = self._session(spec, onnx, 1)
        make_team = partial(self._session, spec, onnx, self._threads)
        return OnnxRuntimeNet(spec, alone, make_team, self.device, self._threads)

    def _session(self, spec: NetSpec, onnx: str | bytes, threads: int) -> Any:
        options = self._library.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.force_spinning_stop", "1")  # awake during a run, asleep after it
        if isinstance(onnx, bytes):  # eight bits as written: fused kernels overflow on processors without VNNI
            options.add_session_config_entry("session.disable_quant_qdq", "1")
        if self._kind == "cpu":  # its own store keeps the most that each number of faces ever took, and is no quicker
            options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        options.log_severity_level = 3  # errors: they arrive as exceptions anyway
        try:
            session = self._library.InferenceSession(onnx, options, providers=self._providers())
        except Exception as error:  # the library raises many types of its own, all of them mean the same here
            advice = "reinstall realtime3d" if self._kind == "cpu" else _FULL
            raise MissingError(f"{spec.file} does not load in onnxruntime ({first_line(error)}): {advice}") from error
        if session.get_providers()[0] != PROVIDERS[self._kind]:  # it falls back by itself
            raise MissingError(
                f"{PROVIDERS[self._kind]} is installed but does not start on {self.device}: update the driver and the "
                "libraries it needs, or take --device cpu"
            )
        inputs = {
            node.name: (node.type[len("tensor(") : -1], [n if isinstance(n, int) else None for n in node.shape])
            for node in session.get_inputs()
        }
        check_contract(spec, inputs, [node.name for node in session.get_outputs()])
        return session

    def _providers(self) -> list[Any]:
        """The provider that was asked for; the CPU takes over only the nodes it cannot run."""
        if self._kind == "cpu":
            return [CPU]
        options = {"device_id": str(self._number)} if self._kind in NUMBERED else {}
        if self._kind == "openvino":
            options["num_of_threads"] = str(self._threads)  # it does not look at the session's
        return [(PROVIDERS[self._kind], options), CPU]


class OnnxRuntimeNet:
    """A net that is run by one thread or by several, whichever is quicker of late.

    Only runs that follow each other are worth several: a thread that has slept takes longer to wake than it saves, and
    at a camera's pace one is as fast as two and leaves the other core to others. Many faces are shared out, each thread
    takes its own from the first layer to the last; few are one team's work, layer by layer.
    """

    def __init__(
        self, spec: NetSpec, alone: Any, make_team: Callable[[], Any] | None, device: str, threads: int
    ) -> None:
        """Sessions of one thread and, where there are more, of all: made when needed first."""
        self.spec = spec
        self._alone, self._make_team, self._team = alone, make_team, None
        self._device, self._threads = device, threads
        self._outputs = list(spec.outputs)
        self._helpers: ThreadPoolExecutor | None = None
        self._pace = Pace()

    def run(self, images: NDArray[np.uint8]) -> Answers:
        many = len(images) >= FACES_EACH * self._threads

        def work(together: bool) -> list[Any]:
            return self._shared(images) if together and many else self._answers(self._session(together), images)

        try:
            answers = self._pace.run(work, len(images), many) if self._threads > 1 else work(False)
        except Exception as error:  # the library has many types
            if self._device == "cpu":
                raise
            raise MissingError(
                f"net {self.spec.name} fails on {self._device} ({first_line(error)}): {_FULL}"
            ) from error
        return dict(zip(self._outputs, answers, strict=True))

    def _answers(self, session: Any, images: NDArray[np.uint8]) -> list[Any]:
        return session.run(self._outputs, {self.spec.input: images})

    def _shared(self, images: NDArray[np.uint8]) -> list[Any]:
        """Each thread takes the next face until none is left, so one that is held up takes fewer; a session of one
        thread works in the thread that calls it."""
        if self._helpers is None:
            self._helpers = ThreadPoolExecutor(self._threads - 1, "realtime3d-net")
        answers: list[Any] = [None] * len(images)
        left = iter(range(len(images)))

        def take() -> None:
            for face in left:
                answers[face] = self._answers(self._alone, images[face : face + 1])

        helped = [self._helpers.submit(take) for _ in range(self._threads - 1)]
        take()
        for helper in helped:
            helper.result()
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]

    def _session(self, team: bool) -> Any:
        if not team or self._make_team is None:
            return self._alone
        if self._team is None:
            self._team = self._make_team()
        return self._team

    def close(self) -> None:
        if self._helpers is not None:
            self._helpers.shutdown()
        self._alone = self._make_team = self._team = self._helpers = None
