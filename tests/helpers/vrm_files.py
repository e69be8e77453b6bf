"""VRM files of a body of empty bones with a small pyramid for a head, made by hand from both specifications."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

BONES = ("hips", "spine", "head", "leftUpperLeg", "leftLowerLeg", "leftFoot", "rightUpperLeg", "rightLowerLeg",
         "rightFoot", "leftUpperArm", "leftLowerArm", "leftHand", "rightUpperArm", "rightLowerArm", "rightHand",
         "chest", "neck")  # fmt: skip
PARENTS = {"spine": "hips", "chest": "spine", "neck": "chest", "head": "neck",
           "leftUpperLeg": "hips", "leftLowerLeg": "leftUpperLeg", "leftFoot": "leftLowerLeg",
           "rightUpperLeg": "hips", "rightLowerLeg": "rightUpperLeg", "rightFoot": "rightLowerLeg",
           "leftUpperArm": "chest", "leftLowerArm": "leftUpperArm", "leftHand": "leftLowerArm",
           "rightUpperArm": "chest", "rightLowerArm": "rightUpperArm", "rightHand": "rightLowerArm"}  # fmt: skip
HEAD_Y = {"hips": 0.9, "spine": 0.1, "chest": 0.2, "neck": 0.2, "head": 0.05}  # metres above the parent
WAYS = ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp")
VRM0_PRESETS = {"aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "blinkLeft": "blink_l", "blinkRight": "blink_r"}


def vrm(version: int, expressions: Sequence[str]) -> bytes:
    """A file whose head has one shape for each expression; names that are presets of VRM become those."""
    points = np.array([[-0.08, 0, 0], [0.08, 0, 0], [0, 0, 0.1], [0, 0.22, 0]], "<f4")
    if version == 0:
        points[:, 2] *= -1  # it looks the other way
    triangles = np.array([0, 1, 2, 0, 3, 1, 1, 3, 2, 2, 3, 0], "<u2")
    data, views, accessors = b"", [], []

    def array(values: Any, kind: int, shape: str, **more: Any) -> int:
        nonlocal data
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": values.nbytes})
        data += values.tobytes() + bytes(-values.nbytes % 4)
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": kind, "count": len(values), "type": shape, **more}
        )
        return len(accessors) - 1

    def place(values: Any) -> int:
        return array(values, 5126, "VEC3", min=values.min(0).tolist(), max=values.max(0).tolist())

    moved = np.zeros_like(points)
    moved[2, 1] = -0.05
    shapes = [f"shape{k}" for k in range(len(expressions))]  # names that say nothing: only the VRM part does
    targets = [{"POSITION": place((moved * (k + 1)).astype("<f4"))} for k in range(len(shapes))]
    primitive = {"attributes": {"POSITION": place(points)}, "indices": array(triangles, 5123, "SCALAR")}
    nodes: list[dict[str, Any]] = [{"name": bone, "translation": [0, HEAD_Y.get(bone, 0.1), 0]} for bone in BONES]
    for child, parent in PARENTS.items():
        nodes[BONES.index(parent)].setdefault("children", []).append(BONES.index(child))
    nodes.append({"name": "face", "mesh": 0})
    face = len(nodes) - 1
    nodes[BONES.index("head")]["children"] = [face]
    name, extension = (_vrm0 if version == 0 else _vrm1)(expressions, face)
    content = {
        "asset": {"version": "2.0"},
        "extensionsUsed": [name],
        "extensions": {name: extension},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": [{"primitives": [{**primitive, "targets": targets}], "extras": {"targetNames": shapes}}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _vrm1(expressions: Sequence[str], face: int) -> tuple[str, dict[str, Any]]:
    def bound(k: int) -> dict[str, Any]:
        return {"morphTargetBinds": [{"node": face, "index": k, "weight": 1.0}]}

    given = {name: bound(k) for k, name in enumerate(expressions)}
    return "VRMC_vrm", {
        "specVersion": "1.0",
        "meta": {"name": "pyramid", "authors": ["a test"], "licenseUrl": "https://vrm.dev/licenses/1.0/"},
        "humanoid": {"humanBones": {bone: {"node": k} for k, bone in enumerate(BONES)}},
        "expressions": {
            "preset": {name: one for name, one in given.items() if name in VRM0_PRESETS},
            "custom": {name: one for name, one in given.items() if name not in VRM0_PRESETS},
        },
    }


def _vrm0(expressions: Sequence[str], face: int) -> tuple[str, dict[str, Any]]:
    groups = [
        {
            "name": name[0].upper() + name[1:],
            "presetName": VRM0_PRESETS.get(name, "unknown"),
            "binds": [{"mesh": 0, "index": k, "weight": 100}],
            "materialValues": [],
        }
        for k, name in enumerate(expressions)
    ]
    return "VRM", {
        "specVersion": "0.0",
        "meta": {"title": "pyramid", "author": "a test", "allowedUserName": "Everyone", "licenseName": "CC0"},
        "humanoid": {"humanBones": [{"bone": bone, "node": k} for k, bone in enumerate(BONES)]},
        "blendShapeMaster": {"blendShapeGroups": groups},
        "firstPerson": {f"lookAt{way}": {"curve": [0, 0, 0, 1, 1, 1, 1, 0], "xRange": 90, "yRange": 10} for way in WAYS}
        | {"lookAtTypeName": "Bone"},
        "materialProperties": [],
        "secondaryAnimation": {},
    }
