"""Draw the crops that every form of a net is compared on: heads of our own face model, no photographs.

python -m tools.parity_crops    # writes realtime3d/backends/parity_crops.png
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.parity import COLUMNS, CROPS_FILE, HEADS, SIZE
from realtime3d.face.model import FaceModel
from realtime3d.geometry import ANCHOR_MM, euler_to_matrix
from realtime3d.nets import modelset
from realtime3d.nets.crop import CROP_MM
from realtime3d.raster import rasterize
from realtime3d.render.shading import Topology, lit

EMPTY, FINER, DISTANCE_MM = 2, 3, 600.0
SKINS = ((180, 205, 240), (120, 150, 195), (75, 100, 145), (45, 60, 95))  # BGR
MATT = (0.45, 0.6, 0.05)  # ambient, diffuse, gloss


def clouds(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A background of soft coloured blobs."""
    small = rng.integers(30, 226, (5, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (size, size), interpolation=cv2.INTER_CUBIC)


def draw_head(
    picture: NDArray[np.uint8], model: FaceModel, top: Topology, rng: np.random.Generator, skin: tuple[int, int, int]
) -> None:
    """Paint one head in a random pose near the middle, with a random face and expression."""
    size = len(picture)
    degrees = np.clip(rng.normal(0, (15, 28, 15)), -70, 70)
    R = euler_to_matrix(*np.radians(degrees))
    t = np.array([*rng.normal(0, 8, 2), DISTANCE_MM * rng.uniform(0.92, 1.1)]) - R @ ANCHOR_MM
    head = model.deform(model.neutral(rng.normal(0, 0.8, model.n_shape)), rng.normal(0, 1.0, model.n_expression))
    space = (head @ R.T + t).astype(np.float32)
    colour, _ = lit(space, top, skin, MATT)
    focal = size * DISTANCE_MM / CROP_MM
    xy = (space[:, :2] / space[:, 2:] * focal + (size - 1) / 2).astype(np.float32)
    ids, weights, _ = rasterize(xy, space[:, 2], model.triangles, size, size)
    there = ids >= 0
    picture[there] = np.einsum("pk,pkc->pc", weights[there], colour[model.triangles[ids[there]]])


def main() -> None:
    rng = np.random.default_rng(7)
    model = FaceModel.load(modelset.default_folder() / "face_model.npz")
    top = Topology.of(model, whole_head=True)
    crops = []
    for i in range(HEADS + EMPTY):
        picture = clouds(rng, SIZE * FINER)
        if i < HEADS:
            draw_head(picture, model, top, rng, SKINS[i % len(SKINS)])
        crops.append(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
    rows = [np.hstack(crops[i : i + COLUMNS]) for i in range(0, len(crops), COLUMNS)]
    path = Path(CROPS_FILE)
    cv2.imwrite(str(path), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{path}: {len(crops)} crops, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
