"""Crops that miss a little: how the tracker's and a detector's crops differ from perfect ones, with exact labels.

A new crop is another virtual camera at the same place as the stored picture's. Relative to the ray to the head, a
camera that turns about its own place changes nothing but the roll, so labels stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime3d.nets.crop import CROP_MM
from realtime3d.training.samples.shards import MARGIN, Labels
from realtime3d.types import Array

TRACKED_SHARE = 0.7
BOX_BEHIND_MM = 28.0  # a box around a profile reaches to the ear: its middle lies this far behind the anchor
BOX_BELOW = 0.03  # crop sides from the anchor down to the middle of a box's crop


@dataclass(frozen=True, slots=True)
class Views:
    """Where the head shall be in the new crops."""

    position: Array  # (N, 2) crop sides from the middle
    log_scale: Array  # (N,)
    roll: Array  # (N,) radians, what remains of the head's roll


def _clipped_normal(rng: np.random.Generator, sd: float, limit: float, shape: tuple[int, ...] | int) -> Array:
    return np.clip(rng.normal(0.0, sd, shape), -limit, limit)


def draw_views(rng: np.random.Generator, R: Array, tracked_share: float = TRACKED_SHARE) -> Views:
    """Crops as they are while tracking (upright, close) or on a first look at a box (rolled, far off).

    The spreads are about 1.7 times those measured with boxes round true landmarks: detectors are less exact.
    """
    n = len(R)
    degrees = np.pi / 180
    tracked = rng.random(n) < tracked_share
    behind = R[:, :2, 2] * (BOX_BEHIND_MM / CROP_MM) * rng.uniform(0, 1.2, (n, 1))
    kind = rng.random(n)
    wide = np.where(kind < 0.6, _clipped_normal(rng, 15, 45, n), rng.uniform(-45, 45, n))
    wide = np.where(kind > 0.92, rng.uniform(-95, 95, n), wide)
    return Views(
        np.where(
            tracked[:, None],
            _clipped_normal(rng, 0.02, 0.06, (n, 2)),
            _clipped_normal(rng, 0.045, 0.14, (n, 2)) - behind - (0, BOX_BELOW),
        ),
        np.where(tracked, _clipped_normal(rng, 0.04, 0.12, n), _clipped_normal(rng, 0.09, 0.3, n)),
        np.where(tracked, _clipped_normal(rng, 3.5, 9, n), wide) * degrees,
    )


def rotations_to_rays(direction: Array) -> Array:
    """`geometry.rotation_to_ray` for (N, 3) directions with z > 0."""
    x, y, z = (direction / np.linalg.norm(direction, axis=1, keepdims=True)).T
    k = 1 / (1 + z)
    return np.stack([1 - k * x * x, -k * x * y, x, -k * x * y, 1 - k * y * y, y, -x, -y, z], axis=1).reshape(-1, 3, 3)


def head_roll(R: Array) -> Array:
    """(N,) roll of heads as `crop.crop_from_pose` takes it out; 0 when looking along the head's axis."""
    x, y = R[:, 0, 1], R[:, 1, 1]
    return np.where(np.hypot(x, y) > 0.2, np.arctan2(-x, y), 0.0)


def intrinsics(focal: Array, size: int) -> Array:
    """(N, 3, 3) camera matrices of square pictures."""
    K = np.zeros((len(focal), 3, 3))
    K[:, 0, 0] = K[:, 1, 1] = focal
    K[:, :2, 2] = (size - 1) / 2
    K[:, 2, 2] = 1
    return K


def look(labels: Labels, stored: int, size: int, views: Views) -> tuple[Array, Labels]:
    """Homographies (N, 3, 3) from pixels of the new crop to those of the stored picture, and the new labels.

    `labels` are R, position, log_scale and focal of samples stored at `stored` pixels; the new focal is in crop sides.
    """
    side = stored / MARGIN
    focal = labels["focal"].astype(np.float64)
    R = labels["R"].astype(np.float64)
    depth = focal * CROP_MM / (np.exp(labels["log_scale"].astype(np.float64)) * side)
    old_ray = np.column_stack([labels["position"] * (side / focal)[:, None], np.ones(len(R))])
    distance = depth * np.linalg.norm(old_ray, axis=1)

    new_focal = np.exp(views.log_scale) * distance / CROP_MM  # crop sides; exact for an anchor on the axis
    new_ray = np.column_stack([views.position / new_focal[:, None], np.ones(len(R))])
    new_depth = distance / np.linalg.norm(new_ray, axis=1)
    turn = views.roll - head_roll(R)
    c, s, zero = np.cos(turn), np.sin(turn), np.zeros(len(R))
    rolled = np.stack([c, -s, zero, s, c, zero, zero, zero, zero + 1], axis=1).reshape(-1, 3, 3)
    V = rotations_to_rays(new_ray) @ rolled @ rotations_to_rays(old_ray).transpose(0, 2, 1)

    back = intrinsics(focal, stored) @ V.transpose(0, 2, 1) @ np.linalg.inv(intrinsics(new_focal * size, size))
    seen = {
        "R": (rolled @ R).astype(np.float32),
        "position": views.position.astype(np.float32),
        "log_scale": np.log(new_focal * CROP_MM / new_depth).astype(np.float32),
        "focal": new_focal.astype(np.float32),
    }
    return back, seen
