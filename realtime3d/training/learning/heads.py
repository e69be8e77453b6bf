"""Heads for another face model: found in one step by least squares over what a trained trunk sees.

A net that ships knows faces, but its numbers are those of the face model it was trained with. Heads that start anew
need many samples before they help the trunk, and until then they pull at it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from realtime3d.errors import UsageError
from realtime3d.training.learning.losses import Batch
from realtime3d.training.learning.nets import ShapeNet, TrackNet

RIDGE = 0.01  # of each feature's own variance


class Equations:
    """Weighted normal equations of one linear layer, with its bias as the last column."""

    def __init__(self) -> None:
        self.left: Tensor | float = 0.0
        self.right: Tensor | float = 0.0
        self.weight = 0.0

    def add(self, features: Tensor, wanted: Tensor, weight: Tensor) -> None:
        x = torch.cat([features, torch.ones_like(features[:, :1])], dim=1).double()
        weighted = x * weight.double()[:, None]
        self.left = self.left + weighted.T @ x
        self.right = self.right + weighted.T @ wanted.double()
        self.weight += float(weight.sum())

    def solve(self) -> tuple[Tensor, Tensor]:
        """(outputs, features) weights and (outputs,) bias."""
        if not isinstance(self.left, Tensor) or not isinstance(self.right, Tensor) or self.weight <= 0:
            raise UsageError("no sample with a label to fit new heads to: give shards with faces")
        left, right = self.left / self.weight, self.right / self.weight
        mean, spread = left[-1, :-1], left.diagonal()[:-1] - left[-1, :-1].square()
        ridge = RIDGE * spread.clamp(min=float(spread.mean()) * 1e-3)
        centred = left[:-1, :-1] - mean[:, None] * mean + torch.diag(ridge)
        found = torch.linalg.solve(centred, right[:-1] - mean[:, None] * right[-1])
        return found.T.float(), (right[-1] - mean @ found).float()


@torch.no_grad()
def fit_heads(net: TrackNet | ShapeNet, batches: Iterator[Batch], samples: int) -> None:
    """Put the linear heads for expression, extras and identity where they err least over so many samples.

    Pose, presence and both uncertainties stay as they are.
    """
    training = net.training
    net.eval()
    device = next(net.parameters()).device
    found = {name: Equations() for name in ("eta", "extras", "alpha")}
    seen = 0
    for batch in itertools.takewhile(lambda _: seen < samples, batches):
        batch = {key: value.to(device) for key, value in batch.items()}
        pooled, x = net.seen(batch["image"])
        face = batch["has_face"]
        found["alpha"].add(pooled, batch["alpha"], batch["w_alpha"] * face)
        if x is not None:
            found["eta"].add(x, batch["eta"], batch["w_eta"] * face)
            found["extras"].add(x, batch["extras"], batch["w_extras"] * face)
        seen += len(face)
    _put(net.shape, slice(None), found["alpha"])
    if isinstance(net, TrackNet):
        n = net.config.n_expression
        _put(net.expression, slice(n), found["eta"])
        _put(net.expression, slice(n + 1, None), found["extras"])
    net.train(training)


def _put(layer: nn.Linear, rows: slice, equations: Equations) -> None:
    weight, bias = equations.solve()
    layer.weight[rows], layer.bias[rows] = weight.to(layer.weight), bias.to(layer.bias)
