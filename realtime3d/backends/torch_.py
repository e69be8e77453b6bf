"""PyTorch: the same ONNX files, node by node, for those who change the nets and for GPUs without an engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, NetSpec
from realtime3d.errors import MissingError, first_line, require

if TYPE_CHECKING:
    from realtime3d.backends.onnx_torch import Program, Recording

GRAPH_BATCH = 16  # up to this batch a GPU replays a recorded graph
WARM_UPS = 3


class TorchBackend:
    """On the CPU it runs with PyTorch's own number of threads, which is one setting for the whole process: `threads`
    changes nothing here. On a GPU each batch size is recorded once as a CUDA graph and then replayed."""

    name = "torch"

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        """`device` is auto (a GPU if there is one), cpu, cuda, or a number of it, cuda:1."""
        match = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
        if not match:
            raise MissingError(f"back end torch has no device {device!r}: take --device cpu or cuda:0")
        self._torch = require("torch", "torch", "back end torch")
        require("onnx", "torch", "back end torch")
        gpus = self._torch.cuda.device_count() if device != "cpu" else 0
        index = int(match[1] or 0)
        if device.startswith("cuda") and index >= gpus:
            raise MissingError(
                f"PyTorch sees {gpus} GPUs, so there is no {device}: install the driver and a CUDA build of torch, "
                "or take --device cpu"
            )
        self.device = f"cuda:{index}" if gpus else "cpu"

    def load(self, spec: NetSpec) -> TorchNet:
        from realtime3d.backends.onnx_torch import Program

        with _full_memory_said():
            return self._net(spec, Program.read(spec, self._torch.device(self.device)))

    def _net(self, spec: NetSpec, program: Program) -> TorchNet:
        return RecordedNet(spec, program) if self.device != "cpu" else TorchNet(spec, program)


class CompiledTorchBackend(TorchBackend):
    """The same with `torch.compile`. Compiling happens while a net is loaded and takes from seconds to minutes; PyTorch
    keeps what it compiled in a cache of its own. On a GPU the compiled kernels are recorded as CUDA graphs."""

    name = "torch-compile"

    def _net(self, spec: NetSpec, program: Program) -> TorchNet:
        program.compile()
        try:
            for rows in (1, 2):  # one form for a single crop, one for any other number
                program(np.zeros((rows, spec.size, spec.size, 3), np.uint8))
        except self._torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:  # its many stages raise types of their own
            raise MissingError(
                f"torch.compile does not work here ({first_line(error)}): install a C++ compiler, and Triton "
                "for a GPU, or take --backend torch"
            ) from error
        return super()._net(spec, program)


@contextmanager
def _full_memory_said() -> Iterator[None]:
    """A GPU whose memory is full becomes a MissingError."""
    import torch

    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise MissingError(
            "the GPU's memory is full: close other programs that use it, or take --device cpu"
        ) from error


class TorchNet:
    """One net as PyTorch runs it, without gradients."""

    def __init__(self, spec: NetSpec, program: Program) -> None:
        self.spec = spec
        self._program = program

    def run(self, images: NDArray[np.uint8]) -> Answers:
        return {name: values.numpy() for name, values in self._program(images).items()}

    def close(self) -> None:
        """Memory goes with the object."""


class RecordedNet(TorchNet):
    """The same on a GPU: a CUDA graph for each batch size up to `GRAPH_BATCH`, recorded when it first comes."""

    def __init__(self, spec: NetSpec, program: Program) -> None:
        super().__init__(spec, program)
        self._recordings: dict[int, Recording] = {}

    def run(self, images: NDArray[np.uint8]) -> Answers:
        rows = len(images)
        with _full_memory_said():
            if rows > GRAPH_BATCH:
                return {name: values.cpu().numpy() for name, values in self._program(images).items()}
            if rows not in self._recordings:
                self._recordings[rows] = self._program.record(images, WARM_UPS)
            return self._recordings[rows].replay(images)

    def close(self) -> None:
        self._recordings.clear()
