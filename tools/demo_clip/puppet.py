"""Draws the cut-out photograph in any moment of the screenplay."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.geometry import Camera, Matrix, rotation_to_ray
from realtime3d.raster import rasterize, vertex_normals
from realtime3d.types import FloatArray, Image, Pose
from tools.demo_clip.motion import Moment
from tools.demo_clip.photo import HEAD_X, HEAD_Y, ZOOM, Puppet, Sheet

WIDTH, HEIGHT, FINER = 640, 480, 2  # drawn at twice the size, then averaged
SCALE = 1.5  # clip px for each pixel of the photograph
PHOTO_X, PHOTO_Y = 222.0, 160.0  # the photograph's pixel in the middle of the clip
BODY_BEHIND_MM = 70.0
LIGHT = np.array([-0.35, -0.6, -0.72], dtype=np.float32)  # towards the photographer's lamp, camera axes
LIGHT_SHARE = 0.3
LID_SHADE, LID_MOVES_MM = 0.9, 2.5  # a lid that has moved that far shows plain skin: the photo has none of it
MOUTH_BGR, TONGUE_BGR = (26.0, 20.0, 52.0), (66.0, 58.0, 118.0)


def clip_camera() -> Camera:
    """The camera of the clip: the default angle of view."""
    return Camera.from_fov(WIDTH, HEIGHT)


def start_pose(puppet: Puppet) -> Pose:
    """Where the head stands in the clip's camera so that it looks as in the photograph, at `SCALE`."""
    camera = clip_camera()
    photo_px = puppet.camera.project(puppet.pose.t) / ZOOM + (HEAD_X, HEAD_Y)
    pixel = (photo_px - (PHOTO_X, PHOTO_Y)) * SCALE + (camera.cx, camera.cy)
    ray = camera.rays(pixel)
    z = camera.fx * puppet.pose.t[2] / (SCALE * puppet.camera.fx / ZOOM)
    return Pose(rotation_to_ray(ray) @ rotation_to_ray(puppet.pose.t).T @ puppet.pose.R, ray * z)


def motion_of(puppet: Puppet, moment: Moment) -> FloatArray:
    """(34,) eta and extras."""
    names = list(puppet.model.arkit_names)
    weights = np.zeros(len(names))
    for name, value in moment.actions.items():
        weights[names.index(name)] = value
    return (moment.smile * puppet.scene.photo.motion + puppet.arkit_to_motion @ weights).astype(np.float32)


def draw(puppet: Puppet, start: Pose, moment: Moment, motion: FloatArray) -> Image:
    """One frame of the clip, (480, 640, 3) uint8 BGR."""
    camera = _finer(clip_camera())
    size = (camera.width, camera.height)
    behind = start.t[2] + BODY_BEHIND_MM
    picture = _layer(puppet.room, camera, np.zeros(3), behind, size).astype(np.float32)
    body = _layer(puppet.photo, camera, moment.torso, behind, size)
    alpha = _layer(puppet.body_alpha, camera, moment.torso, behind, size)[..., None]
    picture += alpha * (body - picture)
    head, head_alpha, head_depth = _head(puppet, camera, moment.pose, motion)
    hair, hair_alpha, hair_apart, hair_depth = _sheet(puppet, puppet.hair, camera, moment.pose)
    over_face = ((hair_depth < head_depth) & np.isfinite(head_depth))[..., None]
    in_front = over_face * (hair_apart + head_alpha * (hair_alpha - hair_apart))
    for colour, opacity in ((hair, ~over_face * hair_apart), (head, head_alpha), (hair, in_front)):
        picture += opacity * (colour - picture)
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.clip(small + 0.5, 0, 255).astype(np.uint8)


def _finer(camera: Camera) -> Camera:
    k = FINER
    return Camera(camera.fx * k, camera.fy * k, camera.cx * k + (k - 1) / 2, camera.cy * k + (k - 1) / 2,
                  camera.width * k, camera.height * k)  # fmt: skip


def _layer(
    image: FloatArray | Image, camera: Camera, shift: Matrix, depth: float, size: tuple[int, int]
) -> NDArray[Any]:
    """A flat part of the photo that stands `depth` mm away when `shift` (mm) is zero."""
    near = depth / (depth + shift[2])
    scale = SCALE * FINER / ZOOM * near
    place = np.array([camera.cx, camera.cy]) + camera.fx * shift[:2] / (depth + shift[2])
    middle = np.array([PHOTO_X, PHOTO_Y]) * ZOOM
    matrix = np.column_stack([np.eye(2) * scale, place - scale * middle])
    border = cv2.BORDER_REPLICATE if image.ndim == 3 else cv2.BORDER_CONSTANT
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=border)


def _head(puppet: Puppet, camera: Camera, pose: Pose, motion: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Colours, opacity (h, w, 1) and depth of the skin, eyes and mouth."""
    model, scene, region = puppet.model, puppet.scene, puppet.topology.region
    n = model.n_expression
    vertices = model.deform(model.neutral(scene.photo.alpha), motion[:n], motion[n:])
    space = (vertices @ pose.R.T + pose.t).astype(np.float32)
    triangles = model.triangles
    ids, bary, depth = rasterize(camera.project(space), space[:, 2], triangles, camera.width, camera.height, cull=True)
    shade = _light(space, triangles) / _light((vertices @ scene.photo.R.T).astype(np.float32), triangles)
    shade = np.clip(1 + LIGHT_SHARE * (shade - 1), 0.75, 1.2)
    own, other, colour = scene.own.copy(), scene.other.copy(), scene.colour.copy()
    lids = region["eyelids"]
    moved = np.abs(np.einsum("k,kvc->vc", (motion - scene.photo.motion)[:n], model.expression_basis)[:, 1])
    still = 1 - np.clip(moved[lids] / LID_MOVES_MM, 0, 1)
    own[lids, 2] *= still
    other[lids, 2] *= still
    colour[lids] *= LID_SHADE
    own[puppet.mouth, 2] = other[puppet.mouth, 2] = 0
    colour[puppet.mouth] = MOUTH_BGR
    colour[region["tongue"]] = TONGUE_BGR
    values = np.column_stack([own, other, colour, shade, puppet.mouth, puppet.skin_alpha]).astype(np.float32)
    there = ids >= 0
    v = np.zeros((*ids.shape, values.shape[1]), dtype=np.float32)
    v[there] = (bary[there][..., None] * values[triangles[ids[there]]]).sum(1)
    sharp, second = np.clip(v[..., 2:3] * 1.5, 0, 1), np.clip(v[..., 5:6] * 1.5, 0, 1)
    mirrored = second * _sample(scene.photo.image, v[..., 3:5]) + (1 - second) * v[..., 6:9]
    skin = (sharp * _sample(scene.photo.image, v[..., 0:2]) + (1 - sharp) * mirrored) * v[..., 9:10]
    teeth, teeth_alpha, _, _ = _sheet(puppet, puppet.teeth, camera, pose)
    skin += teeth_alpha * v[..., 10:11] * (teeth - skin)  # seen through the mouth's opening only
    return skin, v[..., 11:12], depth


def _sheet(
    puppet: Puppet, sheet: Sheet, camera: Camera, pose: Pose
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Colours, opacity (h, w, 1) over the face and apart from it, and depth of hair or teeth."""
    space = sheet.points @ pose.R.T + pose.t
    ids, bary, depth = rasterize(camera.project(space), space[:, 2], sheet.triangles, camera.width, camera.height)
    there = ids >= 0
    uv = np.zeros((*ids.shape, 2), dtype=np.float32)
    uv[there] = (bary[there][..., None] * sheet.uv[sheet.triangles[ids[there]]]).sum(1)
    over, apart = (
        (cv2.remap(alpha, uv, None, cv2.INTER_LINEAR) * there)[..., None] for alpha in (sheet.alpha, sheet.alpha_apart)
    )
    return _sample(puppet.scene.photo.image, uv), over, apart, depth


def _light(space: FloatArray, triangles: NDArray[np.int32]) -> FloatArray:
    return 0.5 + 0.5 * np.clip(vertex_normals(space, triangles) @ LIGHT, 0, 1)


def _sample(image: Image, uv: FloatArray) -> FloatArray:
    return cv2.remap(image, np.ascontiguousarray(uv), None, cv2.INTER_LINEAR).astype(np.float32)
