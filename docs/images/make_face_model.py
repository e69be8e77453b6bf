"""Makes face_model.jpg and face_model_layout.png beside this file: drawn from its file alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import HeadMesh
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix
from realtime3d.raster import rasterize, vertex_normals

HERE = Path(__file__).parent
FILE = HERE.parents[1] / "models" / "face_model.npz"
COLOURS = {  # BGR
    "face": (188, 198, 228), "ears": (188, 198, 228), "scalp": (182, 192, 222), "neck": (188, 198, 228),
    "lips": (150, 150, 215), "eyelids": (185, 193, 226), "eyes": (245, 245, 245), "mouth_inside": (70, 60, 150),
    "tongue": (110, 100, 205), "teeth": (225, 240, 245), "sockets": (120, 120, 160), "lashes": (40, 45, 60),
}  # fmt: skip
IRIS, PUPIL, IRIS_MM, PUPIL_MM = (90, 70, 40), (15, 15, 15), 6.2, 2.6
SIZE, SMOOTH, FOCAL, DISTANCE = 300, 3, 3.7, 1000.0
LIGHT = np.array([0.3, -0.4, 0.86])
ROWS: tuple[tuple[str, tuple[tuple[str, float, dict[str, float]], ...]], ...] = (
    ("full", (("full head", 0, {}), ("", -0.7, {}), ("", -1.57, {}))),
    ("live", (("live head", 0, {}), ("", -0.7, {}), ("", -1.57, {}))),
    (
        "full",
        (
            ("smile", -0.35, {"mouthSmileLeft": 1, "mouthSmileRight": 1, "jawOpen": 0.2, "mouthUpperUpLeft": 0.4,
                              "mouthUpperUpRight": 0.4}),
            ("mouth to the left", 0, {"mouthLeft": 1}),
            ("tongue", -0.4, {"jawOpen": 0.6, "tongueOut": 1}),
        ),
    ),
    (
        "full",
        (
            ("one eye closed", 0, {"eyeBlinkLeft": 1}),
            ("pucker", -0.35, {"mouthPucker": 1}),
            ("look to the left", 0, {"eyeLookOutLeft": 1, "eyeLookInRight": 1}),
        ),
    ),
)  # fmt: skip


def main() -> None:
    model = FaceModel.load(FILE)
    with np.load(FILE) as data:
        to_motion = data["arkit_to_motion"]
    rows = [np.hstack([posed(model, level, *tile, to_motion) for tile in tiles]) for level, tiles in ROWS]
    rows.append(np.hstack([person(model, mode, sd) for mode, sd in ((0, -2), (1, 2), (2, 2))]))
    cv2.imwrite(str(HERE / "face_model.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])
    cv2.imwrite(str(HERE / "face_model_layout.png"), layout(model), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def posed(
    model: FaceModel, level: str, title: str, yaw: float, actions: dict[str, float], to_motion: NDArray
) -> NDArray[np.uint8]:
    mesh = model.mesh(level)
    weights = np.array([actions.get(name, 0.0) for name in model.arkit_names])
    motion = to_motion @ weights
    return picture(model, mesh, mesh.deform(mesh.mean, *np.split(motion, [model.n_expression])), yaw, title)


def person(model: FaceModel, mode: int, sd: float) -> NDArray[np.uint8]:
    mesh = model.mesh("full")
    alpha = np.zeros(model.n_shape)
    alpha[mode] = sd
    return picture(model, mesh, mesh.neutral(alpha), -0.35, f"identity {mode}: {sd:+.0f} sd")


def picture(model: FaceModel, mesh: HeadMesh, head: NDArray, yaw: float, title: str) -> NDArray[np.uint8]:
    """One shaded tile; lashes are left out, because without a texture they are solid strips."""
    names = list(model.region_names)
    colour = np.array([COLOURS[name] for name in names], float)[mesh.region]
    for side in (-1, 1):
        eye = np.flatnonzero((mesh.region == names.index("eyes")) & (side * mesh.mean[:, 0] > 0))
        away = np.linalg.norm(mesh.mean[eye] - mesh.mean[eye[np.argmin(mesh.mean[eye, 2])]], axis=1)
        colour[eye[away < IRIS_MM]], colour[eye[away < PUPIL_MM]] = IRIS, PUPIL
    space = (head - (0, 18, 45)) @ euler_to_matrix(0, yaw, 0).T + (0, 0, DISTANCE)
    size = SIZE * SMOOTH
    xy = space[:, :2] / space[:, 2:] * FOCAL * size + size / 2
    triangles = mesh.triangles[~(mesh.region[mesh.triangles] == names.index("lashes")).any(axis=1)]
    ids, weights, _ = rasterize(xy, space[:, 2], triangles, size, size)
    shade = 0.25 + 0.75 * np.clip(-vertex_normals(space, triangles) @ LIGHT, 0, 1)
    image = np.full((size, size, 3), 110.0)
    there = ids >= 0
    image[there] = (weights[there][..., None] * (colour * shade[:, None])[triangles[ids[there]]]).sum(1)
    tile = cv2.resize(image, (SIZE, SIZE), interpolation=cv2.INTER_AREA).clip(0, 255).astype(np.uint8)
    cv2.putText(tile, title, (8, SIZE - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def layout(model: FaceModel, size: int = 640) -> NDArray[np.uint8]:
    """The faces of the full head where they lie in a texture."""
    mesh = model.mesh("full")
    image = np.full((size, size), 255, np.uint8)
    for face in mesh.uv_faces:
        corners = mesh.uv[face[face >= 0]] * (size - 1)
        cv2.polylines(image, [np.round(corners * 16).astype(np.int32)], True, 90, 1, cv2.LINE_AA, 4)
    return image


if __name__ == "__main__":
    main()
