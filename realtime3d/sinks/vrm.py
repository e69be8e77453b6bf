"""VRM 0: a head as an avatar that VSeeFace, VNyan, Warudo and the like open; they all read this version.

A body of bones without flesh holds it, because such programs ask for one. The 52 actions are its expressions under the
names of "perfect sync"; vowels, blinks, looks and moods are mixed from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from realtime3d.face.arkit import PASCAL
from realtime3d.sinks.glb import GlbWriter
from realtime3d.sinks.glb_head import Head

BACKWARDS = np.array([-1, -1, 1], dtype=np.float32)  # from our axes to the file's: version 0 looks along -z
HEAD_M = (0.0, 0.09, -0.08)  # from the joint of head and neck to the origin of our heads
# bone -> (parent, x, y, z in metres from it); x is the person's own right
BONES: Mapping[str, tuple[str, float, float, float]] = {
    "hips": ("", 0, 0.9, 0),
    "spine": ("hips", 0, 0.12, 0),
    "chest": ("spine", 0, 0.14, 0),
    "neck": ("chest", 0, 0.24, 0),
    "head": ("neck", 0, 0.09, 0),
    **{
        f"{side}{bone}": (parent and (parent if parent in ("hips", "chest") else side + parent), sign * x, y, 0)
        for side, sign in (("right", 1), ("left", -1))
        for bone, parent, x, y in (
            ("UpperArm", "chest", 0.16, 0.2),
            ("LowerArm", "UpperArm", 0.26, 0),
            ("Hand", "LowerArm", 0.24, 0),
            ("UpperLeg", "hips", 0.09, -0.04),
            ("LowerLeg", "UpperLeg", 0, -0.42),
            ("Foot", "LowerLeg", 0, -0.4),
        )
    },
}
BOTH = ("Left", "Right")
# preset -> (name, action or its beginning where both sides move, weight)
PRESETS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "neutral": ("Neutral", {}),
    "a": ("A", {"jawOpen": 0.7}),
    "i": ("I", {"mouthStretch": 0.7, "jawOpen": 0.1}),
    "u": ("U", {"mouthPucker": 0.8, "jawOpen": 0.1}),
    "e": ("E", {"jawOpen": 0.3, "mouthStretch": 0.5}),
    "o": ("O", {"jawOpen": 0.45, "mouthFunnel": 0.7}),
    "blink": ("Blink", {"eyeBlink": 1.0}),
    "blink_l": ("Blink_L", {"eyeBlinkLeft": 1.0}),
    "blink_r": ("Blink_R", {"eyeBlinkRight": 1.0}),
    "joy": ("Joy", {"mouthSmile": 0.9, "cheekSquint": 0.6}),
    "angry": ("Angry", {"browDown": 1.0, "mouthFrown": 0.4, "noseSneer": 0.4}),
    "sorrow": ("Sorrow", {"browInnerUp": 0.9, "mouthFrown": 0.8}),
    "fun": ("Fun", {"mouthSmile": 0.5, "eyeSquint": 0.3}),
    "lookup": ("LookUp", {"eyeLookUp": 1.0}),
    "lookdown": ("LookDown", {"eyeLookDown": 1.0}),
    "lookleft": ("LookLeft", {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}),
    "lookright": ("LookRight", {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0}),
}
LICENCE = {  # of a head that somebody made of themselves
    "allowedUserName": "OnlyAuthor",
    "violentUssageName": "Disallow",  # the format spells it so
    "sexualUssageName": "Disallow",
    "commercialUssageName": "Disallow",
    "licenseName": "Redistribution_Prohibited",
}
FREE = {  # of a head of nobody
    "allowedUserName": "Everyone",
    "violentUssageName": "Allow",
    "sexualUssageName": "Allow",
    "commercialUssageName": "Allow",
    "licenseName": "Other",
    "otherLicenseUrl": "https://www.apache.org/licenses/LICENSE-2.0",
}


def vrm_bytes(head: Head, *, of_nobody: bool = False) -> bytes:
    """The file; `of_nobody`: it is the face model's mean head, which everybody may use. At rest, without motion."""
    writer = GlbWriter(BACKWARDS)
    content = writer.content(replace(head, weights=np.zeros(len(head.model.arkit_names)), pose=None, camera=None))
    nodes: list[dict[str, Any]] = [{"name": bone, "translation": [x, y, z]} for bone, (_, x, y, z) in BONES.items()]
    bones = list(BONES)
    for bone, (parent, *_) in BONES.items():
        if parent:
            nodes[bones.index(parent)].setdefault("children", []).append(bones.index(bone))
    nodes[bones.index("head")]["children"] = [len(nodes)]
    nodes.append({"name": "face", "mesh": 0, "translation": list(HEAD_M)})
    content |= {
        "nodes": nodes,
        "scenes": [{"nodes": [0]}],
        "extensionsUsed": [*content.get("extensionsUsed", []), "VRM"],
        "extensions": {"VRM": _vrm(head, bones, FREE if of_nobody else LICENCE)},
    }
    return writer.packed(content)


def _vrm(head: Head, bones: list[str], licence: Mapping[str, str]) -> dict[str, Any]:
    order = list(map(str, head.model.arkit_names))
    groups = [_group(name, preset, mixed, order) for preset, (name, mixed) in PRESETS.items()]
    groups += [_group(PASCAL[name], "unknown", {name: 1.0}, order) for name in order]
    material = {"name": "skin", "shader": "VRM_USE_GLTFSHADER", "renderQueue": 2000}
    empty = ("floatProperties", "vectorProperties", "textureProperties", "keywordMap", "tagMap")
    curve = {"curve": [0, 0, 0, 1, 1, 1, 1, 0], "xRange": 90, "yRange": 1}
    looks = ("HorizontalInner", "HorizontalOuter", "VerticalDown", "VerticalUp")
    bound = [{"bone": bone, "node": i, "useDefaultValues": True} for i, bone in enumerate(bones)]
    return {
        "exporterVersion": "realtime3d",
        "specVersion": "0.0",
        "meta": {"title": head.name, "version": "1", "author": "realtime3d", "texture": -1, **licence},
        "humanoid": {"humanBones": bound},
        "firstPerson": {
            "firstPersonBone": bones.index("head"),
            "firstPersonBoneOffset": {"x": 0, "y": 0.09, "z": 0},
            "meshAnnotations": [],
            "lookAtTypeName": "BlendShape",
            **{f"lookAt{way}": curve for way in looks},
        },
        "blendShapeMaster": {"blendShapeGroups": groups},
        "secondaryAnimation": {"boneGroups": [], "colliderGroups": []},
        "materialProperties": [{**material, **{name: {} for name in empty}}],
    }


def _group(name: str, preset: str, mixed: Mapping[str, float], order: list[str]) -> dict[str, Any]:
    weights = {one: weight for action, weight in mixed.items() for one in _sides(action, order)}
    return {
        "name": name,
        "presetName": preset,
        "isBinary": False,
        "binds": [{"mesh": 0, "index": order.index(one), "weight": 100 * weight} for one, weight in weights.items()],
        "materialValues": [],
    }


def _sides(action: str, order: list[str]) -> list[str]:
    return [action] if action in order else [action + side for side in BOTH if action + side in order]
