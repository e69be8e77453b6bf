"""Training samples without photographs: plain shaded heads of the face model in front of coloured clouds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.geometry import ANCHOR_MM, euler_to_matrix
from realtime3d.nets.crop import CROP_MM, Crop, pose_to_crop
from realtime3d.raster import rasterize, vertex_normals
from realtime3d.training.samples.shards import BACKGROUND, MARGIN, RENDERED, Labels, write_shard
from realtime3d.types import Pose
from tests.helpers.paths import FACE_MODEL

STORED = 160


def clouds(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A background of soft coloured blobs."""
    small = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(small, (STORED, STORED), interpolation=cv2.INTER_CUBIC)


def draw_head(image: NDArray[np.uint8], vertices: NDArray, model: FaceModel, K: NDArray, colour: NDArray) -> None:
    """Paint a head (vertices in camera space) over `image`, darker in the eyes' and lips' regions."""
    xy = vertices[:, :2] / vertices[:, 2:] * K[0, 0] + K[:2, 2]
    ids, bary, _ = rasterize(xy, vertices[:, 2], model.triangles, STORED, STORED)
    light = 0.35 + 0.65 * np.clip(-vertex_normals(vertices, model.triangles)[:, 2], 0, 1)
    light = light * np.where(np.isin(model.region, [model.region_names.index(n) for n in ("lips", "eyes")]), 0.5, 1.0)
    there = ids >= 0
    shade = (bary[there] * light[model.triangles[ids[there]]]).sum(-1)
    image[there] = np.clip(shade[:, None] * colour, 0, 255)


def random_labels(rng: np.random.Generator, yaw_deg: float = 60.0) -> tuple[Pose, Crop]:
    """A head somewhere in a crop that almost fits it."""
    degrees = rng.normal(0, [15, yaw_deg / 2, 20])
    distance, focal_mm = rng.uniform(400, 900), rng.uniform(0.9, 1.1)
    crop = Crop(np.eye(3), STORED / MARGIN * distance / CROP_MM * focal_mm, int(STORED / MARGIN))
    R = euler_to_matrix(*np.radians(np.clip(degrees, -80, 80)))
    anchor = np.array([*rng.normal(0, 6, 2), distance])
    return Pose(R, anchor - R @ ANCHOR_MM), crop


def make_shard(folder: Path, name: str, count: int, seed: int = 0, backgrounds: int = 4) -> None:
    """Write one shard of `count` samples, the last `backgrounds` of them without a head."""
    rng = np.random.default_rng(seed)
    model = FaceModel.load(FACE_MODEL)
    images = np.empty((count, STORED, STORED, 3), dtype=np.uint8)
    labels: Labels = {
        "R": np.tile(np.eye(3, dtype=np.float32), (count, 1, 1)),
        "position": np.zeros((count, 2)),
        "log_scale": np.zeros(count),
        "focal": np.full(count, 400.0),
        "eta": rng.normal(0, 1, (count, model.n_expression)),
        "extras": np.zeros((count, model.n_extras)),
        "alpha": rng.normal(0, 0.7, (count, model.n_shape)),
        "has_face": np.ones(count),
        "kind": np.full(count, RENDERED),
        "source": np.arange(count),
    }
    for key in ("w_pose", "w_eta", "w_extras", "w_alpha"):
        labels[key] = np.ones(count)
    for i in range(count):
        images[i] = clouds(rng)
        if i >= count - backgrounds:
            for key in ("has_face", "w_pose", "w_eta", "w_extras", "w_alpha"):
                labels[key][i] = 0
            labels["kind"][i] = BACKGROUND
            continue
        pose, crop = random_labels(rng)
        head = model.deform(model.neutral(labels["alpha"][i]), labels["eta"][i])
        K = crop.K + np.array([[0, 0, (STORED - crop.size) / 2], [0, 0, (STORED - crop.size) / 2], [0, 0, 0]])
        draw_head(images[i], (head @ pose.R.T + pose.t).astype(np.float32), model, K, rng.uniform(90, 255, 3))
        seen = pose_to_crop(pose, crop)
        labels["R"][i], labels["position"][i] = seen.R, seen.position
        labels["log_scale"][i], labels["focal"][i] = seen.log_scale, crop.focal
    write_shard(folder, name, images, labels)
