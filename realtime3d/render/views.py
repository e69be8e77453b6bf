"""Novel views: a face from a picture, seen from other sides.

The head is drawn with its texture. Behind it the picture itself goes along: a net of triangles over hair and
background, which turns with the head where it is near and stays where it is far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.state import FaceState
from realtime3d.geometry import ANCHOR_MM, Camera, Matrix, rotation_to_ray, rotvec_to_matrix
from realtime3d.raster import interpolate, rasterize
from realtime3d.render.textured import draw_textured
from realtime3d.surface.texture import Texture, spread
from realtime3d.types import FloatArray, Image

YAWS = (0.0, 22.0, 40.0, 55.0, 75.0)  # FacePoseNet's
SIDE = 512  # px of a view
SPAN_MM = 380.0  # that fill a view at the head's depth
NET = 200  # triangles' corners along a side of the net
NET_SPAN_MM = 620.0  # that it covers
NEAR_MM, FAR_MM = 25.0, 150.0  # from the head's outline: nearer goes with the head, farther stays
CROP_MM = 200.0  # that fill an upright crop
PLAIN = (128, 128, 128)  # BGR of a background that is not kept, and of what the picture does not show
ABOVE_MM = 12.0  # the head's middle over the anchor of the face, in a view


@dataclass(frozen=True)
class _Net:
    """The picture around the head as a surface."""

    points: FloatArray  # (N, 3) mm in camera space
    pixels: FloatArray  # (N, 2) of the picture
    along: FloatArray  # (N, 1) 1: goes with the head, 0: stays
    triangles: NDArray[np.int32]


class Views:
    """Views of one face in one picture; what they share is made once."""

    def __init__(self, face: FaceState, image: Image, texture: Texture, *, background: bool = True) -> None:
        self._face, self._image, self._texture = face, image, texture
        self._vertices = face.vertices_head()
        self._middle = face.pose.R @ (ANCHOR_MM - (0, ABOVE_MM, 0)) + face.pose.t
        self._distance = float(np.linalg.norm(self._middle))
        self._net = self._make_net() if background else None

    def yaws(self) -> tuple[float, ...]:
        """The usual ones, to the side that is seen: a head that looks to its right shows its left side."""
        side = 1.0 if self._face.euler_deg()[1] > 0 else -1.0
        return tuple(side * yaw for yaw in YAWS)

    def draw(self, yaw_deg: float, side: int = SIDE) -> Image:
        """(side, side, 3) BGR: the head upright, turned by `yaw_deg` (positive to the person's own right)."""
        camera = self._camera(side)
        turn = rotvec_to_matrix([0, np.radians(yaw_deg), 0])
        vertices = self._placed(self._vertices, turn)
        head, shown = draw_textured(self._face.model.mesh(), vertices, self._texture.image, camera)
        picture = np.full(head.shape, PLAIN, np.float32)
        if self._net is not None:
            picture = self._draw_net(self._net, turn, camera)
        soft = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 0.8)[..., None] * shown[..., None]
        return (picture + (head.astype(np.float32) - picture) * soft).round().astype(np.uint8)

    def _camera(self, side: int) -> Camera:
        focal = side * self._distance / SPAN_MM
        return Camera(focal, focal, (side - 1) / 2, (side - 1) / 2, side, side)

    def _placed(self, points_head: FloatArray, turn: Matrix) -> FloatArray:
        """Points of the head's frame in front of the view's camera."""
        around = points_head - (ANCHOR_MM - (0, ABOVE_MM, 0))
        return (around @ turn.T + (0, 0, self._distance)).astype(np.float32)

    def _draw_net(self, net: _Net, turn: Matrix, camera: Camera) -> FloatArray:
        """The picture around the head."""
        pose = self._face.pose
        turned = (net.points - pose.t) @ pose.R  # the head's frame
        with_head = self._placed(turned.astype(np.float32), turn)
        upright = _unrolled(pose.R) @ rotation_to_ray(self._middle).T
        staying = ((net.points - self._middle) @ upright.T + (0, 0, self._distance)).astype(np.float32)
        placed = staying + (with_head - staying) * net.along
        placed[:, 2] = np.maximum(placed[:, 2], 0.2 * self._distance)
        ids, bary, _ = rasterize(
            camera.project(placed), placed[:, 2], net.triangles, camera.width, camera.height, cull=True
        )
        at = np.zeros((camera.height, camera.width, 2), np.float32)
        interpolate(ids, bary, net.triangles, net.pixels, at)
        picture = cv2.remap(self._image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        picture = np.where((ids >= 0)[..., None], picture, np.array(PLAIN, np.uint8))
        return picture.astype(np.float32)

    def _make_net(self) -> _Net | None:
        """None where the picture shows nothing around the head."""
        camera, height, width = self._face.camera, *self._image.shape[:2]
        middle = camera.project(self._middle)
        px_per_mm = camera.fx / float(self._middle[2])
        half = NET_SPAN_MM / 2 * px_per_mm
        low = np.maximum(np.floor(middle - half), 0)
        high = np.minimum(np.ceil(middle + half), (width - 1, height - 1))
        if (high - low < 4).any():
            return None
        columns, rows = (max(4, round(NET * float(s) / (2 * half))) for s in high - low)
        x, y = np.linspace(low[0], high[0], columns), np.linspace(low[1], high[1], rows)
        pixels = np.stack(np.meshgrid(x, y), axis=-1)
        step = (high - low) / (columns - 1, rows - 1)
        z, covered = self._depths(low, step, columns, rows)
        points = camera.rays(pixels.reshape(-1, 2)) * z.reshape(-1, 1)
        if not covered.any():
            return None
        away_mm = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, 5) * float(step.mean()) / px_per_mm
        rise = np.clip((away_mm - NEAR_MM) / (FAR_MM - NEAR_MM), 0, 1)
        along = 1 - rise * rise * (3 - 2 * rise)
        inside = cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)  # there the head is drawn
        return _Net(
            points.astype(np.float32),
            pixels.reshape(-1, 2).astype(np.float32),
            along.reshape(-1, 1).astype(np.float32),
            _grid_triangles(columns, rows, inside),
        )

    def _depths(
        self, low: NDArray[np.float64], step: NDArray[np.float64], columns: int, rows: int
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Depth of the head at the net's corners, carried on outside of it; and where the head is."""
        vertices = self._face.vertices()
        xy = (self._face.camera.project(vertices) - low) / step
        mesh = self._face.model.mesh()
        _, _, depth = rasterize(xy, vertices[:, 2], mesh.triangles, columns, rows, cull=True)
        covered = np.isfinite(depth)
        size = 1 << (max(columns, rows) - 1).bit_length()
        square, weight = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
        square[:rows, :columns, 0], weight[:rows, :columns] = np.where(covered, depth, 0), covered
        return spread(square, weight)[:rows, :columns, 0], covered


def _unrolled(R: Matrix) -> Matrix:
    """The turn about the optical axis that brings the head's axis upright; none for one that points at the camera."""
    across, down = float(R[0, 1]), float(R[1, 1])
    angle = np.arctan2(across, down) if np.hypot(across, down) > 0.2 else 0.0
    return rotvec_to_matrix([0, 0, angle])


def _grid_triangles(columns: int, rows: int, inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Two for each cell that is not wholly `inside`, anticlockwise seen with y up."""
    corner = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    keep = ~(inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, 1:] & inside[1:, :-1])
    both = np.stack([np.stack([a, d, c], -1)[keep], np.stack([a, c, b], -1)[keep]], axis=1)
    return np.ascontiguousarray(both.reshape(-1, 3), dtype=np.int32)


def view_name(face_id: str, yaw_deg: float) -> str:
    """FacePoseNet's file name: minus is the person's left, 0 is -00; then pitch, and the number of its head."""
    yaw = round(yaw_deg)
    return f"{face_id}_rendered_aug_{'-00' if yaw == 0 else f'{yaw:+03d}'}_00_10.jpg"


def upright_crop(face: FaceState, image: Image, side: int) -> Image:
    """The face of the picture turned upright and cut out, `side` px, as recognition takes it. Nothing is rendered."""
    camera = face.camera
    flat = replace(camera, distortion=())
    anchor = face.pose.R @ ANCHOR_MM + face.pose.t
    middle = camera.project(anchor)
    scale = side / (CROP_MM * flat.fx / float(anchor[2]))
    across, down = float(face.pose.R[0, 1]), float(face.pose.R[1, 1])
    angle = np.arctan2(-across, down) if np.hypot(across, down) > 0.2 else 0.0
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    way = np.column_stack([turn, np.full(2, (side - 1) / 2) - turn @ middle])
    if scale < 0.5:  # a large face: averaged first, so that it does not alias
        factor = int(1 / scale)
        image = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
        way = np.column_stack([turn * factor, way[:, 2] + turn @ np.full(2, (factor - 1) / 2)])
    out = cv2.warpAffine(image, way, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return out.astype(np.uint8, copy=False)
