"""OpenVINO: another library for the CPU, in single precision, or in bfloat16 where the processor computes with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d import engines
from realtime3d.backends import gate
from realtime3d.backends.base import Answers, NetSpec, check_contract
from realtime3d.backends.pace import Pace
from realtime3d.errors import MissingError, require

VERDICT = ".openvino.bf16.json"  # behind a net's name: what the parity gate measured


class OpenVinoBackend:
    """Single precision. Each net has its own threads; faces are compiled for one by one, which is quicker than a batch
    of any size here."""

    name = "openvino"
    precision = "f32"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        if device not in ("auto", "cpu"):
            raise MissingError(f"back end {self.name} has no device {device!r}: take --device cpu")
        self._library = require("openvino", "openvino", f"back end {self.name}")
        self._core = self._library.Core()
        self.device = "cpu"
        self._threads = threads

    def load(self, spec: NetSpec) -> OpenVinoNet:
        core = self._core
        try:
            model = core.read_model(str(spec.file))
        except RuntimeError as error:
            reason = _reason(error)
            raise MissingError(f"{spec.file} does not load in openvino ({reason}): reinstall realtime3d") from error
        inputs = {port.any_name: (_type_name(port), _shape(port)) for port in model.inputs}
        check_contract(spec, inputs, {name for port in model.outputs for name in port.names})
        model.reshape({spec.input: [1, spec.size, spec.size, 3]})

        def compiled(streams: int) -> Any:
            """For `streams` faces at a time, each with as many threads as there are left for it."""
            settings = {
                "INFERENCE_PRECISION_HINT": self.precision,
                "INFERENCE_NUM_THREADS": self._threads,
                "NUM_STREAMS": streams,
                "ENABLE_CPU_PINNING": False,  # other processes want the same cores
            }
            return core.compile_model(model, "CPU", settings)

        return OpenVinoNet(spec, compiled(self._threads), lambda: compiled(1), self._threads)


class Bfloat16Backend(OpenVinoBackend):
    """The same in bfloat16, refused where the processor has no instructions for it or a net answers too differently."""

    name = "openvino-bf16"
    precision = "bf16"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        super().__init__(device, threads)
        if "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise MissingError("this processor does not compute in bfloat16: take --backend onnxruntime")

    def load(self, spec: NetSpec) -> OpenVinoNet:
        made_by = {
            "library": "openvino",
            "version": self._library.get_version(),
            "device": self._core.get_property("CPU", "FULL_DEVICE_NAME"),
            "precision": self.precision,
        }
        load, verdict = super().load, engines.default_folder() / f"{spec.file.stem}{VERDICT}"
        return gate.let_through(spec, lambda: load(spec), made_by, verdict)


class OpenVinoNet:
    """A net that is run by one thread or by several: one face by all threads, many faces by each its own."""

    def __init__(self, spec: NetSpec, streams: Any, make_team: Callable[[], Any], threads: int) -> None:
        """`streams` answers as many faces at a time as there are threads; the team is made when needed first."""
        self.spec = spec
        self._streams, self._make_team, self._threads = streams, make_team, threads
        self._requests = [streams.create_infer_request()]  # one for each face
        self._team: Any = None
        self._pace = Pace()

    def run(self, images: NDArray[np.uint8]) -> Answers:
        several = len(images) > 1

        def work(together: bool) -> list[Any]:
            if several:
                return self._several(images, at_once=together)
            return self._answer(self._team_request() if together else self._requests[0], images)

        answers = self._pace.run(work, len(images), several) if self._threads > 1 else work(False)
        return dict(zip(self.spec.outputs, answers, strict=True))

    def _several(self, images: NDArray[np.uint8], at_once: bool) -> list[Any]:
        faces = len(images)
        while len(self._requests) < faces:
            self._requests.append(self._streams.create_infer_request())
        requests = self._requests[:faces]
        for face, request in enumerate(requests):
            request.start_async({self.spec.input: images[face : face + 1]}, share_inputs=True)
            if not at_once:
                request.wait()
        for request in requests:
            request.wait()
        return [np.concatenate([request.get_tensor(name).data for request in requests]) for name in self.spec.outputs]

    def _answer(self, request: Any, image: NDArray[np.uint8]) -> list[Any]:
        request.infer({self.spec.input: image}, share_inputs=True)
        return [request.get_tensor(name).data for name in self.spec.outputs]

    def _team_request(self) -> Any:
        if self._team is None:
            self._team = self._make_team().create_infer_request()
        return self._team

    def close(self) -> None:
        self._requests = []
        self._streams = self._make_team = self._team = None  # type: ignore[assignment]


def _type_name(port: Any) -> str:
    return np.dtype(port.element_type.to_dtype()).name


def _shape(port: Any) -> list[int | None]:
    return [None if n.is_dynamic else n.get_length() for n in port.partial_shape]


def _reason(error: Exception) -> str:
    """The last line of what the library said, where the reason is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
