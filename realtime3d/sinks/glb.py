"""GLB (glTF 2.0, binary): a head with ARKit's 52 actions as morph targets, still or as it moved.

Metres, y up, z towards the viewer. All numbers are float32 and dense: quantised and sparse ones are misread by some
viewers. A texture from a picture has its light in it, so it is shown as it is (`KHR_materials_unlit`) and no normals
are written; without a texture, or with one that has no light in it, the head is lit, and the morph targets move its
normals, too.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import Y_UP
from realtime3d.geometry import Camera
from realtime3d.sinks.glb_head import Head, Motion, folded, plain
from realtime3d.surface.layout import tangents
from realtime3d.types import FloatArray, Pose

M_PER_MM = np.float32(0.001)
SKIN = (0.72, 0.6, 0.52, 1.0)  # linear RGBA of a head without a texture
FLOAT, USHORT, UINT = 5126, 5123, 5125
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
LINEAR, MIPMAPS, CLAMP = 9729, 9987, 33071
NEAR_M, FAR_M = 0.01, 100.0


def glb_bytes(head: Head) -> bytes:
    """The file."""
    writer = GlbWriter()
    return writer.packed(writer.content(head))


class GlbWriter:
    """Gathers binary data and the JSON that describes it."""

    def __init__(self, axes: FloatArray = Y_UP) -> None:
        """`axes` are the signs that turn our coordinates into the file's."""
        self._axes = axes
        self._data = bytearray()
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []

    def content(self, head: Head) -> dict[str, Any]:
        """The file's JSON."""
        pose = head.pose or (head.motion.poses[0] if head.motion else None)
        nodes: list[dict[str, Any]] = [
            {"name": head.name, "children": [1], **_placed(pose)},
            {"name": "face", "mesh": 0},
        ]
        content: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "realtime3d"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": nodes,
            "meshes": [self._mesh(head)],
            "materials": [_material(head)],
        }
        if head.facts:
            content["asset"]["extras"] = head.facts
        if head.texture_jpeg is not None:
            content |= self._textures(head.texture_jpeg, head.normal_png, head.is_lit)
        if head.motion is not None:
            content["animations"] = [self._animation(head.motion)]
        if head.camera is not None and pose is not None:
            content["cameras"] = [_camera(head.camera)]
            content["scenes"][0]["nodes"].append(len(nodes))
            nodes.append({"name": "camera", "camera": 0})
        return {**content, "accessors": self._accessors, "bufferViews": self._views}

    def packed(self, content: dict[str, Any]) -> bytes:
        """The file."""
        return _packed({**content, "buffers": [{"byteLength": len(self._data)}]}, bytes(self._data))

    def _textures(self, texture_jpeg: bytes, normal_png: bytes | None, lit: bool) -> dict[str, Any]:
        images = [{"bufferView": self._view(texture_jpeg), "mimeType": "image/jpeg"}]
        if normal_png is not None:
            images.append({"bufferView": self._view(normal_png), "mimeType": "image/png"})
        sampler = {"magFilter": LINEAR, "minFilter": MIPMAPS, "wrapS": CLAMP, "wrapT": CLAMP}
        textures = [{"source": i, "sampler": 0} for i in range(len(images))]
        unlit = {} if lit else {"extensionsUsed": ["KHR_materials_unlit"]}
        return {**unlit, "images": images, "samplers": [sampler], "textures": textures}

    def _mesh(self, head: Head) -> dict[str, Any]:
        shapes = folded(head) if head.folds is not None else plain(head)
        mesh, to_file = shapes.mesh, self._axes * M_PER_MM

        def vertices(points: FloatArray) -> dict[str, int]:
            return {
                "POSITION": self._array((points * to_file)[mesh.uv_vertex], "VEC3", bounds=True, target=ARRAY_BUFFER)
            }

        attributes, targets = vertices(shapes.rest), [vertices(action) for action in shapes.actions]
        if head.texture_jpeg is not None:
            attributes["TEXCOORD_0"] = self._array(mesh.uv, "VEC2", target=ARRAY_BUFFER)
        if head.normal_png is not None:
            attributes["TANGENT"] = self._array(tangents(mesh, shapes.rest * Y_UP), "VEC4", target=ARRAY_BUFFER)
        if head.is_lit:
            attributes["NORMAL"] = self._normals(_unit(shapes.normals)[mesh.uv_vertex])
            for target, turned in zip(targets, shapes.turned(), strict=True):
                target["NORMAL"] = self._normals(turned[mesh.uv_vertex])
        kind = USHORT if len(mesh.uv) < 0xFFFF else UINT
        indices = mesh.uv_triangles.astype("<u2" if kind == USHORT else "<u4").ravel()
        primitive = {
            "attributes": attributes,
            "indices": self._array(indices, "SCALAR", kind=kind, target=ELEMENT_ARRAY_BUFFER),
            "material": 0,
            "targets": targets,
        }
        weights = [round(float(w), 6) for w in np.asarray(head.weights)]
        names = list(map(str, head.model.arkit_names))
        return {"name": "face", "primitives": [primitive], "weights": weights, "extras": {"targetNames": names}}

    def _normals(self, normals: FloatArray) -> int:
        return self._array(normals * self._axes, "VEC3", target=ARRAY_BUFFER)

    def _animation(self, motion: Motion) -> dict[str, Any]:
        times = self._array(np.asarray(motion.times_s, np.float32), "SCALAR", bounds=True)
        turned = _continuous(np.array([_turn(pose) for pose in motion.poses]))
        moved = np.array([pose.t for pose in motion.poses]) * Y_UP * M_PER_MM
        values = {
            ("rotation", 0): self._array(turned, "VEC4"),
            ("translation", 0): self._array(moved, "VEC3"),
            ("weights", 1): self._array(np.asarray(motion.weights, np.float32).ravel(), "SCALAR"),
        }
        samplers = [{"input": times, "output": output, "interpolation": "LINEAR"} for output in values.values()]
        channels = [{"sampler": i, "target": {"node": node, "path": path}} for i, (path, node) in enumerate(values)]
        return {"name": "take", "samplers": samplers, "channels": channels}

    def _array(
        self, values: NDArray, shape: str, *, kind: int = FLOAT, bounds: bool = False, target: int | None = None
    ) -> int:
        data = np.ascontiguousarray(values, dtype="<f4") if kind == FLOAT else values
        accessor = {
            "bufferView": self._view(data.tobytes(), target),
            "componentType": kind,
            "count": len(data),
            "type": shape,
        }
        if bounds:
            columns = np.ascontiguousarray(data.reshape(len(data), -1).T)  # a tenth of the time that rows take
            accessor |= {"min": columns.min(axis=1).tolist(), "max": columns.max(axis=1).tolist()}
        self._accessors.append(accessor)
        return len(self._accessors) - 1

    def _view(self, data: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": len(self._data), "byteLength": len(data)}
        self._views.append(view if target is None else {**view, "target": target})
        self._data += data + bytes(-len(data) % 4)
        return len(self._views) - 1


def _packed(content: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _material(head: Head) -> dict[str, Any]:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.9}
    if head.texture_jpeg is None:
        return {"name": "skin", "pbrMetallicRoughness": {**surface, "baseColorFactor": list(SKIN)}}
    surface["baseColorTexture"] = {"index": 0}
    if head.is_lit:
        normals = {} if head.normal_png is None else {"normalTexture": {"index": 1}}
        return {"name": "skin", "pbrMetallicRoughness": surface, **normals}
    return {"name": "picture", "pbrMetallicRoughness": surface, "extensions": {"KHR_materials_unlit": {}}}


def _camera(camera: Camera) -> dict[str, Any]:
    lens = {
        "yfov": 2 * math.atan(camera.height / 2 / camera.fy),
        "aspectRatio": camera.width * camera.fy / (camera.height * camera.fx),
        "znear": NEAR_M,
        "zfar": FAR_M,
    }
    return {"type": "perspective", "perspective": lens, "name": "camera"}


def _placed(pose: Pose | None) -> dict[str, Any]:
    if pose is None:
        return {}
    return {"rotation": _turn(pose).tolist(), "translation": (pose.t * Y_UP * M_PER_MM).tolist()}


def _turn(pose: Pose) -> NDArray[np.float64]:
    """(4,) x, y, z, w with y up, as glTF has it."""
    w, x, y, z = pose.quaternion()
    return np.array([x, -y, -z, w])


def _continuous(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same rotations, each with the sign that is nearer to the one before: between them no viewer turns round."""
    flips = np.cumprod(np.where((q[1:] * q[:-1]).sum(axis=1) < 0, -1, 1))
    return q * np.concatenate([[1], flips])[:, None]


def _unit(normals: FloatArray) -> FloatArray:
    """Normals of length 1; where a vertex has none, one towards the viewer."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0.5, normals / np.maximum(length, 1e-9), np.array([0, 0, -1], np.float32)).astype(
        np.float32
    )
