"""What anybody may have written: JSON, and arrays of NPZ files. Nothing is begun that is larger than it may be."""

from __future__ import annotations

import json
import math
import struct
import tokenize
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

LARGEST = 1 << 30  # bytes of one array
DAMAGED = (  # what zipfile and NumPy say of a file that is none
    OSError, KeyError, ValueError, TypeError, EOFError, NotImplementedError, RuntimeError, OverflowError, SyntaxError,
    MemoryError, SystemError, BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip


def from_json(text: str | bytes | bytearray) -> Any:
    """What the text says; ValueError where it is no JSON, or nests without end."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it nests too deeply") from error


def read_arrays(path: Path, wanted: Callable[[str], bool], largest: int = LARGEST) -> dict[str, NDArray]:
    """Arrays of an NPZ file by name; one of `DAMAGED` where that fails. One that announces more than `largest` bytes,
    or than there are, is not begun."""
    found = {}
    with ZipFile(path) as members:
        for info in members.infolist():
            name = info.filename.removesuffix(".npy")
            if not wanted(name):
                continue
            with members.open(info) as file:
                first = np.lib.format.read_magic(file) == (1, 0)
                shape, _, kind = (
                    np.lib.format.read_array_header_1_0(file) if first else np.lib.format.read_array_header_2_0(file)
                )
            if kind.hasobject or math.prod(shape) * kind.itemsize > min(info.file_size, largest):
                raise ValueError(f"{name} would be {shape} {kind}")
            with members.open(info) as file:
                found[name] = np.lib.format.read_array(file, allow_pickle=False)
    return found
