"""The crop's geometry for batches of tensors: the same formulas as `realtime3d.geometry` and `realtime3d.nets.crop`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from realtime3d.geometry import ANCHOR_MM
from realtime3d.nets.crop import CROP_MM


def rotation_from_6d(six: Tensor) -> Tensor:
    """Gram-Schmidt of the first two columns: (N, 6) -> (N, 3, 3)."""
    x = F.normalize(six[:, :3], dim=1, eps=1e-6)
    b = six[:, 3:]
    y = F.normalize(b - (x * b).sum(1, keepdim=True) * x, dim=1, eps=1e-6)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=2)


def geodesic_deg(a: Tensor, b: Tensor) -> Tensor:
    """Angle between rotations in degrees, (N,); its gradient stays finite at zero and at half a turn."""
    chord = ((a - b) ** 2).sum((1, 2)).add(1e-8).sqrt() / 8**0.5
    return torch.rad2deg(2 * torch.arcsin(chord.clamp(max=1 - 1e-4)))


def rotation_to_ray(direction: Tensor) -> Tensor:
    """The smallest rotation that turns the optical axis onto a viewing ray (z > 0): (N, 3) -> (N, 3, 3)."""
    x, y, z = F.normalize(direction, dim=1).unbind(1)
    k = 1 / (1 + z)
    rows = [1 - k * x * x, -k * x * y, x, -k * x * y, 1 - k * y * y, y, -x, -y, z]
    return torch.stack(rows, dim=1).view(-1, 3, 3)


def project(points: Tensor, R: Tensor, position: Tensor, log_scale: Tensor, focal: Tensor) -> Tensor:
    """Head-frame points (N, P, 3) in mm seen in the crop: (N, P, 2) in crop sides from its middle.

    `R`, `position` and `log_scale` are a `crop.CropPose`; `focal` (N,) is in crop sides.
    """
    depth = (focal * CROP_MM * torch.exp(-log_scale))[:, None]
    ray = torch.cat([position / focal[:, None], torch.ones_like(depth)], dim=1)
    in_crop = rotation_to_ray(ray) @ R
    anchor = torch.as_tensor(ANCHOR_MM, dtype=points.dtype, device=points.device)
    camera = (points - anchor) @ in_crop.transpose(1, 2) + (ray * depth)[:, None]
    return camera[..., :2] / camera[..., 2:].clamp(min=1.0) * focal[:, None, None]
