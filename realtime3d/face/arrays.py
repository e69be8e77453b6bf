"""Arrays of an NPZ file that anybody may have written."""

from __future__ import annotations

import math
import struct
import tokenize
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

LARGEST = 1 << 30  # bytes of one array
DAMAGED = (  # what zipfile and NumPy say of a file that is none
    OSError, KeyError, ValueError, TypeError, EOFError, NotImplementedError, RuntimeError, OverflowError, SyntaxError,
    MemoryError, BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip


def read_arrays(path: Path, wanted: Callable[[str], bool]) -> dict[str, NDArray]:
    """By name; one of `DAMAGED` where that fails. One that announces more than there is is not begun."""
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
            if kind.hasobject or math.prod(shape) * kind.itemsize > min(info.file_size, LARGEST):
                raise ValueError(f"{name} would be {shape} {kind}")
            with members.open(info) as file:
                found[name] = np.lib.format.read_array(file, allow_pickle=False)
    return found
