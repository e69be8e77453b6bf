"""Files of MATLAB 5 to 7 (.mat): numbers and structs of numbers, compressed or not."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.importers.protobuf import piece
from realtime3d.importers.tensorflow_ import unreadable

Value = NDArray | Mapping[str, Any]  # a struct is a mapping
KINDS = {  # MATLAB's numbers of types
    1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8",
}  # fmt: skip
MATRIX, COMPRESSED = 14, 15
STRUCT, FIRST_NUMERIC, LAST_NUMERIC = 2, 6, 15
HEADER = 128
TOO_LARGE = 4 << 30  # bytes that one variable may unpack to


def load(path: Path) -> dict[str, Value]:
    """The variables of a file; those that are neither numbers nor a single struct are left out."""
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    if bytes(data[:8]) == b"\x89HDF\r\n\x1a\n" or bytes(data[:10]) == b"MATLAB 7.3":
        raise MissingError(f"{path} is a MATLAB 7.3 file: save it in MATLAB again with -v7")
    try:
        if len(data) < HEADER or bytes(data[126:128]) != b"IM":
            raise ValueError("it is no MATLAB file, or one of another machine")
        return _variables(data[HEADER:])
    except (ValueError, IndexError, TypeError, OverflowError, RecursionError, zlib.error) as error:
        raise unreadable(path, str(error)) from error


def _variables(data: memoryview) -> dict[str, Value]:
    found: dict[str, Value] = {}
    at = 0
    while at < len(data):
        kind, content, at = _element(data, at)
        if kind == COMPRESSED:
            kind, content, _ = _element(memoryview(_unpacked(content)), 0)
        if kind == MATRIX:
            name, value = _matrix(content)
            if value is not None:
                found[name] = value
    return found


def _unpacked(content: memoryview) -> bytes:
    reader = zlib.decompressobj()
    data = reader.decompress(content, TOO_LARGE)
    if not reader.eof:
        raise ValueError("a variable is cut off, or larger than 4 GB")
    return data


def _element(data: memoryview, at: int) -> tuple[int, memoryview, int]:
    """Type, content, and where the next element begins."""
    head = piece(data, at, 8)
    kind, size = (int.from_bytes(head[i : i + 4], "little") for i in (0, 4))
    if kind >> 16:  # a small element: its content lies where the size would be
        return kind & 0xFFFF, head[4 : 4 + min(kind >> 16, 4)], at + 8
    content = piece(data, at + 8, size)
    padding = 0 if kind == COMPRESSED else -size % 8
    return kind, content, at + 8 + size + padding


def _numbers(data: memoryview, at: int) -> tuple[NDArray, int]:
    kind, content, at = _element(data, at)
    if kind not in KINDS:
        raise ValueError(f"numbers of type {kind}")
    return np.frombuffer(content, KINDS[kind]), at


def _matrix(data: memoryview) -> tuple[str, Value | None]:
    """Name and value of a variable or of a struct's field; None where it is of a kind that is not read."""
    if not len(data):
        return "", None
    flags, at = _numbers(data, 0)
    sizes, at = _numbers(data, at)
    _, letters, at = _element(data, at)
    name, shape, kind = bytes(letters).decode("latin1"), tuple(map(int, sizes)), int(flags[0]) & 0xFF
    if kind == STRUCT and prod(shape) == 1:
        return name, _struct(data, at)
    if not FIRST_NUMERIC <= kind <= LAST_NUMERIC or int(flags[0]) & 0x800:  # complex
        return name, None
    values, _ = _numbers(data, at)
    if values.size != prod(shape):
        raise ValueError(f"{name or 'a field'} has {values.size} numbers for {shape}")
    return name, values.reshape(shape, order="F")


def _struct(data: memoryview, at: int) -> dict[str, Value]:
    length, at = _numbers(data, at)
    _, letters, at = _element(data, at)
    width = int(length[0])
    if width < 1:
        raise ValueError("a struct is damaged")
    text = bytes(letters)
    names = [text[i : i + width].partition(b"\0")[0].decode("latin1") for i in range(0, len(text), width)]
    found: dict[str, Value] = {}
    for name in names:
        kind, content, at = _element(data, at)
        value = _matrix(content)[1] if kind == MATRIX else None
        if value is not None:
            found[name] = value
    return found
