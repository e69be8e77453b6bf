"""OpenVINO: another library for the CPU, in single precision, or in bfloat16 where the processor computes with it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends import engines, gate, parity
from realtime3d.backends.base import Answers, NetSpec, check_contract
from realtime3d.backends.openvino_split import InTurn, split
from realtime3d.backends.pace import Pace
from realtime3d.errors import MissingError, require

_INSTEAD = "take --backend onnxruntime"
TOGETHER = 4  # faces at a time at most
LARGEST_TOGETHER_PX = 512  # larger pictures come one at a time: several would take memory that nobody asks for
VERDICT = ".openvino.bf16.json"  # behind a net's name: what the parity gate measured


class OpenVinoBackend:
    """Single precision. Each net has its own threads."""

    name = "openvino"
    precision = "f32"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        if device not in ("auto", "cpu"):
            raise MissingError(f"back end {self.name} has no device {device!r}: take --device cpu")
        self._library = _library(f"back end {self.name}")
        with _one_line("openvino finds no CPU it can use", _INSTEAD):
            self._core = _core()
            self._abilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.device = "cpu"
        self._threads = threads

    def load(self, spec: NetSpec) -> OpenVinoNet:
        model = self._read(spec)
        inputs = {port.any_name: (_type_name(port), _shape(port)) for port in model.inputs}
        check_contract(spec, inputs, {name for port in model.outputs for name in port.names})

        def compiled(faces: Any, threads: int) -> Any:
            """The net for so many faces at a time, ready to be asked."""
            with _one_line(f"openvino does not compile {spec.name}", _INSTEAD):
                return self._compiled(spec, model, faces, threads)

        several = self._library.Dimension(1, TOGETHER)
        team = compiled(several, self._threads) if self._threads > 1 and spec.size <= LARGEST_TOGETHER_PX else None
        return OpenVinoNet(spec, compiled(1, 1), team)

    def _read(self, spec: NetSpec) -> Any:
        with _one_line(f"{spec.file} does not load in openvino", "reinstall realtime3d"):
            model = self._core.read_model(str(spec.file))
            _unpack(model)
        return model

    def _compiled(self, spec: NetSpec, model: Any, faces: Any, threads: int) -> Any:
        model.reshape({spec.input: [faces, spec.size, spec.size, 3]})
        return self._core.compile_model(model, "CPU", _settings(self.precision, threads)).create_infer_request()


def _unpack(model: Any) -> None:
    """Weights from 16 to 32 bits, once: each compiling would do it again and keep its own."""
    passes = importlib.import_module("openvino.passes")
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(model)


class Bfloat16Backend(OpenVinoBackend):
    """The same in bfloat16 but for a net's first layers; refused where the processor has no instructions for it or a
    net answers too differently."""

    name = "openvino-bf16"
    precision = "bf16"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        super().__init__(device, threads)
        self._measured: dict[str, gate.Verdict] = {}
        if "BF16" not in self._abilities:
            raise MissingError(f"this processor does not compute in bfloat16: {_INSTEAD}")

    def load(self, spec: NetSpec) -> OpenVinoNet:
        load = super().load
        net, measured = gate.load_checked(spec, lambda: load(spec), self._made_by(), _verdict_file(spec), self._threads)
        if measured:
            self._measured[spec.name] = measured
        return net

    def _made_by(self) -> dict[str, str]:
        """What a verdict holds for."""
        return {
            "library": "openvino",
            "version": self._library.get_version(),
            "device": self._core.get_property("CPU", "FULL_DEVICE_NAME"),
            "precision": f"{self.precision}, first layers in f32",
        }

    def slower(self, specs: Iterable[NetSpec]) -> str:
        """Why single precision is the better choice for these nets; empty where it is not, or where one has not been
        measured yet. Some processors know bfloat16 and are no quicker with it."""
        compared = [spec for spec in specs if parity.measures(spec.outputs)]
        known = [self._measured.get(s.name) or gate.kept(s, self._made_by(), _verdict_file(s)) for s in compared]
        verdicts = [verdict for verdict in known if verdict]
        ms, single = (sum(getattr(verdict, name) for verdict in verdicts) for name in ("ms", "single_ms"))
        if len(verdicts) < len(compared) or ms <= single:
            return ""
        return f"its nets take {ms:.2g} ms together on this processor, {single:.2g} ms in single precision"

    def _compiled(self, spec: NetSpec, model: Any, faces: Any, threads: int) -> Any:
        parts = split(self._read(spec), self._read(spec))
        if parts is None:
            return super()._compiled(spec, model, faces, threads)
        first, rest = parts
        first.reshape({spec.input: [faces, spec.size, spec.size, 3]})
        rest.reshape(first.output(0).get_partial_shape())
        requests = [
            self._core.compile_model(part, "CPU", _settings(precision, threads)).create_infer_request()
            for part, precision in ((first, "f32"), (rest, self.precision))
        ]
        return InTurn(*requests)


def _verdict_file(spec: NetSpec) -> Path:
    return engines.default_folder() / f"{spec.file.stem}{VERDICT}"


class OpenVinoNet:
    """A net that is run by one thread, face by face, or by several together, whichever is quicker of late.

    The several take up to `TOGETHER` faces at once; more are asked about in parts. A net compiled for each number of
    faces is 3 to 10 % quicker than theirs, which takes any, but costs 37 MB for each number that comes. All memory is
    taken at the start: a film in which people enter takes no more.
    """

    def __init__(self, spec: NetSpec, alone: Any, team: Any) -> None:
        """Requests to the net compiled for one thread and one face, and (or None) for several of both."""
        self.spec = spec
        self._alone, self._team = alone, team
        self._pace = Pace()
        for faces in range(1, TOGETHER + 1) if team else ():
            self._answer(team, np.zeros((faces, spec.size, spec.size, 3), np.uint8))

    def run(self, images: NDArray[np.uint8]) -> Answers:
        faces = len(images)

        def work(together: bool) -> list[Any]:
            step, request = (TOGETHER, self._team) if together else (1, self._alone)
            found = [self._answer(request, images[i : i + step]) for i in range(0, faces, step)]
            return [np.concatenate(of_parts) for of_parts in zip(*found, strict=True)] if len(found) > 1 else found[0]

        answers = self._pace.run(work, faces, faces > 1) if self._team else work(False)
        return dict(zip(self.spec.outputs, answers, strict=True))

    def _answer(self, request: Any, images: NDArray[np.uint8]) -> list[Any]:
        """Copies: the request's own arrays change when it is asked about the next part."""
        request.infer({self.spec.input: images}, share_inputs=True)
        return [request.get_tensor(name).data.copy() for name in self.spec.outputs]

    def close(self) -> None:
        self._alone = self._team = None


def _library(purpose: str) -> ModuleType:
    """openvino, without openvino_telemetry, which tells its makers over the network that openvino was imported."""
    loaded: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: as if it were not installed
    kept_out = loaded.setdefault("openvino_telemetry", None) is None
    try:
        return require("openvino", "openvino", purpose)
    finally:
        if kept_out:
            loaded.pop("openvino_telemetry", None)


@cache
def _core() -> Any:
    """One for the whole process, never given back.

    Each sets the thread's stack for signals to memory of its own and later restores what it found. Of two whose lives
    overlap the second restores the freed memory of the first, and the next signal, a Ctrl-C, crashes the interpreter.
    """
    return importlib.import_module("openvino").Core()


def _type_name(port: Any) -> str:
    return np.dtype(port.element_type.to_dtype()).name


def _shape(port: Any) -> list[int | None]:
    return [None if n.is_dynamic else n.get_length() for n in port.partial_shape]


def matrix_product(side: int, precision: str, threads: int) -> Callable[[], object]:
    """A product of two matrices with `side` rows, in the nets' own precision: what the processor can do at best."""
    openvino = _library("a matrix product in the nets' precision")
    ops = importlib.import_module("openvino.opset13")
    numbers = np.random.default_rng(0).normal(size=(2, side, side)).astype(np.float32)
    left = ops.parameter([side, side], np.float32)
    product = openvino.Model([ops.matmul(left, ops.constant(numbers[1]), False, False)], [left])
    with _one_line("openvino does not compile a matrix product", _INSTEAD):
        request = _core().compile_model(product, "CPU", _settings(precision, threads)).create_infer_request()
    return lambda: request.infer([numbers[0]], share_inputs=True)


def _settings(precision: str, threads: int) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # other processes want the same cores
    }


@contextmanager
def _one_line(what: str, remedy: str) -> Iterator[None]:
    """The library's errors as one line; their reason is the last of theirs."""
    try:
        yield
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise MissingError(f"{what} ({lines[-1] if lines else type(error).__name__}): {remedy}") from error
