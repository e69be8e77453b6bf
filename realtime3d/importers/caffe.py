"""Files of Caffe: the weights of a net (.caffemodel) and a mean picture (.binaryproto)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.importers.protobuf import Fields, fields, floats, messages, number, text, varint
from realtime3d.importers.tensorflow_ import unreadable

LAYER, BLOBS = 100, 7  # fields of a net and of a layer
DATA, SHAPE = 5, 7  # of a blob
LONGEST = 1 << 31  # in one dimension
OLD_SHAPE = (1, 2, 3, 4)  # four fields where newer files have one


def layers(path: Path) -> dict[str, tuple[str, list[NDArray]]]:
    """Kind and numbers of each layer that has numbers."""
    try:
        net = fields(memoryview(path.read_bytes()))
        found: dict[str, tuple[str, list[NDArray]]] = {}
        for layer in map(fields, messages(net, LAYER)):
            blobs = [_blob(fields(blob)) for blob in messages(layer, BLOBS)]
            if blobs:
                found[text(layer, 1)] = text(layer, 2), blobs
    except (ValueError, UnicodeDecodeError) as error:
        raise unreadable(path, f"it is no file of Caffe: {error}") from error
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    return found


def weights(path: Path) -> dict[str, NDArray]:
    """A net's numbers under the names that PyTorch has for them."""
    there = layers(path)
    try:
        return as_torch(there)
    except (ValueError, IndexError) as error:
        raise unreadable(path, f"it is no file of Caffe: {error}") from error


def picture(path: Path) -> NDArray:
    """A .binaryproto: (1, 3, height, width)."""
    try:
        return _blob(fields(memoryview(path.read_bytes())))
    except ValueError as error:
        raise unreadable(path, f"it is no file of Caffe: {error}") from error
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def as_torch(there: Mapping[str, tuple[str, list[NDArray]]]) -> dict[str, NDArray]:
    """The same numbers under the names that PyTorch has for them; a Scale belongs to the BatchNorm before it."""
    found: dict[str, NDArray] = {}
    for name, (kind, blobs) in there.items():
        if kind == "BatchNorm" and len(blobs) == 3:
            factor = float(blobs[2].ravel()[0]) if blobs[2].size else 0.0  # mean and variance are sums of so many
            mean, variance = (blob / factor if factor else np.zeros_like(blob) for blob in blobs[:2])
            found[f"{name}.running_mean"], found[f"{name}.running_var"] = mean.ravel(), variance.ravel()
            continue
        layer = f"bn{name.removeprefix('scale')}" if kind == "Scale" else name
        weight = blobs[0].reshape(blobs[0].shape[-2:]) if kind == "InnerProduct" else blobs[0]
        found[f"{layer}.weight"] = weight.ravel() if kind == "Scale" else weight
        if len(blobs) > 1:
            found[f"{layer}.bias"] = blobs[1].ravel()
    return found


def _blob(message: Fields) -> NDArray:
    shape = _dimensions(fields(messages(message, SHAPE)[-1])) if message.get(SHAPE) else _old_shape(message)
    if max(shape, default=0) > LONGEST:
        raise ValueError(f"numbers of the shape {shape}")
    return floats(message, DATA, "<f4").reshape(shape)


def _old_shape(message: Fields) -> tuple[int, ...]:
    return tuple(number(message, part, 1) for part in OLD_SHAPE)


def _dimensions(message: Fields) -> tuple[int, ...]:
    """Numbers, packed or not."""
    found: list[int] = []
    for value in message.get(1, []):
        at = 0
        if isinstance(value, int):
            found.append(value)
            continue
        while at < len(value):
            size, at = varint(value, at)
            found.append(size)
    return tuple(found)
