"""A net that also looks at the mirrored picture: twice the time, the same weights, smaller errors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime3d.face.model import FaceModel
from realtime3d.training.learning.nets import NetConfig, ShapeNet, TrackNet

ROTATION = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)  # first two columns of M R M with M = diag(-1, 1, 1)


def mirror_partner(mean: NDArray) -> NDArray[np.intp]:
    """(V,) the vertex on the other side of a symmetric head."""
    from scipy.spatial import cKDTree

    return cKDTree(mean).query(mean * (-1, 1, 1))[1]


def mirror_map(basis: NDArray, mean: NDArray) -> NDArray[np.float32]:
    """(K, K) F such that coefficients `F @ c` move the face as `c` does in a mirror."""
    flipped = basis[:, mirror_partner(mean)] * (-1, 1, 1)
    flat = basis.reshape(len(basis), -1).T.astype(np.float64)
    return np.linalg.lstsq(flat, flipped.reshape(len(basis), -1).T, rcond=None)[0].astype(np.float32)


class Agreement(nn.Module):
    """The mean of what a net says of a picture and of its mirror image, told for the picture."""

    config: NetConfig

    def __init__(self, net: TrackNet | ShapeNet, model: FaceModel) -> None:
        super().__init__()
        self.net, self.config = net, net.config
        mean = model.mean.astype(np.float64)
        mirrored = {
            "rotation": np.diag(ROTATION),
            "position": np.diag([-1.0, 1.0]),
            "expression": mirror_map(model.expression_basis, mean),
            "extras": mirror_map(model.extra_basis, mean),
            "shape": mirror_map(model.shape_basis, mean),
        }
        for name, table in mirrored.items():
            both = np.stack([np.eye(len(table)), table.T])
            self.register_buffer(f"both_{name}", torch.as_tensor(both, dtype=torch.float32))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """In products, reshapes and means only, which every runtime has."""
        pixels = image.float()  # not every runtime flips integers
        result = {}
        for name, value in self.net(torch.cat([pixels, pixels.flip(2)])).items():
            pair = value.reshape(2, -1, int(value.shape[1]))
            tables = getattr(self, f"both_{name}", None)
            result[name] = (pair if tables is None else pair @ tables).mean(0)
        return result
