"""A GLB that this library wrote, as it moves: Open3D reads the resting head alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.outside import from_json
from realtime3d.types import FloatArray

_KINDS = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_CHANNELS = ("weights", "rotation", "translation")
_DAMAGED = (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, struct.error)
MM_PER_M = 1000


class GlbFile:
    """One mesh with morph targets, and its animation where there is one. All of it is read and checked at once."""

    def __init__(self, path: Path) -> None:
        try:
            self._content, self._data = _halves(path.read_bytes())
            mesh = self._content["meshes"][0]
            self._read_mesh(mesh, mesh["primitives"][0])
            self._read_motion(mesh)
        except _DAMAGED as error:
            raise SourceError(f"{path} is no GLB file that can be shown ({error!r}): name one of ours") from error

    def _read_mesh(self, mesh: Mapping[str, Any], primitive: Mapping[str, Any]) -> None:
        places, targets = primitive["attributes"], primitive.get("targets", [])
        self._rest = self._array(places["POSITION"], 3)
        count = len(self._rest)
        self.triangles = self._array(primitive["indices"], 1).reshape(-1, 3).astype(np.int32)
        if not len(self.triangles) or self.triangles.min() < 0 or self.triangles.max() >= count:
            raise ValueError("its triangles have other corners than there are")
        self._targets = [self._array(target["POSITION"], 3, count) for target in targets]
        self._normals = self._array(places["NORMAL"], 3, count) if "NORMAL" in places else None
        self._turns = [self._array(target["NORMAL"], 3, count) for target in targets if "NORMAL" in target]
        images, material = self._content.get("images", []), (self._content.get("materials") or [{}])[0]
        shown = "TEXCOORD_0" in places and len(images) > 0
        # (N, 2), v down; None for a head without a texture
        self.uv: FloatArray | None = self._array(places["TEXCOORD_0"], 2, count) if shown else None
        # the encoded picture of its colours, and that of its normals: then the colours have no light in them
        self.texture = self._image(images[0]) if shown else None
        self.normal_map = self._image(images[1]) if shown and "normalTexture" in material else None

    def _read_motion(self, mesh: Mapping[str, Any]) -> None:
        """The keys' times, and weights, rotations and places at them; a still one has one key, at 0."""
        takes = self._content.get("animations", [])
        channels = takes[0]["channels"] if takes else []
        found = {channel["target"]["path"]: takes[0]["samplers"][channel["sampler"]] for channel in channels}
        widths = dict(zip(_CHANNELS, (len(self._targets), 4, 3), strict=True))
        if "weights" not in found or not self._targets:
            still = [float(weight) for weight in mesh.get("weights", [0] * len(self._targets))]
            if len(still) != len(self._targets):
                raise ValueError("it has other weights than morph targets")
            self.times_s, self._keys = [0.0], {"weights": np.array([still], np.float32)}
            return
        times = self._array(found["weights"]["input"], 1)
        if not len(times):
            raise ValueError("its animation has no keys")
        self._keys = {
            path: self._array(found[path]["output"]).reshape(len(times), widths[path])
            for path in _CHANNELS
            if path in found
        }
        self.times_s = times.astype(float).tolist()

    def _array(self, number: int, width: int = 0, count: int = -1) -> NDArray[Any]:
        """An accessor's numbers; `width` and `count` are what there has to be."""
        info = self._content["accessors"][number]
        there = _WIDTHS[info["type"]]
        if (width and there != width) or (count >= 0 and info["count"] != count):
            raise ValueError(f"{info['count']} numbers of type {info['type']} where others are needed")
        view = self._content["bufferViews"][info["bufferView"]]
        start = view.get("byteOffset", 0) + info.get("byteOffset", 0)
        values = np.frombuffer(self._data, _KINDS[info["componentType"]], info["count"] * there, start)
        return values.reshape(-1, there) if there > 1 else values

    def _image(self, image: Mapping[str, Any]) -> bytes:
        view = self._content["bufferViews"][image["bufferView"]]
        start = view.get("byteOffset", 0)
        return self._data[start : start + view["byteLength"]]

    def vertices(self, i: int) -> FloatArray:
        """(N, 3) mm at key `i`."""
        points = self._rest + self._moved(i, self._targets)
        if "rotation" in self._keys:
            points = points @ _matrix(self._keys["rotation"][i]).T
        if "translation" in self._keys:
            points = points + self._keys["translation"][i]
        return (points * MM_PER_M).astype(np.float32)

    def normals(self, i: int) -> FloatArray | None:
        """(N, 3) at key `i`, of about length 1; None where the file has none of its own."""
        if self._normals is None or len(self._turns) != len(self._targets):
            return None
        normals = self._normals + self._moved(i, self._turns)
        if "rotation" in self._keys:
            normals = normals @ _matrix(self._keys["rotation"][i]).T
        return np.asarray(normals, np.float32)

    def _moved(self, i: int, targets: Sequence[NDArray[Any]]) -> Any:
        return sum(w * target for w, target in zip(self._keys["weights"][i], targets, strict=True) if w)


def _halves(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """What the file says, and its numbers."""
    magic, _, _, size, kind = struct.unpack_from("<4sIII4s", raw)
    if (magic, kind) != (b"glTF", b"JSON"):
        raise ValueError("it does not begin as one")
    return from_json(raw[20 : 20 + size]), raw[28 + size :]


def _matrix(q: NDArray[Any]) -> NDArray[np.float64]:
    x, y, z, w = q.tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
