"""A GLB that this library wrote, as it moves: Open3D reads the resting head alone."""

from __future__ import annotations

import json
import struct
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.types import FloatArray

_KINDS = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
MM_PER_M = 1000


class GlbFile:
    """One mesh with morph targets, and its animation where there is one."""

    def __init__(self, path: Path) -> None:
        try:
            raw = path.read_bytes()
            magic, _, _, size, kind = struct.unpack_from("<4sIII4s", raw)
            if (magic, kind) != (b"glTF", b"JSON"):
                raise ValueError("it does not begin as one")
            self._content: dict[str, Any] = json.loads(raw[20 : 20 + size])
            self._data = raw[28 + size :]
            self._primitive: dict[str, Any] = self._content["meshes"][0]["primitives"][0]
            self.triangles: NDArray[np.int32] = self._array(self._primitive["indices"]).reshape(-1, 3).astype(np.int32)
            self._rest = self._array(self._primitive["attributes"]["POSITION"])
            targets = self._primitive.get("targets", [])
            self._targets = [self._array(target["POSITION"]) for target in targets]
            self._turns = [self._array(target["NORMAL"]) for target in targets if "NORMAL" in target]
        except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
            raise SourceError(f"{path} is no GLB file that can be shown ({error!r}): name one of ours") from error

    def _array(self, accessor: int) -> NDArray[Any]:
        info = self._content["accessors"][accessor]
        width = _WIDTHS[info["type"]]
        start = self._content["bufferViews"][info["bufferView"]].get("byteOffset", 0) + info.get("byteOffset", 0)
        values = np.frombuffer(self._data, _KINDS[info["componentType"]], info["count"] * width, start)
        return values.reshape(-1, width) if width > 1 else values

    @cached_property
    def uv(self) -> FloatArray | None:
        """(N, 2), v down; None for a head without a texture."""
        place = self._primitive["attributes"].get("TEXCOORD_0")
        return None if place is None or not self._content.get("images") else self._array(place)

    @cached_property
    def texture(self) -> bytes | None:
        """The encoded picture of its colours."""
        return None if self.uv is None else self._image(0)

    @cached_property
    def normal_map(self) -> bytes | None:
        """The encoded normal map; then `texture` has no light in it."""
        materials = self._content.get("materials") or [{}]
        return self._image(1) if self.uv is not None and "normalTexture" in materials[0] else None

    def _image(self, number: int) -> bytes:
        view = self._content["bufferViews"][self._content["images"][number]["bufferView"]]
        start = view.get("byteOffset", 0)
        return self._data[start : start + view["byteLength"]]

    @cached_property
    def _tracks(self) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        takes = self._content.get("animations", [])
        found = {}
        for channel in takes[0]["channels"] if takes else []:
            sampler = takes[0]["samplers"][channel["sampler"]]
            times = self._array(sampler["input"])
            found[channel["target"]["path"]] = (times, self._array(sampler["output"]).reshape(len(times), -1))
        return found

    @property
    def times_s(self) -> list[float]:
        """When it has a key; [0] for a still head."""
        return self._tracks["weights"][0].tolist() if "weights" in self._tracks else [0.0]

    def vertices(self, i: int) -> FloatArray:
        """(N, 3) mm at key `i`."""
        weights = self._weights(i)
        points = self._rest + sum(w * target for w, target in zip(weights, self._targets, strict=True) if w)
        if "rotation" in self._tracks:
            points = points @ _matrix(self._tracks["rotation"][1][i]).T + self._tracks["translation"][1][i]
        return (points * MM_PER_M).astype(np.float32)

    def normals(self, i: int) -> FloatArray | None:
        """(N, 3) at key `i`, of about length 1; None where the file has none of its own."""
        place = self._primitive["attributes"].get("NORMAL")
        if place is None or len(self._turns) != len(self._targets):
            return None
        weights = self._weights(i)
        normals = self._array(place) + sum(w * turn for w, turn in zip(weights, self._turns, strict=True) if w)
        if "rotation" in self._tracks:
            normals = normals @ _matrix(self._tracks["rotation"][1][i]).T
        return np.asarray(normals, np.float32)

    def _weights(self, i: int) -> Any:
        still = self._content["meshes"][0].get("weights", np.zeros(len(self._targets)))
        return self._tracks["weights"][1][i] if "weights" in self._tracks else still


def _matrix(q: NDArray[Any]) -> NDArray[np.float64]:
    x, y, z, w = q.tolist()
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
