"""The mask net: the first blocks of a trunk that already knows faces, and a light way back up to pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realtime3d.errors import UsageError
from realtime3d.surface.mask import CLASSES
from realtime3d.training.learning.checkpoint import load_net
from realtime3d.training.learning.nets import PIXEL_MEAN_BGR, PIXEL_SCALE, STAGES, Block, NormConv, TrackNet

DEPTH = (1, 2, 2, 2, 1)  # blocks of the trunk's first stages
WIDTHS = (64, 48, 32)  # channels on the way up, coarse to fine


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """Everything needed to build a net again."""

    size: int = 128


class Up(nn.Module):
    """Twice as fine, with what the trunk saw there."""

    def __init__(self, below: int, beside: int, out: int) -> None:
        super().__init__()
        self.join = NormConv(below + beside, out, 1)
        self.spread = NormConv(out, out, 3, groups=out)
        self.mix = NormConv(out, out, 1)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.join(torch.cat([x, seen], dim=1))
        return self.mix(self.spread(x)) + x


class MaskNet(nn.Module):
    """Pixels as they come, (N, size, size, 3) uint8 BGR, to (N, classes, size, size) logits."""

    mean: Tensor

    def __init__(self, config: MaskConfig | None = None) -> None:
        super().__init__()
        self.config = config or MaskConfig()
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN_BGR).view(1, 3, 1, 1), persistent=False)
        self.stem = NormConv(3, 32, 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(k, s if i == 0 else 1, n_in if i == 0 else n_out, n_out, e) for i in range(count)))
            for count, (k, s, n_in, n_out, e) in zip(DEPTH, STAGES, strict=False)
        )
        channels = [stage[3] for stage in STAGES]
        self.around = NormConv(channels[4], WIDTHS[0], 1)  # of the whole crop, to every place
        self.top = NormConv(channels[4], WIDTHS[0], 1)
        self.up8 = Up(WIDTHS[0], channels[2], WIDTHS[0])
        self.up4 = Up(WIDTHS[0], channels[1], WIDTHS[1])
        self.up2 = Up(WIDTHS[1], channels[0], WIDTHS[2])
        self.head = nn.Conv2d(WIDTHS[2], 4 * len(CLASSES), 1)

    def forward(self, image: Tensor) -> Tensor:
        x = (image.permute(0, 3, 1, 2).float() - self.mean) * (1 / PIXEL_SCALE)
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x.float())
        deep = maps[4]
        x = self.top(deep) + self.around(deep.mean(dim=(2, 3), keepdim=True))
        x = self.up2(self.up4(self.up8(x, maps[2]), maps[1]), maps[0])
        return F.pixel_shuffle(self.head(x), 2)

    def trunk(self) -> list[nn.Module]:
        """What comes trained."""
        return [self.stem, *self.stages]


def start_from(net: MaskNet, path: Path) -> None:
    """Take over the first blocks of a trained track net."""
    known = load_net(path)
    if not isinstance(known, TrackNet):
        raise UsageError(f"{path} holds a net for identity: start from a track net")
    net.stem.load_state_dict(known.trunk.stem.state_dict())
    for stage, source in zip(net.stages, known.trunk.stages, strict=False):
        assert isinstance(stage, nn.Sequential) and isinstance(source, nn.Sequential)
        for block, other in zip(stage, source, strict=False):
            block.load_state_dict(other.state_dict())


def train_trunk_quickly(net: MaskNet, on_cpu: bool) -> None:
    """The trunk's norms stay as they are; on a CPU its convolutions train in bfloat16."""
    for part in net.trunk():
        for module in part.modules():
            if isinstance(module, NormConv):
                module.quick = on_cpu
                module.norm.eval()
