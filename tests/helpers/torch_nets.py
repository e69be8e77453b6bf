"""The originals' nets in PyTorch, layer by layer as their papers and programs describe them: to compare with."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Variables = Mapping[str, NDArray]
EPSILON = 1e-5


def same_padding(x: Tensor, side: int, stride: int, value: float = 0.0) -> Tensor:
    """TensorFlow's SAME: the odd pixel goes to the right and below."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def resized(x: Tensor, size: int) -> Tensor:
    """TensorFlow 1's resize_bilinear: no half pixels, corners not aligned."""
    old = x.shape[2]
    at = torch.arange(size, dtype=torch.float64) * (old / size)
    low = at.floor().long()
    high = (low + 1).clamp(max=old - 1)
    part = (at - low).to(x.dtype)
    x = x[:, :, low] * (1 - part)[:, None] + x[:, :, high] * part[:, None]
    return x[:, :, :, low] * (1 - part) + x[:, :, :, high] * part


class TfResNet:
    """Reads its own depth from the names: each block has a branch2c."""

    def __init__(self, variables: Variables, scope: str) -> None:
        self._variables = {name.removeprefix(f"{scope}/"): values for name, values in variables.items()}

    def _layer(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weights = torch.from_numpy(self._variables[f"{name}/weights"].transpose(3, 2, 0, 1).copy())
        x = F.conv2d(same_padding(x, weights.shape[2], stride), weights, stride=stride)
        norm = "bn_conv1" if name == "conv1" else name.replace("res", "bn")
        mean, variance, scale, offset = (
            torch.from_numpy(self._variables[f"{norm}/{part}"]) for part in ("mean", "variance", "scale", "offset")
        )
        return F.batch_norm(x, mean, variance, scale, offset, eps=EPSILON)

    def __call__(self, x: Tensor) -> Tensor:
        x = F.relu(self._layer(x, "conv1", 2))
        x = F.max_pool2d(same_padding(x, 3, 2, float("-inf")), 3, 2)
        names = {m[1] for name in self._variables if (m := re.match(r"res(\d[a-z]\d*)_branch2c/", name))}
        for block in sorted(names, key=lambda name: (name[:2], int(name[2:] or 0))):
            stride = 2 if block.endswith("a") and not block.startswith("2") else 1
            short = self._layer(x, f"res{block}_branch1", stride) if block.endswith("a") else x
            y = F.relu(self._layer(x, f"res{block}_branch2a", stride))
            y = F.relu(self._layer(y, f"res{block}_branch2b"))
            x = F.relu(short + self._layer(y, f"res{block}_branch2c"))
        return F.avg_pool2d(x, 7)[:, :, 0, 0]


def full(x: Tensor, variables: Variables, layer: str, names: tuple[str, str]) -> Tensor:
    weights, bias = (torch.from_numpy(variables[f"{layer}/{name}"]) for name in names)
    return x @ weights + bias


def alexnet(x: Tensor, variables: Variables, scope: str) -> Tensor:
    """From pixels less their mean to the normalised labels."""

    def conv(x: Tensor, name: str, stride: int, groups: int) -> Tensor:
        weights = torch.from_numpy(variables[f"{scope}/{name}/W"].transpose(3, 2, 0, 1).copy())
        bias = torch.from_numpy(variables[f"{scope}/{name}/baises"])
        return F.relu(F.conv2d(same_padding(x, weights.shape[2], stride), weights, bias, stride, groups=groups))

    def normalised(x: Tensor) -> Tensor:
        squares = F.pad(x.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
        return x / (1 + 2e-5 * squares) ** 0.75

    x = normalised(F.max_pool2d(conv(x, "conv1", 4, 1), 3, 2))
    x = normalised(F.max_pool2d(conv(x, "conv2", 1, 2), 3, 2))
    x = conv(conv(conv(x, "conv3", 1, 1), "conv4", 1, 2), "conv5", 1, 2)
    x = F.max_pool2d(x, 3, 2).permute(0, 2, 3, 1).flatten(1)
    names = ("W", "baises")
    for layer in ("fc6", "fc7"):
        x = F.relu(full(x, variables, f"{scope}/{layer}", names))
    return full(x, variables, f"{scope}/fc8", names)


def pixels(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()
