"""The photographs that are measured on: faces that the nets fit, with a point and a normal for each pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.portrait import mm_per_pixel, portrait_of
from realtime3d.tracker import FaceTracker
from realtime3d.types import FloatArray, Image

MOST_YAW, MOST_SIGMA = 22.0, 4.0  # degrees


@dataclass(frozen=True)
class Subject:
    """One photograph and its face."""

    name: str
    image: Image
    face: FaceState
    points: FloatArray  # (H, W, 3) mm in camera space
    normals: FloatArray  # (H, W, 3)
    skin: NDArray[np.bool_]  # (H, W) bare skin, away from lids, lips, brows and rim
    mm_per_px: float


def subjects(tracker: FaceTracker, maker: DetailMaker, files: Sequence[Path], zoom: float = 1.0) -> Iterator[Subject]:
    """Those of the files that show a face well enough, enlarged."""
    for file in files:
        image = cv2.imread(str(file))
        if image is None:
            continue
        found = tracker.process_picture(image).faces
        if found and abs(found[0].euler_deg()[1]) < MOST_YAW and found[0].raw.pose_sigma_deg < MOST_SIGMA:
            yield subject_of(file.name, image, found[0], maker, zoom)


def subject_of(name: str, image: Image, face: FaceState, maker: DetailMaker, zoom: float = 1.0) -> Subject:
    if zoom != 1:
        size = (round(image.shape[1] * zoom), round(image.shape[0] * zoom))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        face = replace(face, camera=enlarged(face.camera, zoom, size))
    head = maker.layout.head
    R, t = face.pose.R.astype(np.float32), face.pose.t.astype(np.float32)
    vertices = face.vertices_at(maker.layout.level) @ R.T + t
    height, width = image.shape[:2]
    ids, bary, _ = rasterize(face.camera.project(vertices), vertices[:, 2], head.triangles, width, height, cull=True)
    values = np.zeros((height, width, 6), np.float32)
    both = np.concatenate([vertices, vertex_normals(vertices, head.triangles)], axis=1)
    interpolate(ids, bary, head.triangles, np.ascontiguousarray(both, dtype=np.float32), values)
    points = np.where((ids >= 0)[..., None], values[..., :3], np.float32(np.nan))
    normals = values[..., 3:] / np.maximum(np.linalg.norm(values[..., 3:], axis=-1, keepdims=True), 1e-6)
    part = portrait_of(face, image, head, vertices, maker.layout.names)
    skin = np.zeros((height, width), bool)
    if part is not None:
        whole = whole_picture(np.where(part.facing > 0.5, part.fade, 0), part.origin, part.scale, skin.shape)
        skin = whole > 0.9
    return Subject(name, image, face, points, normals.astype(np.float32), skin, mm_per_pixel(face))


def enlarged(camera: Camera, zoom: float, size: tuple[int, int]) -> Camera:
    middle = [(c + 0.5) * zoom - 0.5 for c in (camera.cx, camera.cy)]
    return replace(
        camera, fx=camera.fx * zoom, fy=camera.fy * zoom, cx=middle[0], cy=middle[1], width=size[0], height=size[1]
    )


def whole_picture(part: FloatArray, origin: tuple[float, float], scale: float, shape: tuple[int, int]) -> FloatArray:
    """Values of a face's part of a picture, as a picture; 0 elsewhere."""
    offset = [0.5 * scale - 0.5 - corner * scale for corner in origin]
    way = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]], np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(part.astype(np.float32), way, shape[::-1], flags=flags), np.float32)
