"""The detail net: a small U-Net in millimetres, which adds to the solve's answer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realtime3d.surface.refine import MIDDLE, OUTPUT, PLANES, RANGES, STEPS

WIDTHS = (16, 32, 48, 64)  # channels, fine to coarse
SOLVED = 6  # which plane is the solve's answer
LEAK = 0.1


@dataclass(frozen=True, slots=True)
class DetailConfig:
    """Everything needed to build a net again."""

    size: int = 1024  # px of the picture that its planes are tiled into


def _conv(inside: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    conv = nn.Conv2d(inside, out, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(conv.weight, LEAK)
    nn.init.zeros_(conv.bias)
    return nn.Sequential(conv, nn.LeakyReLU(LEAK))


class Up(nn.Module):
    """Twice as fine, with what was seen there."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.thin, self.join = _conv(below, beside, 1), _conv(2 * beside, beside)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        x = F.interpolate(self.thin(x), scale_factor=2, mode="bilinear", align_corners=False)
        return self.join(torch.cat([x, seen], dim=1))


class DetailNet(nn.Module):
    """(N, size, size, 3) uint8 of tiled planes to (N, size / 2, size / 2) mm."""

    ranges: Tensor

    def __init__(self, config: DetailConfig | None = None) -> None:
        super().__init__()
        self.config = config or DetailConfig()
        self.register_buffer("ranges", torch.tensor(RANGES).view(1, PLANES, 1, 1) / STEPS, persistent=False)
        self.stem = _conv(PLANES, WIDTHS[0])
        self.down = nn.ModuleList(
            nn.Sequential(_conv(a, b, 3, 2), _conv(b, b)) for a, b in zip(WIDTHS, WIDTHS[1:], strict=False)
        )
        self.up = nn.ModuleList(Up(b, a) for a, b in zip(WIDTHS, WIDTHS[1:], strict=False))
        self.head = nn.Conv2d(WIDTHS[0], 2, 3, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def of_planes(self, levels: Tensor) -> Tensor:
        """(N, PLANES, h, w) of levels, to (N, h, w)."""
        centred = levels.float() - MIDDLE
        x = self.stem(centred * (4 / STEPS))
        seen = []
        for step in self.down:
            seen.append(x)
            x = step(x)
        for step, beside in zip(reversed(self.up), reversed(seen), strict=True):
            x = step(x, beside)
        share, more = self.head(x).unbind(1)
        return (1 + share) * centred[:, SOLVED] * self.ranges[0, SOLVED, 0, 0] + 0.1 * more

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        half = self.config.size // 2
        x = image.permute(0, 3, 1, 2)
        tiles = [x[:, :, half * (k // 2) :, half * (k % 2) :][:, :, :half, :half] for k in range(PLANES // 3)]
        return {OUTPUT: self.of_planes(torch.cat(tiles, dim=1))}
