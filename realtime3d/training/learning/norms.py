"""Statistics of batch norms measured anew, in a net whose export folded them away: from there its norms can be live.

The net answers as it did. What a norm added and multiplied by is put in terms of the mean and the spread that its
convolution really has on samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from realtime3d.training.learning.losses import Batch
from realtime3d.training.learning.nets import NormConv, ShapeNet, TrackNet

LEAST_SPREAD = 1e-5  # variance of a channel that hardly answers to anything


class Moments:
    """Mean and variance of the channels that pass by."""

    def __init__(self) -> None:
        self.count = 0
        self.sum: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        values = output.detach().transpose(0, 1).flatten(1).double()
        self.count += values.shape[1]
        self.sum = self.sum + values.sum(1)
        self.squares = self.squares + values.square().sum(1)

    def mean_and_variance(self) -> tuple[Tensor, Tensor]:
        mean = torch.as_tensor(self.sum) / self.count
        return mean, (torch.as_tensor(self.squares) / self.count - mean.square()).clamp(min=LEAST_SPREAD)


@torch.no_grad()
def measure_norms(net: TrackNet | ShapeNet, batches: Iterator[Batch], samples: int) -> None:
    """Give each norm the statistics of so many samples; what the net answers with them stays the same."""
    training, device = net.training, next(net.parameters()).device
    norms = [module for module in net.modules() if isinstance(module, NormConv)]
    found = [Moments() for _ in norms]
    hooks = [part.conv.register_forward_hook(moments) for part, moments in zip(norms, found, strict=True)]
    net.eval()
    try:
        seen = 0
        while seen < samples:
            image = next(batches)["image"].to(device)
            net(image)
            seen += len(image)
    finally:
        for hook in hooks:
            hook.remove()
        net.train(training)
    for part, moments in zip(norms, found, strict=True):
        _say_the_same(part.norm, *moments.mean_and_variance())


def _say_the_same(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Put other statistics into a norm and change its factor and its offset to make up for them."""
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    norm.bias.copy_(norm.bias + factor * (mean - norm.running_mean))
    norm.weight.copy_(factor * (variance + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
