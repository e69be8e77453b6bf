"""The little of CUDA that running an engine needs, straight from the driver's library: no toolkit, no package.

Nothing is loaded before a `Device` is made or `check_driver` asks for it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from realtime3d.errors import MissingError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
OUT_OF_MEMORY = 2
MAJOR, MINOR = 75, 76  # device attributes: the compute capability's parts
INSTEAD = "or take --backend onnxruntime"


@cache
def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise MissingError(f"no NVIDIA driver ({LIBRARY} does not load): install the driver {INSTEAD}") from error


def check_driver() -> None:
    """MissingError where the driver's library is not installed. Touches no device."""
    _library()


def _call(name: str, *arguments: Any) -> None:
    """Call a function of the driver; its failures are MissingErrors."""
    library = _library()
    function: Callable[..., int] = getattr(library, name)
    code = function(*arguments)
    if code == OUT_OF_MEMORY:
        raise MissingError(f"the GPU's memory is full: close other programs that use it {INSTEAD}")
    if code:
        text = ctypes.c_char_p()
        library.cuGetErrorString(code, ctypes.byref(text))
        reason = (text.value or b"unknown error").decode(errors="replace")
        raise MissingError(f"the NVIDIA driver answers {name} with error {code} ({reason}): update it {INSTEAD}")


class Device:
    """One GPU, with its primary context held until `close`."""

    def __init__(self, index: int = 0) -> None:
        _call("cuInit", 0)
        count = ctypes.c_int()
        _call("cuDeviceGetCount", ctypes.byref(count))
        if index >= count.value:
            raise MissingError(f"no GPU cuda:{index}, the driver sees {count.value}: name another --device {INSTEAD}")
        self._device = ctypes.c_int()
        _call("cuDeviceGet", ctypes.byref(self._device), index)
        name = ctypes.create_string_buffer(256)
        _call("cuDeviceGetName", name, len(name), self._device)
        self.index, self.name = index, name.value.decode(errors="replace")
        self.target = f"sm{self._attribute(MAJOR)}{self._attribute(MINOR)}"  # as engines name it: "sm86"
        self._context: ctypes.c_void_p | None = ctypes.c_void_p()
        _call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), self._device)

    def _attribute(self, number: int) -> int:
        value = ctypes.c_int()
        _call("cuDeviceGetAttribute", ctypes.byref(value), number, self._device)
        return value.value

    def make_current(self) -> None:
        """Calls of this thread go to this GPU from now on."""
        _call("cuCtxSetCurrent", self._context)

    def close(self) -> None:
        """Let go of the context. May be called twice."""
        if self._context is not None:
            self._context = None
            _call("cuDevicePrimaryCtxRelease_v2", self._device)


class Stream:
    """A queue of work on the current device."""

    def __init__(self) -> None:
        self._stream: ctypes.c_void_p | None = ctypes.c_void_p()
        _call("cuStreamCreate", ctypes.byref(self._stream), 1)  # 1: not tied to the default stream

    @property
    def handle(self) -> int:
        assert self._stream is not None
        return self._stream.value or 0

    def synchronize(self) -> None:
        """Wait until all work in it is done."""
        _call("cuStreamSynchronize", self._stream)

    def close(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            _call("cuStreamDestroy_v2", stream)


class Buffer:
    """Memory on the current device with a page-locked twin on the host, which is `host`, an array."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        kind = np.dtype(dtype)
        self._row = int(np.prod(shape[1:], dtype=np.int64)) * kind.itemsize
        size = shape[0] * self._row
        self._pointer: ctypes.c_void_p | None = ctypes.c_void_p()
        self._device = ctypes.c_uint64()
        _call("cuMemHostAlloc", ctypes.byref(self._pointer), ctypes.c_size_t(size), 0)
        try:
            _call("cuMemAlloc_v2", ctypes.byref(self._device), ctypes.c_size_t(size))
        except MissingError:
            _call("cuMemFreeHost", self._pointer)
            raise
        memory = (ctypes.c_uint8 * size).from_address(self._pointer.value or 0)
        self.host: NDArray[Any] = np.ctypeslib.as_array(memory).view(kind).reshape(shape)

    @property
    def address(self) -> int:
        """Where it lies on the device."""
        return self._device.value

    def upload(self, rows: int, stream: Stream) -> None:
        """Send the first rows of `host` to the device."""
        _call("cuMemcpyHtoDAsync_v2", self._device, self._pointer, ctypes.c_size_t(rows * self._row), _of(stream))

    def download(self, rows: int, stream: Stream) -> None:
        """Fetch the first rows into `host`."""
        _call("cuMemcpyDtoHAsync_v2", self._pointer, self._device, ctypes.c_size_t(rows * self._row), _of(stream))

    def close(self) -> None:
        """Free both. `host` must not be used afterwards."""
        if self._pointer is not None:
            pointer, self._pointer = self._pointer, None
            self.host = np.empty(0)
            _call("cuMemFree_v2", self._device)
            _call("cuMemFreeHost", pointer)


def _of(stream: Stream) -> ctypes.c_void_p:
    return ctypes.c_void_p(stream.handle)
