"""Rigged hands from GLB files, with fingers bent at random and a forearm."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.raster import vertex_normals
from realtime3d.types import Array, FloatArray

FINGERS = ("thumb", "index-finger", "middle-finger", "ring-finger", "pinky-finger")
KINDS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
ARM_MM, ROUND, RINGS = 260.0, 14, 5
ARM_RADII = (30.0, 21.0)
BEND = 1.2  # radians at a joint at most


@dataclass(frozen=True)
class Hand:
    """A hand and a forearm in mm: x across, y to the fingers, z out of the back of the hand; the palm's middle is 0."""

    points: FloatArray  # (N, 3), the hand's first
    count: int  # vertices of the hand alone
    triangles: NDArray[np.int32]
    weights: FloatArray  # (N, J)
    chains: tuple[tuple[int, ...], ...]  # joints of each finger from the palm on
    joints: FloatArray  # (J, 3)

    @classmethod
    def load(cls, file: Path) -> Hand:
        """A hand with 25 joints named as WebXR names them."""
        try:
            head, blob = _parts(file.read_bytes())
            skin, primitive = head["skins"][0], head["meshes"][0]["primitives"][0]
            parts = primitive["attributes"]
            points = _array(head, blob, parts["POSITION"])
            of, share = (_array(head, blob, parts[name]) for name in ("JOINTS_0", "WEIGHTS_0"))
            triangles = _array(head, blob, primitive["indices"]).reshape(-1, 3).astype(np.int32)
            nodes = [head["nodes"][i] for i in skin["joints"]]
            joints = np.array([node["translation"] for node in nodes], dtype=np.float32)
            names = [node["name"] for node in nodes]
            chains = tuple(tuple(i for i, name in enumerate(names) if name.startswith(f)) for f in FINGERS)
            wrist = joints[names.index("wrist")]
        except (OSError, KeyError, IndexError, ValueError, struct.error) as error:
            raise SourceError(f"{file} is no rigged hand with WebXR's joints ({error}): use another GLB") from error
        weights = np.zeros((len(points), len(joints)), dtype=np.float32)
        np.put_along_axis(weights, of.astype(np.intp), share.astype(np.float32), axis=1)
        return cls._upright(points, triangles, weights, chains, joints, wrist)

    @classmethod
    def _upright(
        cls, points: NDArray, triangles: NDArray, weights: NDArray, chains: tuple, joints: NDArray, wrist: NDArray
    ) -> Hand:
        knuckles = np.array([joints[chain[1]] for chain in chains[1:]])
        fingers = knuckles[1] - wrist
        fingers /= np.linalg.norm(fingers)
        across = knuckles[0] - knuckles[-1]
        back = np.cross(across, fingers)
        tips = np.array([joints[chain[-1]] for chain in chains[1:]]) - knuckles
        back *= -np.sign(tips.mean(axis=0) @ back) or 1.0  # resting fingers bend towards the palm
        back /= np.linalg.norm(back)
        turn = np.column_stack([np.cross(fingers, back), fingers, back])
        middle = (knuckles.mean(axis=0) + wrist) / 2
        own, place = 1000 * (points - middle) @ turn, 1000 * (joints - middle) @ turn
        arm, of_arm = _forearm(1000 * (wrist - middle) @ turn)
        both = np.concatenate([own, arm]).astype(np.float32)
        still = np.zeros((len(arm), weights.shape[1]), dtype=np.float32)
        return cls(
            both, len(own), np.concatenate([triangles, of_arm + len(own)]).astype(np.int32),
            np.concatenate([weights, still]), chains, place.astype(np.float32),
        )  # fmt: skip

    def bent(self, rng: np.random.Generator) -> FloatArray:
        """(N, 3) with all fingers closed a little or much, each a bit for itself."""
        moved = np.zeros_like(self.points)
        rest = 1 - self.weights.sum(axis=1)
        usual = rng.uniform(-0.1, 0.8) if rng.random() < 0.7 else rng.uniform(0.5, 1.0)
        turns = {joint: np.eye(4) for joint in range(len(self.joints))}
        for chain in self.chains:
            turn = np.eye(4)
            bend = (
                BEND * (usual * rng.uniform(0.6, 1.3) + rng.normal(0, 0.08)) * (0.4 if chain is self.chains[0] else 1)
            )
            for joint in chain[1:-1]:
                turn = turn @ _about_x(self.joints[joint], bend)
                turns[joint] = turn
            turns[chain[-1]] = turn
        for joint, turn in turns.items():
            moved += self.weights[:, joint, None] * (self.points @ turn[:3, :3].T + turn[:3, 3])
        return (moved + rest[:, None] * self.points).astype(np.float32)

    def normals(self, points: FloatArray) -> FloatArray:
        return vertex_normals(points.astype(np.float32), self.triangles)


def _about_x(place: NDArray, angle: float) -> Array:
    """(4, 4) a turn about a joint that moves fingers (y) towards the palm (-z)."""
    c, s = np.cos(-angle), np.sin(-angle)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[c, -s], [s, c]]
    turn[:3, 3] = place - turn[:3, :3] @ place
    return turn


def _forearm(wrist: NDArray) -> tuple[Array, NDArray[np.int32]]:
    """A tube from the wrist away from the fingers, a little thicker at its end."""
    angle = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
    rings = []
    for part in np.linspace(0, 1, RINGS):
        wide = 1 + 0.5 * part
        ring = np.column_stack(
            [ARM_RADII[0] * wide * np.cos(angle), np.zeros(ROUND), ARM_RADII[1] * wide * np.sin(angle)]
        )
        rings.append(ring + wrist + (0, 5 - ARM_MM * part, 0))
    a = (np.arange(RINGS - 1)[:, None] * ROUND + np.arange(ROUND)).ravel()
    b = (np.arange(RINGS - 1)[:, None] * ROUND + (np.arange(ROUND) + 1) % ROUND).ravel()
    triangles = np.concatenate([np.stack([a, b, a + ROUND], 1), np.stack([b, b + ROUND, a + ROUND], 1)])
    return np.concatenate(rings), triangles.astype(np.int32)


def _parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The description and the binary chunk of a GLB file."""
    if data[:4] != b"glTF":
        raise ValueError("no GLB file")
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def _array(head: dict[str, Any], blob: bytes, number: int) -> NDArray:
    accessor = head["accessors"][number]
    view = head["bufferViews"][accessor["bufferView"]]
    start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    width = WIDTHS[accessor["type"]]
    flat = np.frombuffer(blob, KINDS[accessor["componentType"]], accessor["count"] * width, start)
    return flat.reshape(-1, width)
