"""The nets: one EfficientNet-lite0 trunk, a head for pose and expression, and a ShapeNet split off it.

Normalisation layers are folded into the convolutions from the start (a weight, a gain and a bias per channel): that
trains 1.4 times faster on a CPU than live batch statistics, and training and inference compute the same thing.
The input is what `realtime3d.crop.warp` gives: uint8 (N, size, size, 3) BGR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# repeats, kernel, stride, channels in, channels out, expansion
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (2, 3, 2, 16, 24, 6),
    (2, 5, 2, 24, 40, 6),
    (3, 3, 2, 40, 80, 6),
    (3, 5, 1, 80, 112, 6),
    (4, 5, 2, 112, 192, 6),
    (1, 3, 1, 192, 320, 6),
)
PIXEL_MEAN_BGR = (103.53, 116.28, 123.675)
PIXEL_SCALE = 57.4
POOLED = 1280


@dataclass(frozen=True, slots=True)
class NetConfig:
    """Everything needed to build a net again; travels inside checkpoints."""

    size: int = 112
    n_expression: int = 29
    n_extras: int = 5
    n_shape: int = 99
    local: int = 24  # channels of the small feature map that keeps eyelids and lips in place
    hidden: int = 192


class ScaledConv(nn.Module):
    """A convolution with a gain and a bias per channel in place of a normalisation layer."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        fan_in = n_in // groups * kernel * kernel
        self.weight = nn.Parameter(torch.randn(n_out, n_in // groups, kernel, kernel) * (2 / fan_in) ** 0.5)
        self.gain = nn.Parameter(torch.ones(n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.stride, self.padding, self.groups, self.act = stride, kernel // 2, groups, act

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.gain.view(-1, 1, 1, 1)
        y = F.conv2d(x, weight, self.bias, self.stride, self.padding, 1, self.groups)
        return F.relu6(y, inplace=True) if self.act else y


class Block(nn.Module):
    """Inverted residual: widen, depthwise, narrow."""

    def __init__(self, kernel: int, stride: int, n_in: int, n_out: int, expand: int) -> None:
        super().__init__()
        wide = n_in * expand
        layers = [ScaledConv(n_in, wide, 1)] if expand != 1 else []
        layers += [ScaledConv(wide, wide, kernel, stride, groups=wide), ScaledConv(wide, n_out, 1, act=False)]
        self.layers = nn.Sequential(*layers)
        self.skip = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.skip else self.layers(x)


class Features(NamedTuple):
    """What heads read: maps at strides 8 and 16, and the pooled vector."""

    fine: Tensor  # (N, 40, size / 8, size / 8)
    middle: Tensor  # (N, 112, size / 16, size / 16)
    pooled: Tensor  # (N, 1280)


class Trunk(nn.Module):
    """EfficientNet-lite0 up to the pooled vector; takes the pixels as they come."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.stem = ScaledConv(3, 32, 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(k, s if i == 0 else 1, n_in if i == 0 else n_out, n_out, e) for i in range(repeats)))
            for repeats, k, s, n_in, n_out, e in STAGES
        )
        self.last = ScaledConv(STAGES[-1][4], POOLED, 1)

    def forward(self, image: Tensor) -> Features:
        x = (image.permute(0, 3, 1, 2).float() - self.mean) * (1 / PIXEL_SCALE)
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return Features(maps[2], maps[4], torch.flatten(F.adaptive_avg_pool2d(self.last(x), 1), 1))


class TrackNet(nn.Module):
    """Pose and expression of a crop, named as in docs/contracts.md; `shape` is there while training only."""

    def __init__(self, config: NetConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or NetConfig()
        self.trunk = Trunk()
        self.fine = ScaledConv(STAGES[2][4], c.local, 3, 2)
        self.middle = ScaledConv(STAGES[4][4], c.local, 1)
        cells = -(-c.size // 16)
        self.embed = nn.Linear(2 * c.local * cells * cells, c.hidden)
        self.pose = nn.Linear(POOLED + c.hidden, 6 + 2 + 1 + 1 + 1)
        self.expression = nn.Linear(POOLED + c.hidden, c.n_expression + 1 + c.n_extras)
        self.shape = nn.Linear(POOLED, c.n_shape)
        self._start_frontal()

    def _start_frontal(self) -> None:
        """Begin at a frontal, centred, neutral face, so that the first steps are not spent on getting there."""
        for head in (self.pose, self.expression, self.shape):
            nn.init.normal_(head.weight, std=0.005)
            nn.init.zeros_(head.bias)
        with torch.no_grad():
            self.pose.bias[[0, 4]] = 1.0
            self.pose.bias[10] = 2.0

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        f = self.trunk(image)
        local = torch.flatten(torch.cat([self.fine(f.fine), self.middle(f.middle)], dim=1), 1)
        x = torch.cat([f.pooled, F.relu(self.embed(local))], dim=1)
        pose, face, n = self.pose(x), self.expression(x), self.config.n_expression
        return {
            "rotation": pose[:, :6],
            "position": pose[:, 6:8],
            "log_scale": pose[:, 8:9],
            "presence": pose[:, 9:10],
            "pose_log_sigma": pose[:, 10:11],
            "expression": face[:, :n],
            "expression_log_sigma": face[:, n : n + 1],
            "extras": face[:, n + 1 :],
            "shape": self.shape(f.pooled),
        }


class ShapeNet(nn.Module):
    """Identity of a crop: a trunk of its own, because it runs rarely and must not slow the others down."""

    def __init__(self, config: NetConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetConfig()
        self.trunk = Trunk()
        self.shape = nn.Linear(POOLED, self.config.n_shape)

    @classmethod
    def from_track_net(cls, net: TrackNet) -> ShapeNet:
        """A copy of the trunk and of the shape head that trained along with pose and expression."""
        new = cls(net.config)
        new.trunk.load_state_dict(net.trunk.state_dict())
        new.shape.load_state_dict(net.shape.state_dict())
        return new

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"shape": self.shape(self.trunk(image).pooled)}


def scaled_convs(trunk: Trunk) -> list[ScaledConv]:
    """The trunk's convolutions in the order in which they run."""
    return [m for m in trunk.modules() if isinstance(m, ScaledConv)]


@dataclass(frozen=True, slots=True)
class Norms:
    """Mean and deviation that each channel of each convolution should have, in the order in which they run."""

    means: list[Tensor]
    deviations: list[Tensor]


def load_imagenet(trunk: Trunk, state: Mapping[str, Tensor]) -> Norms:
    """Start from a published EfficientNet-lite0 checkpoint (RGB, batch norm): fold its normalisation away."""
    weights = [v for v in state.values() if v.ndim == 4]
    names = [k.removesuffix(".weight") for k, v in state.items() if k.endswith(".weight") and v.ndim == 1]
    convs = scaled_convs(trunk)
    if len(weights) != len(convs) or len(names) != len(convs):
        raise ValueError(f"expected {len(convs)} convolutions of an EfficientNet-lite0, found {len(weights)}")
    with torch.no_grad():
        for conv, weight, name in zip(convs, weights, names, strict=True):
            gain = state[f"{name}.weight"] / torch.sqrt(state[f"{name}.running_var"] + 1e-3)
            conv.weight.copy_(weight)
            conv.gain.copy_(gain)
            conv.bias.copy_(state[f"{name}.bias"] - state[f"{name}.running_mean"] * gain)
        convs[0].weight.copy_(weights[0].flip(1))
    return Norms([state[f"{name}.bias"] for name in names], [state[f"{name}.weight"] for name in names])


@torch.no_grad()
def calibrate(trunk: Trunk, norms: Norms, images: Tensor) -> None:
    """Give each channel the mean and deviation it was trained with, on pictures of the new kind, in one pass."""
    hooks = []
    for conv, mean, deviation in zip(scaled_convs(trunk), norms.means, norms.deviations, strict=True):

        def fit(module: nn.Module, inputs: tuple[Tensor], mean: Tensor = mean, deviation: Tensor = deviation) -> None:
            assert isinstance(module, ScaledConv)
            y = F.conv2d(inputs[0], module.weight, None, module.stride, module.padding, 1, module.groups)
            variance, middle = torch.var_mean(y, (0, 2, 3))
            module.gain.copy_(deviation / torch.sqrt(variance + 1e-3))
            module.bias.copy_(mean - middle * module.gain)

        hooks.append(conv.register_forward_pre_hook(fit))
    trunk(images)
    for hook in hooks:
        hook.remove()
