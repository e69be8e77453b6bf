"""The detail net: a small U-Net in millimetres, which adds to the solve's answer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realtime3d.surface.refine import MIDDLE, OUTPUT, PLANES, RANGES, STEPS

WIDTHS = (48, 64, 80, 96)  # channels, fine to coarse; the finest work on every second pixel
DEPTHS = (1, 2, 2, 1)  # blocks on the way down
SOLVED = 6  # which plane is the solve's answer
LEAK = 0.1
MORE_MM = 0.1  # what an output of 1 adds


@dataclass(frozen=True, slots=True)
class DetailConfig:
    """Everything needed to build a net again."""

    size: int = 1024  # px of the picture that its planes are tiled into


def _conv(inside: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(inside, out, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(conv.weight, LEAK)
    conv.bias.data.zero_()  # type: ignore[union-attr]
    return conv


class Block(nn.Module):
    """What it gets, and what it finds in it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * F.leaky_relu(self.conv(x), LEAK)


class Down(nn.Module):
    """Half as fine."""

    def __init__(self, inside: int, out: int, blocks: int) -> None:
        super().__init__()
        self.conv = _conv(inside, out, 3, 2)
        self.blocks = nn.Sequential(*(Block(out) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(F.leaky_relu(self.conv(x), LEAK))


class Up(nn.Module):
    """Twice as fine, with what was seen there."""

    def __init__(self, below: int, beside: int) -> None:
        super().__init__()
        self.thin, self.block = _conv(below, beside, 1), Block(beside)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        x = F.interpolate(self.thin(x), scale_factor=2, mode="bilinear", align_corners=False)
        return self.block(x + seen)


class DetailNet(nn.Module):
    """(N, size, size, 3) uint8 of tiled planes to (N, size / 2, size / 2) mm."""

    def __init__(self, config: DetailConfig | None = None) -> None:
        super().__init__()
        self.config = config or DetailConfig()
        self.stem = nn.Sequential(_conv(4 * PLANES, WIDTHS[0]), nn.LeakyReLU(LEAK), Block(WIDTHS[0]))
        pairs = list(pairwise(WIDTHS))
        self.down = nn.ModuleList(Down(a, b, n) for (a, b), n in zip(pairs, DEPTHS[1:], strict=True))
        self.up = nn.ModuleList(Up(b, a) for a, b in pairs)
        self.head = nn.Conv2d(WIDTHS[0], 8, 3, 1, 1)  # two answers for each of 2 x 2 pixels
        nn.init.zeros_(self.head.weight)
        self.head.bias.data.zero_()  # type: ignore[union-attr]

    def of_planes(self, levels: Tensor) -> Tensor:
        """(N, PLANES, h, w) of levels, to (N, h, w); both sides divide by 16."""
        centred = levels.float() - MIDDLE
        x = self.stem(F.pixel_unshuffle(centred * (4 / STEPS), 2))
        seen = []
        for step in self.down:
            seen.append(x)
            x = step(x)
        for step, beside in zip(reversed(self.up), reversed(seen), strict=True):
            x = step(x, beside)
        share, more = F.pixel_shuffle(self.head(x).float(), 2).unbind(1)
        return (1 + share) * centred[:, SOLVED] * (RANGES[SOLVED] / STEPS) + MORE_MM * more

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        half = self.config.size // 2
        x = image.permute(0, 3, 1, 2).float()  # at once: compilers cannot cut bytes
        tiles = [x[:, :, half * (k // 2) :, half * (k % 2) :][:, :, :half, :half] for k in range(PLANES // 3)]
        return {OUTPUT: self.of_planes(torch.cat(tiles, dim=1))}
