"""Files of `torch.save`, read without PyTorch and without running what a pickle may ask for.

A pickle is a program. Here it may make tensors, plain containers and empty shells of layers; whatever else it names
is refused before it is called.
"""

from __future__ import annotations

import collections
import io
import pickle
import pickletools
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError, first_line
from realtime3d.importers.tensorflow_ import unreadable
from realtime3d.outside import DAMAGED

OLD_MAGIC, OLD_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip
BROKEN = (*(kind for kind in DAMAGED if kind is not OSError), pickle.UnpicklingError, IndexError, AttributeError)


class Shell:
    """Stands for a layer or anything else of PyTorch: what it was given, and nothing that acts."""

    state: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *given: Any, **named: Any) -> None:
        return

    def __setstate__(self, state: Any) -> None:
        self.state = dict(state) if isinstance(state, Mapping) else {}

    def get(self, name: str, otherwise: Any = None) -> Any:
        return self.state.get(name, otherwise)


@dataclass
class Storage:
    """Numbers that tensors look into; the older format brings them behind the pickle."""

    kind: str
    size: int
    data: NDArray | None = None


@dataclass
class Tensor:
    """A view into a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __setstate__(self, state: Any) -> None:  # a parameter of old files adds nothing that is needed
        return

    def array(self) -> NDArray:
        """Its numbers, as a copy."""
        data = self.storage.data
        if data is None:
            raise ValueError("a tensor has no numbers")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        count: int = prod(self.shape)
        if self.offset < 0 or min(self.strides, default=0) < 0 or count > len(data) or (count and last >= len(data)):
            raise ValueError("a tensor reaches beyond its numbers")
        steps = [step * data.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(data[self.offset :], self.shape, steps, writeable=False).copy()


def _tensor(storage: Storage, offset: int, shape: Sequence[int], strides: Sequence[int], *more: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without a storage")
    return Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _parameter(data: Any, *more: Any) -> Any:
    return data


def _shell_class(name: str) -> type[Shell]:
    return type(name, (Shell,), {})


class _Unpickler(pickle.Unpickler):
    """Knows the names in `_known` and the layers of torch.nn; every other name ends the reading."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        super().__init__(file, encoding="latin1")
        self._file, self._path = file, path
        self.storages: dict[str, Storage] = {}

    def load(self) -> Any:
        """The next one of the file. Python's own reader makes room for every number that a memo is given."""
        start = self._file.tell()
        for count, (step, value, _) in enumerate(pickletools.genops(self._file)):
            if step.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(str(value)) <= count:
                raise ValueError("it numbers what it remembers out of order")
        self._file.seek(start)
        return super().load()

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor"): _tensor,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch.nn.parameter", "Parameter"): _parameter,
            ("torch", "Size"): tuple,
            ("torch.nn.backends.thnn", "_get_thnn_function_backend"): _shell_class("backend"),
            ("__builtin__", "set"): set,
            ("builtins", "set"): set,
        }
        if (module, name) in known:
            return known[module, name]
        if module in ("torch", "torch.cuda", "torch.storage") and name in STORAGES:
            return name
        if module.startswith("torch.nn.modules.") or name == "KitModel":
            return _shell_class(name)
        raise MissingError(
            f"{self._path} asks to call {module}.{name}, which no weights need: it is refused; take the file from "
            "its authors"
        )

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) < 2:
            raise ValueError("it names a storage in a way that is not known here")
        if pid[0] == "module":  # the older format keeps the source text of classes beside them
            return pid[1]
        kind, key, size = STORAGES[pid[1]], str(pid[2]), int(pid[4])
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("it has views of storages, which is not known here")
        return self.storages.setdefault(key, Storage(kind, size))


def load(path: Path) -> tuple[Any, dict[str, NDArray]]:
    """What `torch.save` wrote, containers of `Tensor` and `Shell`, and all its tensors by name. MissingError where it
    is no such file, is cut off, or would run code."""
    try:
        if zipfile.is_zipfile(path):
            content = _load_zip(path)
        else:
            with open(path, "rb") as file:
                content = _load_old(file, path)
        return content, _tensors(content)
    except BROKEN as error:
        raise unreadable(path, f"it is no file of PyTorch: {first_line(error)}") from error
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def _load_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        pickled = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickled) != 1:
            raise ValueError("there is no data.pkl in it")
        folder = pickled[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        reader = _Unpickler(io.BytesIO(archive.read(pickled[0])), path)
        content = reader.load()
        for key, storage in reader.storages.items():
            name, size = f"{folder}data/{key}", storage.size * np.dtype(storage.kind).itemsize
            if archive.getinfo(name).file_size < size:
                raise ValueError("a storage is too short")
            storage.data = np.frombuffer(archive.read(name), storage.kind, storage.size)
        return content


def _load_old(file: io.BufferedReader, path: Path) -> Any:
    """One pickle after the other: a number, a version, facts, the content, the storages' names; then their bytes."""
    for wanted in (OLD_MAGIC, OLD_PROTOCOL):
        if _Unpickler(file, path).load() != wanted:
            raise ValueError("it does not begin as one")
    facts = _Unpickler(file, path).load()
    if not facts.get("little_endian", True):
        raise ValueError("its numbers are big-endian")
    reader = _Unpickler(file, path)
    content = reader.load()
    keys = _Unpickler(file, path).load()
    for key in map(str, keys):
        size = int.from_bytes(file.read(8), "little")
        storage = reader.storages[key]
        data = file.read(size * np.dtype(storage.kind).itemsize) if size == storage.size else b""
        if len(data) != size * np.dtype(storage.kind).itemsize:
            raise ValueError("it ends before its last numbers")
        storage.data = np.frombuffer(data, storage.kind)
    return content


def _tensors(content: Any, prefix: str = "") -> dict[str, NDArray]:
    """Of a state dict or of a whole model."""
    found: dict[str, NDArray] = {}
    if isinstance(content, Tensor):
        return {prefix: content.array()}
    if isinstance(content, Shell):
        parts = [content.get(name) for name in ("_parameters", "_buffers", "_modules")]
        inner = {name: value for part in parts if isinstance(part, Mapping) for name, value in part.items()}
    elif isinstance(content, Mapping):
        inner = dict(content)
        if isinstance(inner.get("state_dict"), Mapping):
            return _tensors(inner["state_dict"])
    else:
        return {}
    for name, value in inner.items():
        found.update(_tensors(value, f"{prefix}.{name}" if prefix else str(name)))
    return found
