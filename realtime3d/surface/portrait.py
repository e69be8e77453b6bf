"""The face's part of a picture, and what the foundation says of each pixel: which way it faces, whether it is skin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import HeadMesh
from realtime3d.face.state import FaceState
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.surface.vectors import dot, unit
from realtime3d.surface.visibility import FACING, GRAZING
from realtime3d.types import FloatArray, Image

SIDE_PX = 512  # of the longer side of a face: finer pictures are made smaller
COARSEST_MM = 2.0  # per pixel: coarser pictures show no wrinkles
FRONT = ("face", "lips", "eyelids")  # the regions whose picture is cut out
FADE_MM = (1.0, 3.5)  # from lids, lips, brows and the face's rim: between these detail fades in
BROW_MM = 3.2  # half the height of a brow
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
NOSTRIL_MM = 2.2  # about the middles of the nostrils
NOSTRILS = ((238, 79), (458, 309))  # of MediaPipe's points: around each of them


@dataclass(frozen=True)
class Portrait:
    """A face's part of a picture, (h, w) px."""

    image: Image  # (h, w, 3)
    mm_per_px: float  # at the face's depth
    origin: tuple[float, float]  # of the part in the picture, px
    scale: float  # its pixels for each of the picture
    normals: FloatArray  # (h, w, 3) of the foundation, camera frame; 0 where no face is
    x_mm: FloatArray  # (h, w, 2, 3) by how much the surface moves with a pixel across, and down
    facing: FloatArray  # (h, w) cosine to the viewing ray
    front: NDArray[np.bool_]  # (h, w) the face's front: skin, lips and lids
    fade: FloatArray  # (h, w) 1 on bare skin, 0 at lids, lips, brows and the rim

    def places(self, xy: FloatArray) -> FloatArray:
        """Pixels (..., 2) of the picture as pixels of the part."""
        corner = np.array(self.origin, np.float32)
        half = np.float32(0.5)
        return np.asarray((xy - corner + half) * np.float32(self.scale) - half, np.float32)


def mm_per_pixel(face: FaceState) -> float:
    """How much of a face one pixel of its picture spans."""
    return float(face.pose.t[2]) / max(face.camera.fx, face.camera.fy)


def refusal(face: FaceState) -> str | None:
    """Why a picture shows too little of a face for detail; None where it does not."""
    span = mm_per_pixel(face)
    if span > COARSEST_MM:
        wide, least = round(140 / span), round(140 / COARSEST_MM)
        return f"the face is about {wide} px wide, detail needs {least}: give a larger picture"
    return None


def portrait_of(
    face: FaceState, image: Image, head: HeadMesh, vertices: FloatArray, names: NDArray[np.str_], side_px: int = SIDE_PX
) -> Portrait | None:
    """The part of a picture with a face; None where the picture does not show it. `vertices` (V, 3) in camera space.

    Its longer side has at most `side_px`.
    """
    if not bool((vertices[:, 2] > 1).all()):
        return None
    xy = face.camera.project(vertices).astype(np.float32)
    front = np.isin(head.region, np.flatnonzero(np.isin(names, FRONT)))
    box = _box(xy[front], image)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    part, scale = _part(image[y0:y1, x0:x1], side_px)
    height, width = part.shape[:2]
    half = np.float32(0.5)
    local = np.ascontiguousarray((xy - np.array([x0, y0], np.float32) + half) * np.float32(scale) - half)
    ids, bary, _ = rasterize(local, vertices[:, 2], head.triangles, width, height, cull=True)
    values = np.concatenate([vertices, vertex_normals(vertices, head.triangles)], axis=1)
    pixels = np.zeros((height, width, 6), np.float32)
    interpolate(ids, bary, head.triangles, np.ascontiguousarray(values, dtype=np.float32), pixels)
    points, normals = pixels[..., :3], pixels[..., 3:]
    normals = unit(normals)
    facing = -dot(normals, unit(points))
    inside = _front(ids, head, names)
    span = mm_per_pixel(face) / scale
    hollow = _hollows(face, (x0, y0), scale, (height, width), span)
    rays = _rays(points, normals, facing, face.camera.fx * scale, face.camera.fy * scale)
    fade = _fade(ids, head, names, hollow, span)
    return Portrait(part, span, (float(x0), float(y0)), scale, normals, rays, facing, inside, fade)


def facing_weight(facing: FloatArray) -> FloatArray:
    """How far a surface that is turned away still shows detail."""
    rise = np.clip((facing - GRAZING) / (FACING - GRAZING), 0, 1)
    return np.asarray(rise * rise * (3 - 2 * rise), np.float32)


def _box(xy: FloatArray, image: Image) -> tuple[int, int, int, int] | None:
    height, width = image.shape[:2]
    low = np.floor(np.maximum(xy.min(axis=0) - 4, 0)).astype(int)
    high = np.ceil(np.minimum(xy.max(axis=0) + 5, (width, height))).astype(int)
    if (high - low < 8).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _part(cut: Image, side_px: int) -> tuple[Image, float]:
    """A cut-out of at most `side_px`, and its scale; both sides by the same."""
    scale = min(1.0, side_px / max(cut.shape[:2]))
    if scale == 1.0:
        return np.ascontiguousarray(cut), 1.0
    size = (max(8, int(cut.shape[1] * scale)), max(8, int(cut.shape[0] * scale)))
    half = 0.5 / scale - 0.5  # pixel centres stay where they are
    way = np.array([[1 / scale, 0, half], [0, 1 / scale, half]], np.float64)
    blurred = cv2.GaussianBlur(cut, (0, 0), 0.4 / scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(blurred, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8), scale


def _front(ids: NDArray[np.int32], head: HeadMesh, names: NDArray[np.str_]) -> NDArray[np.bool_]:
    wanted = np.flatnonzero(np.isin(names, FRONT))
    front = np.asarray(np.isin(head.region, wanted)[head.triangles].all(axis=1), np.bool_)
    return np.asarray(np.where(ids >= 0, front[ids], False), np.bool_)


def _rays(points: FloatArray, normals: FloatArray, facing: FloatArray, fx: float, fy: float) -> FloatArray:
    """How the surface's point moves with a pixel across and down, from its plane: no steps between triangles."""
    z = points[..., 2]
    ray = points / np.maximum(z, 1)[..., None]
    along = np.maximum(-dot(normals, np.asarray(ray, np.float32)), np.float32(0.1))
    out = np.zeros((*z.shape, 2, 3), np.float32)
    for axis, focal in enumerate((fx, fy)):
        step = z / np.float32(focal)
        out[..., axis, :] = ray * (normals[..., axis] * step / along)[..., None]
        out[..., axis, axis] += step
    return out


def _hollows(
    face: FaceState, corner: tuple[int, int], scale: float, shape: tuple[int, int], span: float
) -> NDArray[np.uint8]:
    """Where brows and nostrils are."""
    mask = np.zeros(shape, np.uint8)
    if "mediapipe478" not in face.model.landmark_sets:
        return mask
    points = (face.landmarks("mediapipe478") - np.array(corner) + 0.5) * scale - 0.5
    for brow in BROWS:
        ring = cv2.convexHull(np.rint(points[list(brow)]).astype(np.int32))
        cv2.fillConvexPoly(mask, ring, 255)
        cv2.polylines(mask, [ring], True, 255, max(1, round(BROW_MM / span)))
    for nostril in NOSTRILS:
        middle = np.rint(points[list(nostril)].mean(axis=0)).astype(int)
        cv2.circle(mask, (int(middle[0]), int(middle[1])), max(1, round(NOSTRIL_MM / span)), 255, -1)
    return mask


def _fade(
    ids: NDArray[np.int32], head: HeadMesh, names: NDArray[np.str_], hollow: NDArray[np.uint8], span: float
) -> FloatArray:
    """1 on bare skin; falls to 0 towards everything that is none."""
    skin = head.region == np.flatnonzero(names == "face")[0]
    bare = np.where(ids >= 0, skin[head.triangles].all(axis=1)[ids], False) & (hollow == 0)
    away = cv2.distanceTransform(np.pad(bare, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1] * np.float32(span)
    rise = np.clip((away - FADE_MM[0]) / (FADE_MM[1] - FADE_MM[0]), 0, 1)
    return np.asarray(rise * rise * (3 - 2 * rise), np.float32)
