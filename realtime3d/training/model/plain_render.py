"""Plain shaded pictures of heads with painted eyes, for MediaPipe's mesh to find its points on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.geometry import euler_to_matrix
from realtime3d.raster import Canvas
from realtime3d.types import Array

RENDER_PX = 480
DISTANCE_MM, FOCAL_PX = 900.0, 1500.0
SKIN, SCLERA, IRIS, PUPIL = (185, 195, 225), (235, 240, 245), (60, 85, 110), (15, 15, 15)  # BGR
IRIS_DEG, PUPIL_DEG = 22.5, 8.0  # seen from the eyeball's middle
BACKDROP = 0.35
# all round the front of a head: what none of them shows is hidden
VIEWS = tuple(
    euler_to_matrix(*turn)
    for turn in ((0, 0, 0), (0, 0.6, 0), (0, -0.6, 0), (0, 1.3, 0), (0, -1.3, 0), (-0.5, 0, 0), (0.5, 0, 0))
)


def shown_triangles(vertices: Array, triangles: NDArray) -> NDArray[np.intp]:
    """Indices of the triangles that can be seen from outside in one of VIEWS."""
    owners = [render_plain(vertices, triangles, R)[1].owner for R in VIEWS]
    return np.unique(np.concatenate([owner[owner >= 0] for owner in owners]))


def render_plain(
    vertices: Array, triangles: NDArray, R: Array, eyeballs: NDArray | None = None, ahead: Array | None = None
) -> tuple[NDArray[np.uint8], Canvas, Array]:
    """A shaded picture of a head, its canvas and its projected vertices.

    `eyeballs` (V,) numbers the vertices of each eyeball from 1 on, 0 is anything else; `ahead` is where they look.
    Without painted irises MediaPipe takes the balls for half-closed eyes and puts all that is round them, brows and
    bridge of the nose too, 3 to 6 mm too low.
    """
    camera_space = vertices @ R.T + (0, -25, DISTANCE_MM)
    xyz = np.concatenate(
        [FOCAL_PX * camera_space[:, :2] / camera_space[:, 2:] + RENDER_PX / 2, camera_space[:, 2:]], axis=1
    )
    canvas = Canvas(RENDER_PX, RENDER_PX, 4)
    canvas.draw(xyz, triangles, np.column_stack([_shade(camera_space, triangles), vertices]))
    colour = np.empty((RENDER_PX, RENDER_PX, 3))
    colour[:] = SKIN
    if eyeballs is not None and ahead is not None:
        _paint_eyes(colour, canvas, vertices, eyeballs, triangles, ahead)
    shade = np.where(canvas.owner >= 0, canvas.values[..., 0], BACKDROP)
    return (shade[..., None] * colour).astype(np.uint8), canvas, xyz


def _shade(camera_space: Array, triangles: NDArray) -> Array:
    face_normals = np.cross(*(camera_space[triangles[:, k]] - camera_space[triangles[:, 0]] for k in (1, 2)))
    normals = np.zeros_like(camera_space)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face_normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    return 0.3 + 0.7 * np.clip(-normals @ np.array([0.25, -0.35, 0.9]), 0, 1)


def _paint_eyes(
    colour: Array, canvas: Canvas, vertices: Array, eyeballs: NDArray, triangles: NDArray, ahead: Array
) -> None:
    """Sclera, iris and pupil by the angle from where the eye looks: the balls' own triangles are too large for that."""
    ball = np.where(canvas.owner >= 0, eyeballs[triangles[canvas.owner, 0]], 0)
    for number in np.unique(eyeballs[eyeballs > 0]):
        own = vertices[eyeballs == number]
        out = canvas.values[ball == number][:, 1:] - (own.min(axis=0) + own.max(axis=0)) / 2
        cosine = out @ ahead / (np.linalg.norm(out, axis=1) + 1e-9)
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))[:, None]
        colour[ball == number] = np.where(angle < PUPIL_DEG, PUPIL, np.where(angle < IRIS_DEG, IRIS, SCLERA))
