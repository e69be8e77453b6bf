"""The nets: an EfficientNet-lite0 trunk, whole or thinned, a head for pose and expression, and a ShapeNet split off it.

Batch norm is live while training (folding it away trains 1.4 times faster on a CPU but learns twice as slowly) and is
folded into the convolutions by the export.
The input is what `realtime3d.nets.crop.warp` gives: uint8 (N, size, size, 3) BGR.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# kernel, stride, channels in, channels out, expansion
STAGES = (
    (3, 1, 32, 16, 1),
    (3, 2, 16, 24, 6),
    (5, 2, 24, 40, 6),
    (3, 2, 40, 80, 6),
    (5, 1, 80, 112, 6),
    (5, 2, 112, 192, 6),
    (3, 1, 192, 320, 6),
)
# Blocks of each stage. The later ones cost most for one picture on a CPU, whose cores wait for each other and for
# weights more than they multiply: `thin` takes 0.78 of the time of `lite0`.
BLOCKS = {"lite0": (1, 2, 2, 3, 3, 4, 1), "thin": (1, 2, 2, 2, 2, 2, 1)}
PIXEL_MEAN_BGR = (103.53, 116.28, 123.675)
PIXEL_SCALE = 57.4
NORM_EPS = 1e-3
POOLED = 1280


@dataclass(frozen=True, slots=True)
class NetConfig:
    """Everything needed to build a net again; travels inside checkpoints."""

    size: int = 112
    trunk: str = "thin"  # one of BLOCKS
    n_expression: int = 29
    n_extras: int = 5
    n_shape: int = 99
    local: int = 24  # channels of the small feature map that keeps eyelids and lips in place
    hidden: int = 192
    mixed: int = 0  # units that combine what the heads read before they read it; they cost next to no time


class NormConv(nn.Module):
    """Convolution, batch norm and, unless it ends a block, ReLU6."""

    quick = False  # trains with the norm as it stands, folded into the convolution

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(n_out, eps=NORM_EPS, momentum=0.02)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        if self.quick and self.training:
            return self._with_norm_folded(x)
        y = self.norm(self.conv(x))
        return F.relu6(y, inplace=True) if self.act else y

    def _with_norm_folded(self, x: Tensor) -> Tensor:
        norm, conv = self.norm, self.conv
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None and variance is not None
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        weight, bias = conv.weight * scale.view(-1, 1, 1, 1), norm.bias - mean * scale
        x = x.contiguous(memory_format=torch.channels_last)
        if not bfloat16_is_fast():
            y = F.conv2d(x, weight, bias, conv.stride, conv.padding, 1, conv.groups)
            return F.relu6(y, inplace=True) if self.act else y
        from realtime3d.training.learning.fast_conv import FoldedConv

        x, weight, bias = (t.to(torch.bfloat16) for t in (x, weight, bias))
        return FoldedConv.apply(x, weight, bias, conv.stride[0], conv.groups, self.act)


@cache
def bfloat16_is_fast() -> bool:
    """Whether this processor computes in it; others imitate it, forty times as slowly as single precision."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def train_quickly(net: nn.Module, on_cpu: bool) -> None:
    """From now on norms keep their statistics; on a CPU they are folded, and bfloat16 is used where it is fast: about
    twice as fast either way."""
    for module in net.modules():
        if isinstance(module, NormConv):
            module.quick = on_cpu
            module.norm.eval()


class Block(nn.Module):
    """Inverted residual: widen, depthwise, narrow."""

    def __init__(self, kernel: int, stride: int, n_in: int, n_out: int, expand: int) -> None:
        super().__init__()
        wide = n_in * expand
        layers = [NormConv(n_in, wide, 1)] if expand != 1 else []
        layers += [NormConv(wide, wide, kernel, stride, groups=wide), NormConv(wide, n_out, 1, act=False)]
        self.layers = nn.Sequential(*layers)
        self.skip = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.skip else self.layers(x)

    def silence(self) -> None:
        """Add nothing to what passes by, for the time being: the last norm's weights still learn."""
        last = self.layers[-1]
        assert isinstance(last, NormConv)
        nn.init.zeros_(last.norm.weight)
        nn.init.zeros_(last.norm.bias)


class Features(NamedTuple):
    """What heads read: maps at strides 8 and 16, and the pooled vector."""

    fine: Tensor  # (N, 40, size / 8, size / 8)
    middle: Tensor  # (N, 112, size / 16, size / 16)
    pooled: Tensor  # (N, 1280)


class Trunk(nn.Module):
    """EfficientNet-lite0 up to the pooled vector; takes the pixels as they come."""

    mean: Tensor

    def __init__(self, blocks: str = "lite0") -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.stem = NormConv(3, 32, 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(k, s if i == 0 else 1, n_in if i == 0 else n_out, n_out, e) for i in range(repeats)))
            for repeats, (k, s, n_in, n_out, e) in zip(BLOCKS[blocks], STAGES, strict=True)
        )
        self.last = NormConv(STAGES[-1][3], POOLED, 1)

    def forward(self, image: Tensor) -> Features:
        x = (image.permute(0, 3, 1, 2).float() - self.mean) * (1 / PIXEL_SCALE)
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return Features(maps[2], maps[4], torch.flatten(F.adaptive_avg_pool2d(self.last(x).float(), 1), 1))


class TrackNet(nn.Module):
    """Pose and expression of a crop, named as in docs/contracts.md; `shape` is there while training only."""

    config: NetConfig

    def __init__(self, config: NetConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or NetConfig()
        self.trunk = Trunk(c.trunk)
        self.fine = NormConv(STAGES[2][3], c.local, 3, 2)
        self.middle = NormConv(STAGES[4][3], c.local, 1)
        cells = -(-c.size // 16)
        self.embed = nn.Linear(2 * c.local * cells * cells, c.hidden)
        self.mix = nn.Linear(POOLED + c.hidden, c.mixed) if c.mixed else None
        self.pose = nn.Linear(POOLED + c.hidden + c.mixed, 6 + 2 + 1 + 1 + 1)
        self.expression = nn.Linear(POOLED + c.hidden + c.mixed, c.n_expression + 1 + c.n_extras)
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

    def seen(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What the heads read: the one for identity, and those for pose and expression."""
        f = self.trunk(image)
        local = torch.flatten(torch.cat([self.fine(f.fine), self.middle(f.middle)], dim=1).float(), 1)
        x = torch.cat([f.pooled, F.relu(self.embed(local))], dim=1)
        if self.mix is not None:
            x = torch.cat([x, F.relu(self.mix(x))], dim=1)
        return f.pooled, x

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        pooled, x = self.seen(image)
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
            "shape": self.shape(pooled),
        }


class ShapeNet(nn.Module):
    """Identity of a crop: a trunk of its own, because it runs rarely and must not slow the others down."""

    config: NetConfig

    def __init__(self, config: NetConfig | None = None) -> None:
        super().__init__()
        self.config = config or NetConfig()
        self.trunk = Trunk(self.config.trunk)
        self.shape = nn.Linear(POOLED, self.config.n_shape)

    @classmethod
    def from_track_net(cls, net: TrackNet) -> ShapeNet:
        """A copy of the trunk and of the shape head that trained along with pose and expression."""
        new = cls(net.config)
        new.trunk.load_state_dict(net.trunk.state_dict())
        new.shape.load_state_dict(net.shape.state_dict())
        return new

    def seen(self, image: Tensor) -> tuple[Tensor, None]:
        """What the head reads; there is none for pose and expression."""
        return self.trunk(image).pooled, None

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"shape": self.shape(self.seen(image)[0])}


def build(kind: str, config: NetConfig) -> TrackNet | ShapeNet:
    """An empty net of a kind named in a checkpoint."""
    return ShapeNet(config) if kind == "shape" else TrackNet(config)
