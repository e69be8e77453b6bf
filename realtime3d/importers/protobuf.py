"""Protocol buffers without their library: a message as its fields, by number."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Fields = dict[int, list[int | memoryview]]  # numbers and messages, in the file's order


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next thing begins. ValueError where the data ends before it does."""
    value = 0
    for count in range(10):
        if at + count >= len(data):
            raise ValueError("it ends in the middle of a number")
        byte = data[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, at + count + 1
    raise ValueError("a number has too many bytes")


def fields(message: memoryview) -> Fields:
    """All fields of a message; ValueError where it is none."""
    found: Fields = defaultdict(list)
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        number, kind = key >> 3, key & 7
        value: int | memoryview
        if kind == VARINT:
            value, at = varint(message, at)
        elif kind == BYTES:
            size, at = varint(message, at)
            value, at = piece(message, at, size), at + size
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
            value, at = piece(message, at, size), at + size
        else:
            raise ValueError(f"a field of kind {kind}")
        found[number].append(value)
    return found


def piece(data: memoryview, at: int, size: int) -> memoryview:
    """`size` bytes from `at`; ValueError where the data ends before."""
    if at + size > len(data):
        raise ValueError(f"it ends at byte {len(data)}, {at + size} were expected")
    return data[at : at + size]


def number(message: Fields, field: int, otherwise: int = 0) -> int:
    """A field that is a number, the last where it is repeated."""
    values = message.get(field)
    if not values:
        return otherwise
    value = values[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {field} is no number")
    return value


def messages(message: Fields, field: int) -> list[memoryview]:
    """A field that holds bytes: texts, messages, packed numbers."""
    values = message.get(field, [])
    if any(isinstance(value, int) for value in values):
        raise ValueError(f"field {field} is a number")
    return [value for value in values if not isinstance(value, int)]


def text(message: Fields, field: int) -> str:
    values = messages(message, field)
    return bytes(values[-1]).decode("utf-8") if values else ""


def floats(message: Fields, field: int, kind: str) -> np.ndarray:
    """A repeated field of floats or doubles (NumPy's `kind`), packed or not."""
    return np.frombuffer(b"".join(messages(message, field)), dtype=kind)
