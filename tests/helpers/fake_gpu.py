"""A GPU that is this machine's memory and ONNX Runtime: the calls of driver and TensorRT that the back end makes.

It keeps account of what is allocated and refuses what a real one would refuse, so that buffers, batches, the parity
gate and every error path are tested where there is no GPU. What only a real one can show is marked `gpu`.
"""

from __future__ import annotations

import ctypes
import enum
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from realtime3d.backends.tensorrt_library import Library


class FakeDriver:
    """libcuda: each function returns an error code."""

    def __init__(self, gpus: int = 1, capability: tuple[int, int] = (8, 6), memory: int = 1 << 28) -> None:
        self.gpus, self.capability, self.memory = gpus, capability, memory
        self.held: dict[int, Any] = {}  # address -> memory, of host and device
        self.contexts = 0
        self.streams = 0

    def cuInit(self, flags: int) -> int:
        return 0

    def cuGetErrorString(self, code: int, text: Any) -> int:
        text._obj.value = b"invalid device context"
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.gpus
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = b"Fake RTX"
        return 0

    def cuDeviceGetAttribute(self, value: Any, number: int, device: Any) -> int:
        value._obj.value = self.capability[number - 75]
        return 0

    def cuDevicePrimaryCtxRetain(self, context: Any, device: Any) -> int:
        context._obj.value = 1
        self.contexts += 1
        return 0

    def cuDevicePrimaryCtxRelease_v2(self, device: Any) -> int:
        self.contexts -= 1
        return 0

    def cuCtxSetCurrent(self, context: Any) -> int:
        return 0 if self.contexts > 0 else 201

    def cuStreamCreate(self, stream: Any, flags: int) -> int:
        stream._obj.value = 7
        self.streams += 1
        return 0

    def cuStreamSynchronize(self, stream: Any) -> int:
        return 0

    def cuStreamDestroy_v2(self, stream: Any) -> int:
        self.streams -= 1
        return 0

    def _allocate(self, size: int) -> int:
        memory = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    def cuMemHostAlloc(self, pointer: Any, size: Any, flags: int) -> int:
        pointer._obj.value = self._allocate(size.value)
        return 0

    def cuMemAlloc_v2(self, address: Any, size: Any) -> int:
        if size.value > self.memory:
            return 2
        self.memory -= size.value
        address._obj.value = self._allocate(size.value)
        return 0

    def cuMemFree_v2(self, address: Any) -> int:
        self.memory += len(self.held.pop(address.value))
        return 0

    def cuMemFreeHost(self, pointer: Any) -> int:
        del self.held[pointer.value]
        return 0

    def cuMemcpyHtoDAsync_v2(self, target: Any, source: Any, size: Any, stream: Any) -> int:
        ctypes.memmove(target.value, source.value, size.value)
        return 0

    def cuMemcpyDtoHAsync_v2(self, target: Any, source: Any, size: Any, stream: Any) -> int:
        ctypes.memmove(target.value, source.value, size.value)
        return 0


class Severity(enum.Enum):
    INTERNAL_ERROR = 0
    ERROR = 1


class Logger:
    """trt.ILogger."""

    INTERNAL_ERROR, ERROR = Severity.INTERNAL_ERROR, Severity.ERROR

    def __init__(self) -> None:
        """As the real one, which has to be called."""


class Engine:
    """An engine whose bytes are an ONNX file."""

    def __init__(self, data: bytes, noise: float) -> None:
        self.session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        self.noise = noise
        self._all = [*self.session.get_inputs(), *self.session.get_outputs()]
        self.num_io_tensors = len(self._all)

    def get_tensor_name(self, index: int) -> str:
        return str(self._all[index].name)

    def get_tensor_shape(self, name: str) -> list[int]:
        shape = next(t.shape for t in self._all if t.name == name)
        return [size if isinstance(size, int) else -1 for size in shape]

    def get_tensor_dtype(self, name: str) -> str:
        return str(next(t.type for t in self._all if t.name == name))

    def create_execution_context(self) -> Context:
        return Context(self)


class Context:
    """Runs where the addresses point."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] = ()
        self.largest = 0

    def set_tensor_address(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        assert shape[0] <= 16, "beyond the profile"
        self._shape = shape

    def execute_async_v3(self, stream: int) -> bool:
        session = self._engine.session
        name = session.get_inputs()[0].name
        pixels = np.frombuffer(ctypes.string_at(self._addresses[name], int(np.prod(self._shape))), np.uint8)
        answers = session.run(None, {name: pixels.reshape(self._shape)})
        for output, values in zip(session.get_outputs(), answers, strict=True):
            noisy = (values + self._engine.noise).astype(np.float32)
            ctypes.memmove(self._addresses[output.name], noisy.tobytes(), noisy.nbytes)
        return True


def fake_library(noise: float = 0.0) -> Library:
    """TensorRT whose engines are ONNX files; `noise` is added to every answer."""

    class Runtime:
        def __init__(self, logger: Any) -> None:
            self._logger = logger

        def deserialize_cuda_engine(self, data: bytes) -> Engine | None:
            try:
                return Engine(data, noise)
            except Exception as error:
                self._logger.log(Severity.ERROR, f"cannot\ndeserialize: {error}")
                return None

    kinds = dict.fromkeys(("SM75", "SM86", "CURRENT"))
    module = SimpleNamespace(
        __version__="1.2.3",
        ILogger=Logger,
        Runtime=Runtime,
        ComputeCapability=SimpleNamespace(__members__=kinds),
        uint8="tensor(uint8)",
        float32="tensor(float)",
    )
    return Library("tensorrt_rtx", module)
