"""Linear heads put right in one step, by least squares over what a trained trunk sees.

A net that learns to speak of another face model has all to learn in its last layer first. Many steps would be needed
for that, and until then a wrong head pulls at the trunk.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from realtime3d.errors import UsageError
from realtime3d.training.learning.losses import Batch
from realtime3d.training.learning.nets import ShapeNet, TrackNet

RIDGE = 0.05  # of each feature's own variance: how much heads stay as they were
PRESENCE = 9  # row of the pose head
FIRM = 0.02  # the same for presence, of a sample's largest say (a quarter)
STEPS = 200


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
            raise UsageError("no sample with a label to correct heads by: give shards with faces")
        left, right = self.left / self.weight, self.right / self.weight
        mean, spread = left[-1, :-1], left.diagonal()[:-1] - left[-1, :-1].square()
        ridge = RIDGE * spread.clamp(min=float(spread.mean()) * 1e-3)
        centred = left[:-1, :-1] - mean[:, None] * mean + torch.diag(ridge)
        found = torch.linalg.solve(centred, right[:-1] - mean[:, None] * right[-1])
        return found.T.float(), (right[-1] - mean @ found).float()


class Odds:
    """Logistic regression that begins where a head stands, as if half of the samples showed a face. All that it has
    seen is kept: 6 kB a sample."""

    def __init__(self) -> None:
        self.features: list[Tensor] = []
        self.there: list[Tensor] = []

    def add(self, features: Tensor, there: Tensor) -> None:
        self.features.append(torch.cat([features, torch.ones_like(features[:, :1])], dim=1).float())
        self.there.append(there.float())

    def solve(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """What is to be added to the weights (features,) and the bias, by steps that are never too
        long (Boehning and Lindsay: a quarter bounds each sample's say); nothing where only one answer was seen."""
        x, y = torch.cat(self.features), torch.cat(self.there)
        added = torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)
        if y.min() == y.max():
            return added[:-1].float(), added[-1].float()
        start = x @ torch.cat([weight.float(), bias.float()[None]])
        spread = x[:, :-1].var(dim=0).double()
        ridge = FIRM / 4 * torch.cat([spread.clamp(min=float(spread.mean()) * 1e-3), spread.new_zeros(1)])
        share = torch.where(y > 0.5, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
        left = ((x * share[:, None]).T @ x).double() / (4 * len(x)) + torch.diag(ridge)
        left.diagonal().add_(1e-5 * left.diagonal().mean())  # single precision may leave it singular
        factor = torch.linalg.cholesky(left)
        for _ in range(STEPS):
            p = torch.sigmoid(start + x @ added.float())
            uphill = ((share * (y - p)) @ x).double() / len(x) - ridge * added
            added = added + torch.cholesky_solve(uphill[:, None], factor)[:, 0]
        return added[:-1].float(), added[-1].float()


@torch.no_grad()
def correct_heads(net: TrackNet | ShapeNet, batches: Iterator[Batch], samples: int, quick: bool = False) -> None:
    """Correct the linear heads for expression, extras and identity by what they are off over so many samples.

    Pose, presence and both uncertainties stay as they are. A net that trains
    quickly, so `quick`, is read as it stands, in two fifths of the time.
    """
    training, device = net.training, next(net.parameters()).device
    if not quick:
        net.eval()
    found = {name: Equations() for name in ("eta", "extras", "alpha")}
    seen = 0
    while seen < samples:
        batch = {key: value.to(device) for key, value in next(batches).items()}
        pooled, x = net.seen(batch["image"])
        face = batch["has_face"]
        found["alpha"].add(pooled, batch["alpha"] - net.shape(pooled), batch["w_alpha"] * face)
        if x is not None and isinstance(net, TrackNet):
            eta, _, extras = net.expression(x).split([net.config.n_expression, 1, net.config.n_extras], dim=1)
            found["eta"].add(x, batch["eta"] - eta, batch["w_eta"] * face)
            found["extras"].add(x, batch["extras"] - extras, batch["w_extras"] * face)
        seen += len(face)
    _add(net.shape, slice(None), found["alpha"])
    if isinstance(net, TrackNet):
        n = net.config.n_expression
        _add(net.expression, slice(n), found["eta"])
        _add(net.expression, slice(n + 1, None), found["extras"])
    if not quick:
        net.train(training)


@torch.no_grad()
def correct_presence(net: TrackNet, batches: Iterator[Batch], samples: int) -> None:
    """Correct where presence draws the line between faces and other things, by so many samples. The nets are asked
    where there may be none: without this the line lies where a training batch has it, with seven faces for each other
    thing, and one of six other things was called a face."""
    odds, seen, device = Odds(), 0, next(net.parameters()).device
    while seen < samples:
        batch = {key: value.to(device) for key, value in next(batches).items()}
        odds.add(net.seen(batch["image"])[1], batch["has_face"])
        seen += len(batch["has_face"])
    weight, bias = odds.solve(net.pose.weight[PRESENCE], net.pose.bias[PRESENCE])
    net.pose.weight[PRESENCE] += weight.to(net.pose.weight)
    net.pose.bias[PRESENCE] += bias.to(net.pose.bias)


def _add(layer: nn.Linear, rows: slice, equations: Equations) -> None:
    weight, bias = equations.solve()
    layer.weight[rows] += weight.to(layer.weight)
    layer.bias[rows] += bias.to(layer.bias)
