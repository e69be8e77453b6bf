"""Several nets that answer as one: more time, smaller errors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realtime3d.errors import UsageError
from realtime3d.training.mirror import Agreement
from realtime3d.training.nets import NetConfig, ShapeNet, TrackNet


class Panel(nn.Module):
    """The mean of what nets say of a picture; those with a smaller input see it scaled down.

    They were trained apart, so their errors differ, and a part of them cancels.
    """

    config: NetConfig

    def __init__(self, nets: Sequence[TrackNet | ShapeNet | Agreement]) -> None:
        super().__init__()
        self.nets, self.config = nn.ModuleList(nets), nets[0].config
        sizes = [net.config.size for net in nets]
        if max(sizes) > sizes[0]:
            raise UsageError(f"the nets look at {sizes} pixels: name the one with the largest input first")
        for index, size in enumerate(sizes[1:], 1):
            self.register_buffer(f"scale_{index}", _scaling(sizes[0], size))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        pixels = image.float()
        answers = [self.nets[0](pixels)]
        for index in range(1, len(self.nets)):
            table = getattr(self, f"scale_{index}")
            planes = table @ pixels.permute(0, 3, 1, 2) @ table.T  # products, as not every runtime resizes alike
            answers.append(self.nets[index](planes.permute(0, 2, 3, 1)))
        share = 1 / len(answers)
        return {name: sum((a[name] for a in answers[1:]), first) * share for name, first in answers[0].items()}


def _scaling(size: int, smaller: int) -> Tensor:
    """(smaller, size): linear interpolation along one side, edge to edge."""
    return F.interpolate(torch.eye(size)[None, None], size=(smaller, size), mode="bilinear")[0, 0]
