"""The net on the eyes' pixels: small enough that both eyes of a face cost a fraction of a millisecond on one core."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from realtime3d.training.eyes.samples import SIZE

OUTPUTS = ("gaze", "lids", "gaze_log_sigma")
LEAST_LOG_SIGMA, MOST_LOG_SIGMA = -5.0, 0.0
WIDTHS = (16, 24, 32, 48)


class EyeNet(nn.Module):
    """(N, SIZE, SIZE, 3) uint8 BGR to `OUTPUTS`: (N, 2) place of the iris, (N, 2) heights of the lids, (N, 1)."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.features = nn.Sequential(
            *_layer(3, a, 2), *_layer(a, b, 2), *_layer(b, c, 1), *_layer(c, d, 2), *_layer(d, d, 1)
        )  # fmt: skip
        self.hidden = nn.Linear(d * (SIZE // 8) ** 2, 32)
        self.out = nn.Linear(32, 5)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        x = (image.permute(0, 3, 1, 2).float() - 118.0) * (1 / 60.0)
        x = torch.relu(self.hidden(torch.flatten(self.features(x), 1)))
        found = self.out(x)
        return {"gaze": found[:, :2], "lids": found[:, 2:4], "gaze_log_sigma": found[:, 4:]}


def _layer(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)


def loss_of(found: dict[str, Tensor], gaze: Tensor, lids: Tensor) -> Tensor:
    """Laplace's likelihood of the iris's place, with the spread that the net expects, and the lids' error."""
    spread = found["gaze_log_sigma"].clamp(LEAST_LOG_SIGMA, MOST_LOG_SIGMA)
    off = (found["gaze"] - gaze).abs().sum(dim=1, keepdim=True)
    return (off * torch.exp(-spread) + 2 * spread).mean() + LIDS * (found["lids"] - lids).abs().sum(dim=1).mean()


LIDS = 25.0  # weight: a fortieth of an eye's width costs as much as a look that is off by its expected spread
