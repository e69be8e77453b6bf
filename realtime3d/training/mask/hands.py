"""A rigged hand (glTF binary with 25 WebXR joints) in random poses, rendered as shading, opacity and material."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.geometry import rotvec_to_matrix
from realtime3d.raster import interpolate, rasterize, vertex_normals

FINGERS = ("thumb", "index-finger", "middle-finger", "ring-finger", "pinky-finger")
JOINTS = ("phalanx-proximal", "phalanx-intermediate", "phalanx-distal")
CHAIN = ("metacarpal", *JOINTS, "tip")
BEND_DEG = {"phalanx-proximal": 70.0, "phalanx-intermediate": 95.0, "phalanx-distal": 55.0}  # of a fist
THUMB_BEND = 0.45
HAND_SHARE = 0.33  # of a picture's side: how far a hand reaches from its middle, which is that far from the top
FOREARM_M, WRIST_M, ELBOW_M = 0.24, 0.028, 0.042  # length, radii
COMPONENTS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True)
class Picture:
    """One thing, (S, S): what it is made of is coloured when it is pasted."""

    shade: NDArray[np.float32]  # light on it, about 1
    alpha: NDArray[np.float32]  # 0..1
    sleeve: NDArray[np.bool_]  # where it is cloth, not skin


class Hand:
    """The mesh and its joints."""

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
            length = struct.unpack("<I", data[12:16])[0]
            self._json = json.loads(data[20 : 20 + length])
        except (OSError, ValueError, struct.error) as error:
            raise SourceError(f"{path} is no hand in glTF binary form ({error})") from error
        self._binary = data[28 + length :]
        part = self._json["meshes"][0]["primitives"][0]
        self.points = self._read(part["attributes"]["POSITION"]).astype(np.float64)
        self._joints = self._read(part["attributes"]["JOINTS_0"]).astype(int)
        self._weights = self._read(part["attributes"]["WEIGHTS_0"]).astype(np.float64)
        self.triangles = self._read(part["indices"]).reshape(-1, 3).astype(np.int32)
        skin = self._json["skins"][0]
        self._order = skin["joints"]
        self._inverse = self._read(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        self._parents = {c: i for i, node in enumerate(self._json["nodes"]) for c in node.get("children", ())}
        self._number = {node.get("name"): i for i, node in enumerate(self._json["nodes"])}

    def _read(self, index: int) -> NDArray:
        accessor = self._json["accessors"][index]
        view = self._json["bufferViews"][accessor["bufferView"]]
        width, kind = WIDTHS[accessor["type"]], COMPONENTS[accessor["componentType"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        flat = np.frombuffer(self._binary, kind, accessor["count"] * width, start)
        return flat.reshape(accessor["count"], width) if width > 1 else flat

    def _worlds(self) -> dict[int, NDArray]:
        """(4, 4) of every node of the hand at rest."""
        found: dict[int, NDArray] = {}

        def world(i: int) -> NDArray:
            if i not in found:
                local = _local(self._json["nodes"][i])
                found[i] = world(self._parents[i]) @ local if i in self._parents else local
            return found[i]

        for i in range(len(self._json["nodes"])):
            world(i)
        return found

    def _bent(self, rest: dict[int, NDArray], turns: dict[int, NDArray]) -> dict[int, NDArray]:
        """The same with joints turned. WebXR's joints lie side by side, so fingers are chained here."""
        worlds = dict(rest)
        for finger in FINGERS:
            before = self._number["wrist"]
            for joint in CHAIN:
                node = self._number.get(f"{finger}-{joint}")
                if node is None:
                    continue
                worlds[node] = worlds[before] @ np.linalg.inv(rest[before]) @ rest[node]
                if node in turns:
                    worlds[node][:3, :3] = worlds[node][:3, :3] @ turns[node]
                before = node
        return worlds

    def _axes(self, worlds: dict[int, NDArray]) -> dict[tuple[str, str], NDArray]:
        """About which of its own axes each joint bends towards the palm."""
        at = {name: worlds[i][:3, 3] for name, i in self._number.items()}
        wrist = at["wrist"]
        palm = np.cross(at["index-finger-phalanx-proximal"] - wrist, at["pinky-finger-phalanx-proximal"] - wrist)
        palm *= np.sign(palm @ (at["thumb-tip"] - wrist))
        axes = {}
        for finger in FINGERS:
            for joint in (j for j in JOINTS if f"{finger}-{j}" in at):
                name = f"{finger}-{joint}"
                bone = at[f"{finger}-tip"] - at[name]
                axis = np.cross(bone, palm)
                axes[finger, joint] = worlds[self._number[name]][:3, :3].T @ (axis / np.linalg.norm(axis))
        return axes

    def posed(self, rng: np.random.Generator) -> tuple[NDArray, NDArray[np.int32], NDArray[np.bool_]]:
        """Vertices in metres, triangles, and which vertices are the forearm's."""
        rest, turns = self._worlds(), {}
        fist = rng.random() ** 1.5
        bends = {
            f: np.clip(fist + rng.normal(0, 0.15), -0.05, 1.0) * (THUMB_BEND if f == "thumb" else 1.0) for f in FINGERS
        }
        for (finger, joint), axis in self._axes(rest).items():
            turns[self._number[f"{finger}-{joint}"]] = rotvec_to_matrix(
                axis * np.radians(BEND_DEG[joint] * bends[finger])
            )
        worlds = self._bent(rest, turns)
        matrices = np.stack([worlds[node] @ inverse for node, inverse in zip(self._order, self._inverse, strict=True)])
        rows = np.column_stack([self.points, np.ones(len(self.points))])
        moved = np.einsum("vk,vkij,vj->vi", self._weights, matrices[self._joints], rows)[:, :3]
        wrist, middle = worlds[self._number["wrist"]][:3, 3], worlds[self._number["middle-finger-metacarpal"]][:3, 3]
        knuckle = worlds[self._number["middle-finger-phalanx-proximal"]][:3, 3]
        arm, faces = _forearm(wrist, (wrist - (middle + knuckle) / 2), moved, rng)
        triangles = np.concatenate([self.triangles, faces + len(moved)]).astype(np.int32)
        return np.concatenate([moved, arm]), triangles, np.arange(len(moved) + len(arm)) >= len(moved)

    def render(self, rng: np.random.Generator, size: int = 256) -> Picture:
        """Seen from a random side, fingers up; the hand fills most of the picture, the forearm leaves it."""
        points, triangles, arm = self.posed(rng)
        hand = points[~arm]
        middle = hand.mean(axis=0)
        along = middle - points[arm].mean(axis=0)
        along /= np.linalg.norm(along)
        spread = np.linalg.svd(hand - middle, full_matrices=False)[2][-1]  # the palm's normal, one way or the other
        view = spread * rng.choice([-1, 1]) + rng.normal(0, 0.55, 3)
        across = np.cross(along, view)
        across /= np.linalg.norm(across)
        depth = np.cross(across, along)
        xyz = (points - middle) @ np.stack([across, -along, depth], 1)
        xyz *= HAND_SHARE * size / float(np.abs(xyz[~arm, :2]).max())
        flat = xyz[:, :2] + (size / 2, HAND_SHARE * size)
        z = (xyz[:, 2] + 4 * size).astype(np.float32)
        ids, bary, _ = rasterize(flat, z, triangles, size, size)
        normals = vertex_normals(xyz.astype(np.float32), triangles)
        out = np.zeros((size, size, 4), np.float32)
        values = np.column_stack([normals, arm]).astype(np.float32)
        interpolate(ids, bary, triangles, np.ascontiguousarray(values), out)
        facing = np.sign(out[..., 2:3]) * -out[..., :3]  # whichever way triangles go round
        light = rng.normal(0, 1, 3) + np.array([0, -0.7, -0.9])
        light /= np.linalg.norm(light)
        shade = 0.62 + rng.uniform(0.25, 0.6) * np.clip((facing * light).sum(-1), -0.4, 1)
        shade *= 0.75 + 0.25 * np.abs(facing[..., 2]) ** 0.7  # darker towards the outline
        cloth = (out[..., 3] > rng.uniform(0.3, 0.9)) & bool(rng.random() < 0.6)
        alpha = (ids >= 0).astype(np.float32)
        return Picture(shade.astype(np.float32), alpha, cloth)


def _local(node: dict[str, Any]) -> NDArray:
    if "matrix" in node:
        return np.array(node["matrix"], float).reshape(4, 4).T
    out = np.eye(4)
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out[:3, :3] *= np.array(node.get("scale", (1, 1, 1)))
    out[:3, 3] = node.get("translation", (0, 0, 0))
    return out


def _forearm(
    wrist: NDArray, way: NDArray, hand: NDArray, rng: np.random.Generator, rings: int = 6, sides: int = 14
) -> tuple[NDArray, NDArray[np.int32]]:
    """A tube from the wrist on, a little bent at it."""
    way = way / np.linalg.norm(way) + rng.normal(0, 0.12, 3)
    way /= np.linalg.norm(way)
    flat = np.linalg.svd(hand - hand.mean(axis=0), full_matrices=False)[2][-1]
    first = np.cross(way, flat)
    first /= np.linalg.norm(first)
    second = np.cross(way, first)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    rows = []
    for k in range(rings):
        share = k / (rings - 1)
        radius = WRIST_M + (ELBOW_M - WRIST_M) * share
        ring = np.cos(angle)[:, None] * first * radius + np.sin(angle)[:, None] * second * radius * 0.75
        rows.append(wrist + way * (share * FOREARM_M - 0.012) + ring)
    faces = []
    for k in range(rings - 1):
        for i in range(sides):
            a, b = k * sides + i, k * sides + (i + 1) % sides
            faces += [(a, b, a + sides), (b, b + sides, a + sides)]
    return np.concatenate(rows), np.array(faces, np.int32)


def hand_bank(path: Path, count: int, seed: int, size: int = 256) -> list[Picture]:
    """Renders of one hand."""
    hand, rng = Hand(path), np.random.default_rng(seed)
    return [hand.render(rng, size) for _ in range(count)]


def turned(picture: Picture, angle_deg: float, scale: float, at: tuple[float, float], size: int, flip: bool) -> Picture:
    """A picture turned, scaled and moved to `at` in one of another size."""
    side = len(picture.alpha)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle_deg, scale)
    if flip:
        matrix = matrix @ np.array([[-1, 0, side - 1], [0, 1, 0], [0, 0, 1.0]])
    matrix[:, 2] += np.array(at) - (side - 1) / 2
    shape = (size, size)
    alpha = cv2.warpAffine(picture.alpha, matrix, shape, flags=cv2.INTER_LINEAR)
    shade = cv2.warpAffine(picture.shade, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sleeve = cv2.warpAffine(picture.sleeve.astype(np.uint8), matrix, shape, flags=cv2.INTER_NEAREST)
    return Picture(shade.astype(np.float32), alpha.astype(np.float32), sleeve > 0)
