"""Labels for photographs: pose, identity and expression fitted to MediaPipe's 478 landmarks, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from realtime3d.errors import require
from realtime3d.facemodel import FaceModel
from realtime3d.training.pack import FittedPhoto

DISTANCE_MM = 1000.0  # portraits: the picture's true focal length is unknown, only its ratio to this is fitted
RATES = {"rotvec": 0.02, "xy": 0.02, "log_focal": 0.01, "alpha": 0.05, "action": 0.02}
STAGES: tuple[dict, ...] = (
    # Pose with a strong prior on identity: a long chin and a nod look alike in 2D, and the weaker the prior the more
    # of the nod the chin takes (rotation error on labelled photographs: 5.5 degrees at 5e-7, 3.7 at 5e-5).
    {"alpha_price": 1e-4, "action_price": 4e-5, "frozen": ()},
    {"alpha_price": 6e-6, "action_price": 2e-5, "frozen": ("rotvec",)},
)


@dataclass(frozen=True)
class Fits:
    """One row a photograph that has a face. The camera of each looks through its middle with focal length `focal`."""

    files: tuple[str, ...]
    landmarks: NDArray[np.float32]  # (N, 478, 2) px, MediaPipe's
    R: NDArray[np.float32]  # (N, 3, 3)
    t: NDArray[np.float32]  # (N, 3) mm
    focal: NDArray[np.float32]  # (N,) px
    size: NDArray[np.int32]  # (N, 2) width, height
    alpha: NDArray[np.float32]  # (N, 99)
    actions: NDArray[np.float32]  # (N, 52)
    motion: NDArray[np.float32]  # (N, 34) eta and extras
    residual: NDArray[np.float32]  # (N,) mean landmark distance over the distance of the eyes' outer corners

    def save(self, path: Path) -> None:
        np.savez_compressed(path, **{**self.__dict__, "files": np.array(self.files)})

    @classmethod
    def load(cls, path: Path) -> Fits:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
        return cls(**{**arrays, "files": tuple(map(str, arrays["files"]))})

    def take(self, keep: NDArray) -> Fits:
        rows = np.flatnonzero(keep) if keep.dtype == bool else keep
        fields = {key: value[rows] for key, value in self.__dict__.items() if key != "files"}
        return Fits(files=tuple(self.files[i] for i in rows), **fields)

    def photo(self, i: int, image: NDArray[np.uint8]) -> FittedPhoto:
        """One row with its picture."""
        points = self.landmarks[i]
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        return FittedPhoto(
            image, self.R[i], self.t[i], float(self.focal[i]), self.alpha[i], self.actions[i], self.motion[i],
            float(self.residual[i]), box,
        )  # fmt: skip


def find_landmarks(
    files: Sequence[Path], progress: Callable[[Iterable], Iterable] = lambda items: items
) -> tuple[list[str], NDArray[np.float32], NDArray[np.int32]]:
    """MediaPipe's mesh on each photograph: names, (N, 478, 2) px and sizes of those with a face."""
    mediapipe = require("mediapipe", "train", "Fitting photographs")
    names, points, sizes = [], [], []
    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
    ) as mesh:
        for file in progress(files):
            image = cv2.imread(str(file))
            if image is None:
                continue
            height, width = image.shape[:2]
            side = max(height, width) * 3 // 2  # a square, with room for the detector around tight crops
            left, top = (side - width) // 2, (side - height) // 2
            padded = cv2.copyMakeBorder(
                image, top, side - height - top, left, side - width - left, cv2.BORDER_REPLICATE
            )
            found = mesh.process(padded[..., ::-1].copy()).multi_face_landmarks
            if not found:
                continue
            points.append([(p.x * side - 0.5 - left, p.y * side - 0.5 - top) for p in found[0].landmark])
            names.append(file.name)
            sizes.append(image.shape[1::-1])
    return names, np.array(points, dtype=np.float32), np.array(sizes, dtype=np.int32)


def fit(
    model: FaceModel,
    arkit_to_motion: NDArray,
    spread_mm: NDArray,
    files: Sequence[str],
    landmarks: NDArray[np.float32],
    sizes: NDArray[np.int32],
    steps: int = 300,
) -> Fits:
    """Adam on photographs together: rotation, position, focal length, alpha (Gaussian prior), 52 bounded actions."""
    on = model.landmark_sets["mediapipe478"].on
    mean = torch.tensor(on(model.mean))
    shape = torch.tensor(on(model.shape_basis))
    motion = torch.tensor(on(np.concatenate([model.expression_basis, model.extra_basis])))
    to_motion = torch.tensor(arkit_to_motion)
    target = torch.tensor(landmarks) - (torch.tensor(sizes, dtype=torch.float32)[:, None] - 1) / 2
    eye = (target[:, 33] - target[:, 263]).norm(dim=-1)
    scale = (target - target.mean(1, keepdim=True)).norm(dim=-1).mean(1)
    weight = torch.tensor(1 / (spread_mm + 5.0) ** 2, dtype=torch.float32)
    weight = weight / weight.sum()
    n = len(target)
    model_scale = (mean - mean.mean(0)).norm(dim=-1).mean()
    free = {
        "rotvec": _initial_rotation(target),
        "xy": (target.mean(1) / scale[:, None]),
        "log_focal": torch.log(scale * DISTANCE_MM / model_scale),
        "alpha": torch.zeros(n, model.n_shape),
        "action": torch.full((n, len(model.arkit_names)), 0.02),
    }
    for value in free.values():
        value.requires_grad_(True)

    def forward() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        R = rotation_matrix(free["rotvec"])
        m = free["action"].clamp(0, 1) @ to_motion.T
        points = mean + torch.einsum("nk,kpc->npc", free["alpha"], shape) + torch.einsum("nk,kpc->npc", m, motion)
        focal = free["log_focal"].exp()
        t = torch.cat([free["xy"] * (scale / focal)[:, None] * DISTANCE_MM, torch.full((n, 1), DISTANCE_MM)], dim=1)
        p = points @ R.transpose(1, 2) + t[:, None]
        return focal[:, None, None] * p[..., :2] / p[..., 2:], R, t

    for stage in STAGES:
        trained = [key for key in free if key not in stage["frozen"]]
        optimiser = torch.optim.Adam([{"params": [free[key]], "lr": RATES[key]} for key in trained])
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, [RATES[key] for key in trained], total_steps=steps, pct_start=0.1
        )
        for _ in range(steps):
            optimiser.zero_grad()
            projected, _, _ = forward()
            error = (projected - target).norm(dim=-1) / eye[:, None].clamp(min=1e-3)
            robust = torch.nn.functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=0.03)
            prior = stage["alpha_price"] * free["alpha"].square().sum(1)
            prior = prior + stage["action_price"] * free["action"].abs().sum(1)
            ((robust * weight).sum(1) + prior).sum().backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                free["action"].clamp_(0, 1)
    with torch.no_grad():
        projected, R, t = forward()
        residual = ((projected - target).norm(dim=-1) * weight).sum(1) / eye
        m = free["action"] @ to_motion.T
    return Fits(
        tuple(files), landmarks, R.numpy(), t.numpy(), free["log_focal"].exp().detach().numpy(), sizes,
        free["alpha"].detach().numpy(), free["action"].detach().numpy(), m.numpy(), residual.numpy(),
    )  # fmt: skip


def fit_in_chunks(
    model: FaceModel,
    arkit_to_motion: NDArray,
    spread_mm: NDArray,
    files: Sequence[str],
    landmarks: NDArray[np.float32],
    sizes: NDArray[np.int32],
    progress: Callable[[Iterable], Iterable] = lambda items: items,
    chunk: int = 400,
) -> Fits:
    """`fit` for any number of photographs: chunks stay in the processor's cache and show progress."""
    parts = [
        fit(model, arkit_to_motion, spread_mm, files[a : a + chunk], landmarks[a : a + chunk], sizes[a : a + chunk])
        for a in progress(range(0, len(files), chunk))
    ]
    fields = {
        key: np.concatenate([part.__dict__[key] for part in parts]) for key in parts[0].__dict__ if key != "files"
    }
    return Fits(files=tuple(files), **fields)


def _initial_rotation(target: torch.Tensor) -> torch.Tensor:
    """Roll from the eye line, yaw from where the nose lies between the eyes' outer corners."""
    right, left, nose = target[:, 33], target[:, 263], target[:, 4]
    line = left - right
    roll = torch.atan2(line[:, 1], line[:, 0])
    span = line.norm(dim=1)
    offset = ((nose - (left + right) / 2) * line).sum(1) / span.square()
    yaw = torch.asin((-1.2 * offset).clamp(-0.9, 0.9))
    return torch.stack([torch.zeros_like(roll), yaw, roll], dim=1)


def rotation_matrix(rotvec: torch.Tensor) -> torch.Tensor:
    """Rodrigues' formula, batched and differentiable at zero."""
    angle = (rotvec.square().sum(1) + 1e-12).sqrt()[:, None, None]
    x, y, z = rotvec.unbind(1)
    zero = torch.zeros_like(x)
    k = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    identity = torch.eye(3).expand_as(k)
    return identity + torch.sinc(angle / np.pi) * k + (1 - torch.cos(angle)) / angle.square() * (k @ k)
