"""Losses where the error is seen: degrees, landmarks in the crop, millimetres on the face, gaps of lids and lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime3d.face.model import FaceModel
from realtime3d.training.learning.geometry_torch import geodesic_deg, project, rotation_from_6d
from realtime3d.training.model.regions import LID_GAPS, LIP_GAPS, MOUTH_CORNERS

FRONT_REGIONS = ("face", "lips", "eyelids")
LID_MM = 4.0  # how far above the eyeball the lids' skin lies at most
MESH_EVERY = 4  # of MediaPipe's 468 surface points, beside the 68


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What one unit of each error counts: degrees, hundredths of a crop side, millimetres.

    Chosen so that pose and face pull about equally at the trunk: pose gradients are far larger for the same error.
    """

    angle: float = 0.06
    landmarks: float = 0.35
    joint: float = 0.2
    expression: float = 4.0
    regions: float = 3.0  # eyelids and lips, in addition
    gaps: float = 6.0
    extras: float = 3.0
    shape: float = 3.0
    presence: float = 8.0  # at 1 it counted a thousandth of the rest, and hair from behind stayed a face
    sigma: float = 0.1


def region_mask(model: FaceModel, names: tuple[str, ...] = FRONT_REGIONS) -> NDArray[np.bool_]:
    """(V,) vertices of some regions; by default the front of the face."""
    return np.isin(model.region, [model.region_names.index(name) for name in names])


def lid_mask(model: FaceModel) -> NDArray[np.bool_]:
    """(V,) skin that lies on an eyeball: the lids, open or closed."""
    eyes = model.mean[region_mask(model, ("eyes",))]
    skin, mask = region_mask(model), np.zeros(len(model.mean), dtype=bool)
    for side in (-1, 1):
        ball = eyes[side * eyes[:, 0] > 0]
        middle = (ball.min(axis=0) + ball.max(axis=0)) / 2
        radius = np.linalg.norm(ball - middle, axis=1).max()
        near = np.linalg.norm(model.mean - middle, axis=1) < radius + LID_MM
        mask |= skin & near & (model.mean[:, 2] < middle[2])
    return mask


def without_similarity(basis: NDArray, mean: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """(K, V, 3) displacements minus what moving, turning and scaling the whole face explains on `mask`."""
    m = mean.astype(np.float64)
    moves = [np.broadcast_to(axis, m.shape) for axis in np.eye(3)] + [np.cross(axis, m) for axis in np.eye(3)] + [m]
    A = np.stack(moves).reshape(7, -1, 3)
    inner = A[:, mask].reshape(7, -1)
    flat = basis.astype(np.float64)
    fitted = np.linalg.lstsq(inner.T, flat[:, mask].reshape(len(basis), -1).T, rcond=None)[0]
    return flat - np.tensordot(fitted.T, A, 1)


def gram(basis: NDArray, mask: NDArray[np.bool_]) -> Tensor:
    """(K, K) such that d^T G d is the mean squared displacement in mm^2 over the masked vertices."""
    flat = basis[:, mask].reshape(len(basis), -1).astype(np.float64)
    return torch.as_tensor(flat @ flat.T / mask.sum(), dtype=torch.float32)


def rms(gram_matrix: Tensor, difference: Tensor) -> Tensor:
    """(N,) root mean square displacement in mm of coefficient differences (N, K)."""
    return ((difference @ gram_matrix) * difference).sum(1).clamp(min=0).add(1e-6).sqrt()


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the batch; zero where nothing counts."""
    return (values * weights).sum() / weights.sum().clamp(min=1.0)


def _gaps(points: NDArray) -> NDArray:
    """(..., 478, 3) points or displacements to (..., 10): lower lids and lips below upper ones, and the width."""
    upper, lower = np.array([*LID_GAPS, *LIP_GAPS]).T
    right, left = MOUTH_CORNERS
    down = points[..., lower, 1] - points[..., upper, 1]
    return np.concatenate([down, points[..., left, :1] - points[..., right, :1]], axis=-1)


class FaceTerms(nn.Module):
    """The face model cut down to what a training step needs."""

    front: Tensor
    lids: Tensor
    lips: Tensor
    alpha_front: Tensor
    points: Tensor
    points_basis: Tensor
    gaps: Tensor
    gaps_basis: Tensor

    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        eta, front = model.expression_basis, region_mask(model)
        shape = without_similarity(model.shape_basis, model.mean, front)
        tables = {
            "front": gram(eta, front),
            "lids": gram(eta, lid_mask(model)),
            "lips": gram(eta, region_mask(model, ("lips",))),
            "alpha_front": gram(shape, front),
        }
        basis = np.concatenate([model.shape_basis, eta, model.extra_basis])
        mesh = model.landmark_sets["mediapipe478"]
        ibug = model.landmark_sets["ibug68"]
        tables["points"] = torch.as_tensor(np.concatenate([ibug.on(model.mean), mesh.on(model.mean)[:468:MESH_EVERY]]))
        at_points = np.concatenate([ibug.on(basis), mesh.on(basis)[:, :468:MESH_EVERY]], axis=1)
        tables["points_basis"] = torch.as_tensor(at_points.reshape(len(basis), -1))
        tables["gaps"] = torch.as_tensor(_gaps(mesh.on(model.mean)))
        tables["gaps_basis"] = torch.as_tensor(_gaps(mesh.on(basis)))
        for name, table in tables.items():
            self.register_buffer(name, table.float().contiguous(), persistent=False)

    def landmarks(self, coefficients: Tensor) -> Tensor:
        """(N, 99 + 29 + 5) alpha, eta and extras to (N, P, 3) points in mm."""
        return self.points + (coefficients @ self.points_basis).view(len(coefficients), -1, 3)

    def gap_mm(self, coefficients: Tensor) -> Tensor:
        """Openings of both eyes and of the lips and the mouth's width: (N, 10) mm. Nobody sees how far closed lids or
        lips overlap: it counts a fifth."""
        return F.leaky_relu(self.gaps + coefficients @ self.gaps_basis, 0.2)


Batch = dict[str, Tensor]
Losses = dict[str, Tensor]


def track_losses(out: Batch, batch: Batch, terms: FaceTerms) -> Losses:
    """Every term by name, in its own unit (see LossWeights); the batch is what `dataset` yields."""
    truth = torch.cat([batch["alpha"], batch["eta"], batch["extras"]], dim=1)
    guess = torch.cat([out["shape"], out["expression"], out["extras"]], dim=1)
    return {**_pose_losses(out, batch, terms, truth, guess), **_face_losses(out, batch, terms, truth)}


def _pose_losses(out: Batch, batch: Batch, terms: FaceTerms, truth: Tensor, guess: Tensor) -> Losses:
    R = rotation_from_6d(out["rotation"])
    angle = geodesic_deg(R, batch["R"])
    log_scale, focal, w = out["log_scale"][:, 0], batch["focal"], batch["w_pose"]
    target = project(terms.landmarks(truth), batch["R"], batch["position"], batch["log_scale"], focal)
    posed = project(terms.landmarks(truth), R, out["position"], log_scale, focal)
    joint = project(terms.landmarks(guess), R, out["position"], log_scale, focal)
    log_sigma = out["pose_log_sigma"][:, 0].clamp(-2, 5)
    return {
        "angle": _mean(angle, w),
        "landmarks": _mean(100 * _distance(posed, target), w),
        "joint": _mean(100 * _distance(joint, target), w * batch["w_eta"] * batch["w_alpha"]),
        "pose_sigma": _mean(angle.detach() * torch.exp(-log_sigma) + log_sigma, w),
        "presence": _presence_loss(out["presence"][:, 0], batch["has_face"]),
    }


def _presence_loss(logit: Tensor, there: Tensor) -> Tensor:
    """Cross-entropy as if half of the batch showed a face: most of it does, where the nets are asked perhaps none."""
    faces = there.mean().clamp(0.02, 0.98)
    weight = there * (0.5 / faces) + (1 - there) * (0.5 / (1 - faces))
    return F.binary_cross_entropy_with_logits(logit, there, weight)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(-1).add(1e-10).sqrt().mean(1)


def _soft(mm: Tensor) -> Tensor:
    """Quadratic up to 6 mm, then linear. Eyes are open or closed: an absolute error would let an unsure net say
    "open" to all of them and learn nothing."""
    return F.huber_loss(mm, torch.zeros_like(mm), reduction="none", delta=6.0) / 3.0


def _face_losses(out: Batch, batch: Batch, terms: FaceTerms, truth: Tensor) -> Losses:
    d_eta = out["expression"] - batch["eta"]
    front = rms(terms.front, d_eta)
    w = batch["w_eta"]
    own = torch.cat([batch["alpha"], out["expression"], batch["extras"]], dim=1)
    log_sigma = out["expression_log_sigma"][:, 0].clamp(-4, 4)
    return {
        "expression": _mean(front, w),
        "regions": _mean(_soft(rms(terms.lids, d_eta)) + _soft(rms(terms.lips, d_eta)), w),
        "gaps": _mean(_soft(terms.gap_mm(own) - terms.gap_mm(truth)).mean(1), w),
        "extras": _mean((out["extras"] - batch["extras"]).abs().mean(1), batch["w_extras"]),
        "expression_sigma": _mean(front.detach() * torch.exp(-log_sigma) + log_sigma, w),
        "shape": shape_loss(out["shape"], batch, terms),
    }


def shape_loss(alpha: Tensor, batch: Batch, terms: FaceTerms) -> Tensor:
    """Millimetres over the front of the face that remain after moving, turning and scaling."""
    return _mean(rms(terms.alpha_front, alpha - batch["alpha"]), batch["w_alpha"])


def total(losses: Losses, weights: LossWeights) -> Tensor:
    """The number to minimise."""
    named = {name: getattr(weights, name) for name in losses if hasattr(weights, name)}
    sigma = weights.sigma * (losses["pose_sigma"] + losses["expression_sigma"])
    return sum((weight * losses[name] for name, weight in named.items()), start=sigma)
