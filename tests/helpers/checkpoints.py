"""Checkpoints of TensorFlow 1 in both of its formats, written without it, and random variables of their nets."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.importers import alexnet, facepose, resnet, tf_resnet

Variables = Mapping[str, NDArray]
TABLE_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
ENTRIES_BETWEEN_RESTARTS = 16
BLOCK_BYTES = 4096


# -- protocol buffers and tables --------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def shape_message(shape: tuple[int, ...]) -> bytes:
    return b"".join(field(2, field(1, size)) for size in shape)


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Keys without the beginning they share with the one before, except at each restart."""
    out, restarts, before = bytearray(), [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % ENTRIES_BETWEEN_RESTARTS:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        else:
            restarts.append(len(out))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def table(entries: Mapping[bytes, bytes], block_bytes: int = BLOCK_BYTES) -> bytes:
    """A sorted table without compression; the checksums, which nobody here reads, are 0."""
    out, index, waiting = bytearray(), [], []

    def add(content: bytes) -> bytes:
        handle = varint(len(out)) + varint(len(content))
        out.extend(content + b"\0" + bytes(4))
        return handle

    for key in sorted(entries):
        waiting.append((key, entries[key]))
        if sum(len(k) + len(v) for k, v in waiting) >= block_bytes:
            index.append((key, add(block(waiting))))
            waiting = []
    if waiting:
        index.append((waiting[-1][0], add(block(waiting))))
    footer = add(block([])) + add(block(index))
    return bytes(out) + footer.ljust(40, b"\0") + TABLE_MAGIC


# -- checkpoints ------------------------------------------------------------------------------------------------------


def write_newer(path: Path, variables: Variables) -> None:
    """PATH.index and PATH.data-00000-of-00001."""
    entries, offset = {b"": field(1, 1) + field(2, 0) + field(3, field(1, 1))}, 0
    with open(f"{path}.data-00000-of-00001", "wb") as data:
        for name in sorted(variables):
            values = np.asarray(variables[name], "<f4", order="C")
            entry = field(1, 1) + field(2, shape_message(values.shape))
            entry += (field(4, offset) if offset else b"") + field(5, values.nbytes)
            entries[name.encode()] = entry + varint(6 << 3 | 5) + bytes(4)
            data.write(values.tobytes())
            offset += values.nbytes
    Path(f"{path}.index").write_bytes(table(entries))


def write_older(path: Path, variables: Variables) -> None:
    """One file."""
    whole = field(1, b"")  # a slice's extent without start and length: everything
    meta, entries = b"", {}
    for name in sorted(variables):
        values = np.asarray(variables[name], "<f4", order="C")
        extents = whole * values.ndim
        said = field(1, name.encode()) + field(2, shape_message(values.shape)) + field(3, 1) + field(4, extents)
        meta += field(1, said)
        numbers = field(1, 1) + field(5, values.tobytes())
        saved = field(1, name.encode()) + field(2, extents) + field(3, numbers)
        entries[b"\0" + name.encode() + b"\0\1"] = field(2, saved)
    entries[b""] = field(1, meta)
    path.write_bytes(table(entries))


# -- Caffe ------------------------------------------------------------------------------------------------------------


def blob(values: NDArray, old: bool = False) -> bytes:
    """`old`: four fields for the shape, as mean pictures and early nets have it."""
    data = np.asarray(values, "<f4", order="C")
    four = (1,) * (4 - data.ndim) + data.shape
    shape = b"".join(field(i, n) for i, n in enumerate(four, start=1)) if old else b""
    packed = b"" if old else field(7, field(1, b"".join(map(varint, data.shape))))
    return shape + field(5, data.tobytes()) + packed


def write_caffe(path: Path, layers: Mapping[str, tuple[str, list[NDArray]]], old: bool = False) -> None:
    """A .caffemodel: kind and numbers of each layer by its name."""
    net = field(1, b"a net")
    for name, (kind, blobs) in layers.items():
        head = field(1, name.encode()) + field(2, kind.encode()) + field(3, b"from") + field(4, b"to")
        net += field(100, head + b"".join(field(7, blob(values, old)) for values in blobs))
    path.write_bytes(net)


# -- the originals' variables -----------------------------------------------------------------------------------------


def _normal(rng: np.random.Generator, shape: tuple[int, ...], spread: float) -> NDArray[np.float32]:
    values = rng.standard_normal(shape, dtype=np.float32)
    values *= np.float32(spread)
    return values


def resnet_variables(scope: str, seed: int) -> dict[str, NDArray]:
    """A trunk whose answers neither vanish nor grow: what a block adds is a third of what goes through it."""
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray] = {}
    for name, shape in tf_resnet.wanted(scope).items():
        kind = name.rpartition("/")[2]
        if kind == "weights":
            pixels = 0.02 if name.endswith("/conv1/weights") else 1.0  # they are a hundred times what follows
            found[name] = _normal(rng, shape, pixels * np.sqrt(2 / np.prod(shape[:3])))
        elif kind in ("mean", "offset"):
            found[name] = _normal(rng, shape, 0.05)
        else:
            middle = 0.3 if kind == "scale" and "branch2c" in name else 1.0
            found[name] = (middle * rng.uniform(0.8, 1.2, shape)).astype(np.float32)
    return found


def head_variables(head: str, width: int, seed: int) -> dict[str, NDArray]:
    rng = np.random.default_rng(seed)
    count = resnet.features()
    return {f"{head}/weights": _normal(rng, (count, width), count**-0.5), f"{head}/biases": _normal(rng, (width,), 0.1)}


def full_variables(scope: str, sizes: tuple[int, ...], seed: int) -> dict[str, NDArray]:
    """Fully connected layers fc1, fc2, ... as the later FacePoseNet names them."""
    rng = np.random.default_rng(seed)
    found: dict[str, NDArray] = {}
    for i, (into, out) in enumerate(pairwise(sizes), start=1):
        found[f"{scope}/fc{i}/W"] = _normal(rng, (into, out), np.sqrt(2 / into))
        found[f"{scope}/fc{i}/baises"] = _normal(rng, (out,), 0.1)
    return found


def alexnet_variables(seed: int) -> dict[str, NDArray]:
    """The first FacePoseNet. `alexnet.HIDDEN` may have been made smaller."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {}
    alexnet.each_layer(lambda name, shape: shapes.update({name: shape}))
    shapes["fc8/W"], shapes["fc8/b"] = (alexnet.HIDDEN, facepose.WIDTH), (facepose.WIDTH,)
    return {
        f"{facepose.ALEX_SCOPE}/{name.replace('/b', '/baises')}": _normal(
            rng, shape, np.sqrt(2 / np.prod(shape[:-1])) if len(shape) > 1 else 0.05
        )
        for name, shape in shapes.items()
    }
