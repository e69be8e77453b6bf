"""A GLB file as arrays, read by the specification and not by what wrote it."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {5126: "<f4", 5123: "<u2", 5125: "<u4"}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass
class Glb:
    content: dict[str, Any]
    data: bytes

    @classmethod
    def read(cls, path: Path) -> Glb:
        raw = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", raw)
        assert (magic, version, length) == (b"glTF", 2, len(raw))
        size, kind = struct.unpack_from("<I4s", raw, 12)
        assert kind == b"JSON"
        return cls(json.loads(raw[20 : 20 + size]), raw[28 + size :])

    def array(self, accessor: int) -> np.ndarray:
        info = self.content["accessors"][accessor]
        view = self.content["bufferViews"][info["bufferView"]]
        width = _WIDTH[info["type"]]
        kind = _TYPES[info["componentType"]]
        values = np.frombuffer(self.data, kind, info["count"] * width, view["byteOffset"])
        return values.reshape(info["count"], width) if width > 1 else values

    @property
    def mesh(self) -> dict[str, Any]:
        return self.content["meshes"][0]

    @property
    def primitive(self) -> dict[str, Any]:
        return self.mesh["primitives"][0]

    def positions(self, weights: np.ndarray | None = None) -> np.ndarray:
        """(N, 3) m as a viewer shows the mesh, in its own node."""
        w = self.mesh["weights"] if weights is None else weights
        out = self.array(self.primitive["attributes"]["POSITION"]).astype(np.float64)
        for weight, target in zip(w, self.primitive["targets"], strict=True):
            out = out + weight * self.array(target["POSITION"])
        return out

    def image(self) -> bytes:
        view = self.content["bufferViews"][self.content["images"][0]["bufferView"]]
        return self.data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]

    def track(self, path: str) -> tuple[np.ndarray, np.ndarray]:
        """(times, values) of the animation's channel for a path."""
        take = self.content["animations"][0]
        channel = next(c for c in take["channels"] if c["target"]["path"] == path)
        sampler = take["samplers"][channel["sampler"]]
        times, values = self.array(sampler["input"]), self.array(sampler["output"])
        return times, values.reshape(len(times), -1)


def rotation(q: np.ndarray) -> np.ndarray:
    """The matrix of a quaternion x, y, z, w."""
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
