"""A hand in glTF binary form as WebXR's are: 25 joints side by side, here with a small pyramid at each."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

FINGERS = {"thumb": -0.045, "index-finger": -0.02, "middle-finger": 0.0, "ring-finger": 0.02, "pinky-finger": 0.04}
JOINTS = {
    "metacarpal": 0.03,
    "phalanx-proximal": 0.09,
    "phalanx-intermediate": 0.13,
    "phalanx-distal": 0.155,
    "tip": 0.175,
}
PYRAMID = np.array([[-1, 0, -1], [1, 0, -1], [0, 0, 1.4], [0, 1, 0]]) * 0.011
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])


def write_hand(path: Path) -> Path:
    """Fingers along z, the palm's back along y; the thumb lies a little below the palm and lacks a joint."""
    places = {"wrist": (0.0, 0.0, 0.0)}
    for finger, x in FINGERS.items():
        for joint, z in JOINTS.items():
            if (finger, joint) != ("thumb", "phalanx-intermediate"):
                places[f"{finger}-{joint}"] = (
                    x,
                    -0.02 if finger == "thumb" else 0.0,
                    z * (0.6 if finger == "thumb" else 1),
                )
    count = len(places)
    at = np.array(list(places.values()), np.float32)
    points = (at[:, None] + PYRAMID).reshape(-1, 3).astype(np.float32)
    owner = np.zeros((len(points), 4), np.uint16)
    owner[:, 0] = np.repeat(np.arange(count), len(PYRAMID))
    weights = np.zeros((len(points), 4), np.float32)
    weights[:, 0] = 1
    triangles = (FACES[None] + 4 * np.arange(count)[:, None, None]).astype(np.uint16).ravel()
    inverse = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
    inverse[:, :3, 3] = -at
    parts = (points, owner, weights, triangles, inverse.transpose(0, 2, 1).copy())
    kinds = (("VEC3", 5126), ("VEC4", 5123), ("VEC4", 5126), ("SCALAR", 5123), ("MAT4", 5126))
    lengths = (len(points), len(points), len(points), len(triangles), count)
    views, accessors, data = [], [], b""
    for part, (width, component), length in zip(parts, kinds, lengths, strict=True):
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": part.nbytes})
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": component, "count": length, "type": width, "byteOffset": 0}
        )
        data += part.tobytes() + b"\0" * (-part.nbytes % 4)
    content = {
        "asset": {"version": "2.0"},
        "nodes": [{"name": name, "translation": list(map(float, where))} for name, where in places.items()],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "JOINTS_0": 1, "WEIGHTS_0": 2}, "indices": 3}]}],
        "skins": [{"joints": list(range(count)), "inverseBindMatrices": 4}],
        "bufferViews": views, "accessors": accessors, "buffers": [{"byteLength": len(data)}],
    }  # fmt: skip
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
    path.write_bytes(head + text + struct.pack("<I4s", len(data), b"BIN\0") + data)
    return path
