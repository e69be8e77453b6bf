"""Training of the detail net on composites that were made once; a run goes on where it stopped."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from realtime3d.errors import MissingError, UsageError
from realtime3d.training.detail.composites import MOST_MM, Composite, Composites
from realtime3d.training.detail.net import DetailConfig, DetailNet
from realtime3d.training.learning import checkpoint

_log = logging.getLogger(__name__)
KIND = "detail"
ACROSS, DOWN = 4, 5  # planes that turn with a crop
WRINKLE_MM, REACH_PX = 0.02, 5  # what counts more, and how far around it
WRINKLED = 3.0  # by how much more
EVEN = 0.5  # weight of the error's slopes
USUAL_MM = 0.05  # what errors are measured in
PUT_ASIDE = 20  # one of so many composites measures


@dataclass(frozen=True, slots=True)
class DetailRun:
    """One call of the trainer. Its folder holds last.pt and release.pt."""

    run: Path
    composites: Path
    minutes: float
    crop: int = 128
    batch: int = 12
    lr: float = 1.5e-3
    decay: float = 0.6  # share of the minutes in which the rate falls to zero
    seed: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.crop % 16 or self.crop < 64:
            raise UsageError(f"--crop is {self.crop}: it must be a multiple of 16, 64 or more")
        if self.batch < 1 or self.minutes <= 0:
            raise UsageError("training needs batches of one or more, and some minutes")


@dataclass(frozen=True)
class Batch:
    """Crops and their truth."""

    levels: Tensor  # (N, PLANES, h, w) uint8
    truth: Tensor  # (N, h, w) mm
    counts: Tensor  # (N, h, w) 0..1


class Crops:
    """Parts of composites, turned and mirrored: the light may come from anywhere."""

    def __init__(self, composites: Composites, side: int, rng: np.random.Generator) -> None:
        self._items, self._side, self._rng = composites.items, side, rng
        areas = np.array([item.counts.sum(dtype=np.int64) for item in composites.items], np.float64)
        self._chances = areas / areas.sum()

    def batch(self, count: int) -> Batch:
        rows = self._rng.choice(len(self._items), count, p=self._chances)
        return batch_of([self._crop(self._items[row]) for row in rows])

    def _crop(self, item: Composite) -> Composite:
        rng, side = self._rng, self._side
        ys, xs = np.nonzero(item.counts[8::16, 8::16])  # around a pixel that counts
        height, width = item.truth.shape
        at = int(rng.integers(max(len(ys), 1)))
        y, x = ((16 * v[at] + 8) if len(v) else 0 for v in (ys, xs))
        y = int(np.clip(y - rng.integers(side), 0, max(height - side, 0)))
        x = int(np.clip(x - rng.integers(side), 0, max(width - side, 0)))
        return turned(padded(item, y, x, side), *rng.integers(2, size=3).tolist())


def padded(item: Composite, y: int, x: int, side: int) -> Composite:
    """A square; beyond the picture is nothing."""
    box = slice(y, y + side), slice(x, x + side)
    parts = [item.levels[box], item.truth[box], item.counts[box]]
    out = []
    for part, fill in zip(parts, (128, 128, 0), strict=True):
        whole = np.full((side, side, *part.shape[2:]), fill, np.uint8)
        whole[: part.shape[0], : part.shape[1]] = part
        out.append(whole)
    return Composite(*out)


def turned(item: Composite, across: int, down: int, swap: int) -> Composite:
    """Mirrored across, mirrored down, and with both exchanged; slopes follow."""
    levels, truth, counts = item.levels, item.truth, item.counts
    for mirror, axis, plane in ((across, 1, ACROSS), (down, 0, DOWN)):
        if mirror:
            levels, truth, counts = (np.flip(part, axis) for part in (levels, truth, counts))
            levels = levels.copy()
            levels[..., plane] = np.clip(256 - levels[..., plane].astype(np.int16), 0, 255)
    if swap:
        levels, truth, counts = (np.swapaxes(part, 0, 1) for part in (levels, truth, counts))
        levels = levels.copy()
        levels[..., [ACROSS, DOWN]] = levels[..., [DOWN, ACROSS]]
    return Composite(levels, truth, counts)


def batch_of(items: list[Composite]) -> Batch:
    levels = torch.from_numpy(np.stack([item.levels for item in items])).permute(0, 3, 1, 2)
    truth, counts = (np.stack([getattr(item, name) for item in items]) for name in ("truth", "counts"))
    return Batch(levels, torch.from_numpy(in_mm(truth)), torch.from_numpy(counts.astype(np.float32) / 255))


def in_mm(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return (levels.astype(np.float32) - 128) * np.float32(MOST_MM / 127)


def detail_loss(answer: Tensor, batch: Batch) -> Tensor:
    """Squares of the error and of its slopes; more at wrinkles."""
    deep = (batch.truth.abs() > WRINKLE_MM).float()
    near = F.max_pool2d(deep[:, None], 2 * REACH_PX + 1, 1, REACH_PX)[:, 0]
    weight = batch.counts * (1 + WRINKLED * near)
    off = (answer - batch.truth) / USUAL_MM
    total = (weight * off**2).sum()
    for axis in (1, 2):
        size = off.shape[axis] - 1
        first, second = off.narrow(axis, 0, size), off.narrow(axis, 1, size)
        total = total + EVEN * (weight.narrow(axis, 0, size) * (second - first) ** 2).sum()
    return total / weight.sum().clamp_min(1)


class DetailTrainer:
    """Net, averaged net and optimizer of a run."""

    def __init__(self, config: DetailRun) -> None:
        self.config = config
        self.net = DetailNet()
        self.samples = self.step = 0
        last = config.run / "last.pt"
        state = checkpoint.load(last) if last.exists() else None
        if state is not None:
            self.net.load_state_dict(known(state, last)["net"])
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.net.parameters(), config.lr, weight_decay=0.01)
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        if state is not None:
            self.average, self.samples, self.step = state["average"], state["samples"], state["step"]
            self.optimizer.load_state_dict(state["optimizer"])

    def train_step(self, batch: Batch, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16):
            answer = self.net.of_planes(batch.levels.contiguous(memory_format=torch.channels_last))
        loss = detail_loss(answer, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.step, self.samples = self.step + 1, self.samples + len(batch.truth)
        keep = min(0.995, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Everything a checkpoint holds."""
        return {
            "kind": KIND, "net_config": asdict(self.net.config), "net": self.net.state_dict(), "average": self.average,
            "optimizer": self.optimizer.state_dict(), "samples": self.samples, "step": self.step,
        }  # fmt: skip


def train(config: DetailRun) -> Path:
    """Train for so many minutes; gives the checkpoint to export."""
    torch.set_num_threads(config.threads)
    made = Composites.load(config.composites)
    rng = np.random.default_rng((config.seed, time.time_ns() % 2**32))
    kept, aside = split(made)
    crops, trainer = Crops(kept, config.crop, rng), DetailTrainer(config)
    start, said, mean = time.monotonic(), 0.0, 0.0
    while (done := (time.monotonic() - start) / (60 * config.minutes)) < 1:
        fall = min(1.0, (1 - done) / config.decay) if config.decay else 1.0
        rate = config.lr * min(1.0, (trainer.step + 1) / 100) * fall
        loss = trainer.train_step(crops.batch(config.batch), rate)
        mean += (loss - mean) * (0.02 if mean else 1.0)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            _log.info("%d crops, loss %.4f, %.0f %% of the time", trainer.samples, mean, 100 * done)
            checkpoint.save(config.run / "last.pt", trainer.state())
    checkpoint.save(config.run / "last.pt", trainer.state())
    release = config.run / "release.pt"
    kept_parts = ("kind", "net_config", "average", "samples")
    checkpoint.save(release, {key: value for key, value in trainer.state().items() if key in kept_parts})
    if aside.items:
        before, after = measure(load_detail_net(release)[0], aside)
        _log.info("wrinkles of composites put aside: r %.3f of the solve, %.3f of the net", before, after)
    return release


def split(made: Composites) -> tuple[Composites, Composites]:
    """Those to learn from, and the last ones, of other photographs, to measure on."""
    count = len(made.items) // PUT_ASIDE
    items = made.items
    return Composites(items[: len(items) - count]), Composites(items[len(items) - count :])


@torch.no_grad()
def measure(net: DetailNet, aside: Composites) -> tuple[float, float]:
    """r around wrinkles, of the solve's answer and of the net's."""
    blank = DetailNet()
    found = []
    for item in aside.items:
        sides = [-(-n // 16) * 16 for n in item.truth.shape]
        batch = batch_of([padded(item, 0, 0, max(sides))])
        deep = (batch.truth.abs() > WRINKLE_MM).float()
        zone = batch.counts * F.max_pool2d(deep[:, None], 2 * REACH_PX + 1, 1, REACH_PX)[:, 0]
        if zone.sum() == 0:
            continue
        answers = [model.of_planes(batch.levels) for model in (blank, net)]
        found.append([float(_r(answer, batch.truth, zone)) for answer in answers])
    return tuple(np.mean(found, axis=0).tolist()) if found else (float("nan"),) * 2  # type: ignore[return-value]


def _r(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    return (weight * a * b).sum() / ((weight * a * a).sum() * (weight * b * b).sum()).sqrt().clamp_min(1e-12)


def known(state: dict[str, Any], path: Path) -> dict[str, Any]:
    if state.get("kind") != KIND:
        raise MissingError(f"{path} holds no detail net: name a checkpoint of `realtime3d training detail`")
    return state


def load_detail_net(path: Path) -> tuple[DetailNet, int]:
    """The averaged net of a checkpoint, and how many crops it saw."""
    state = known(checkpoint.load(path), path)
    net = DetailNet(DetailConfig(**state["net_config"]))
    net.load_state_dict(state["average"])
    return net.eval(), int(state["samples"])
