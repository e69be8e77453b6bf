"""Training of the mask net: composites are made on the fly, a run goes on where it stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from realtime3d.errors import MissingError, UsageError
from realtime3d.training.learning import checkpoint
from realtime3d.training.mask.composites import Assets, Composer
from realtime3d.training.mask.labels import UNKNOWN
from realtime3d.training.mask.net import MaskConfig, MaskNet, start_from, train_trunk_quickly
from realtime3d.training.mask.prepare import Portraits

_log = logging.getLogger(__name__)
KIND = "mask"
CLASS_WEIGHTS = (0.6, 1.0, 1.2, 0.8, 1.6, 1.6, 1.5, 1.2)  # in the order of CLASSES
TRUNK_RATE = 0.4  # of the rate, for what comes trained
HANDS = 500  # pictures of the hand
TEXTURES = 150  # photographs that lend their parts to things


@dataclass(frozen=True, slots=True)
class MaskRun:
    """One call of the trainer. Its folder holds last.pt and release.pt."""

    run: Path
    portraits: tuple[Path, ...]
    hand: Path
    masks: tuple[Path, ...]
    init: Path  # a track net whose trunk it starts from
    minutes: float
    size: int = 128
    batch: int = 24
    lr: float = 1.5e-3
    decay: float = 0.4  # share of the minutes in which the rate falls to zero
    seed: int = 1
    threads: int = 1
    hands: int = HANDS

    def __post_init__(self) -> None:
        if self.size % 16 or not 64 <= self.size <= 256:
            raise UsageError(f"--size is {self.size}: it must be a multiple of 16 from 64 to 256")
        if self.batch < 2 or self.minutes <= 0:
            raise UsageError("training needs batches of two or more, and some minutes")


class Composites(IterableDataset):
    """Batches without end."""

    def __init__(self, config: MaskRun) -> None:
        self._config = config

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        c = self._config
        torch.set_num_threads(1)
        portraits = Portraits.load(*c.portraits)
        rng = np.random.default_rng((c.seed, time.time_ns() % 2**32))
        few = rng.permutation(len(portraits))[:TEXTURES]
        assets = Assets.load(c.hand, c.masks, c.hands, c.seed, [portraits.image(int(i)) for i in few])
        composer = Composer(portraits, assets, c.size, rng)
        while True:
            pairs = [composer.sample() for _ in range(c.batch)]
            images, labels = (np.stack(part) for part in zip(*pairs, strict=True))
            yield torch.from_numpy(images), torch.from_numpy(labels)


def mask_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of what is known."""
    weights = torch.tensor(CLASS_WEIGHTS, device=logits.device)
    return F.cross_entropy(logits, labels.long(), weights, ignore_index=UNKNOWN)


class MaskTrainer:
    """Net, averaged net and optimizer of a run."""

    def __init__(self, config: MaskRun) -> None:
        self.config = config
        self.net = MaskNet(MaskConfig(config.size)).train()
        self.samples = 0
        last = config.run / "last.pt"
        state = checkpoint.load(last) if last.exists() else None
        if state is None:
            start_from(self.net, config.init)
        train_trunk_quickly(self.net, on_cpu=True)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        trunk = [p for part in self.net.trunk() for p in part.parameters()]
        known = {id(p) for p in trunk}
        rest = [p for p in self.net.parameters() if id(p) not in known]
        groups = [{"params": rest, "share": 1.0}, {"params": trunk, "share": TRUNK_RATE}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.lr, weight_decay=0.01)
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        if state is not None:
            self.net.load_state_dict(state["net"])
            self.average, self.samples = state["average"], state["samples"]
            self.optimizer.load_state_dict(state["optimizer"])
        self.step = 0

    def train_step(self, images: Tensor, labels: Tensor, rate: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        loss = mask_loss(self.net(images), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimizer.step()
        self.step, self.samples = self.step + 1, self.samples + len(images)
        keep = min(0.995, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - keep)
                else:
                    self.average[name].copy_(value)
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Everything a checkpoint holds."""
        return {
            "kind": KIND, "net_config": asdict(self.net.config), "net": self.net.state_dict(),
            "average": self.average, "optimizer": self.optimizer.state_dict(), "samples": self.samples,
        }  # fmt: skip


def train(config: MaskRun) -> Path:
    """Train for so many minutes; gives the checkpoint to export."""
    torch.set_num_threads(config.threads)
    trainer = MaskTrainer(config)
    batches = iter(DataLoader(Composites(config), batch_size=None, num_workers=1, prefetch_factor=4))
    first = next(batches)  # hands are rendered by now: the minutes are the net's
    start, said, mean = time.monotonic(), 0.0, 0.0
    while True:
        done = (time.monotonic() - start) / (60 * config.minutes)
        if done >= 1:
            break
        images, labels = first if trainer.step == 0 else next(batches)
        fall = min(1.0, (1 - done) / config.decay) if config.decay else 1.0
        rate = config.lr * min(1.0, (trainer.step + 1) / 100) * fall
        loss = trainer.train_step(images, labels, rate)
        mean += (loss - mean) * (0.02 if mean else 1.0)
        if time.monotonic() - said > 60:
            said = time.monotonic()
            _log.info("%d samples, loss %.4f, %.0f %% of the time", trainer.samples, mean, 100 * done)
            checkpoint.save(config.run / "last.pt", trainer.state())
    checkpoint.save(config.run / "last.pt", trainer.state())
    release = config.run / "release.pt"
    kept = ("kind", "net_config", "average", "samples")
    checkpoint.save(release, {key: value for key, value in trainer.state().items() if key in kept})
    return release


def load_mask_net(path: Path) -> tuple[MaskNet, int]:
    """The averaged net of a checkpoint, and how many samples it saw."""
    state = checkpoint.load(path)
    if state.get("kind") != KIND:
        raise MissingError(f"{path} holds no mask net: name a checkpoint of `realtime3d training mask`")
    net = MaskNet(MaskConfig(**state["net_config"]))
    net.load_state_dict(state["average"])
    return net.eval(), int(state["samples"])
