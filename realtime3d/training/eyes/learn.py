"""Training of the net on the eyes' pixels: minutes on one core."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from realtime3d.errors import UsageError
from realtime3d.training.eyes.crops import EyeCrops
from realtime3d.training.eyes.net import EyeNet, loss_of
from realtime3d.training.eyes.samples import Batch, Samples
from realtime3d.training.learning import checkpoint

BATCH = 64
NEW = 40  # of a batch; the rest was seen a little earlier, because making a sample costs as much as learning from it
POOL = 4096
DECAY, WARM_UP = 0.35, 0.03  # shares of the run
KIND = "eyes"
REPORT_S = 30.0
_log = logging.getLogger("realtime3d.training")


@dataclass(frozen=True)
class EyeConfig:
    """One run."""

    crops: tuple[Path, ...]
    out: Path  # the checkpoint
    minutes: float = 10.0
    lr: float = 2e-3
    rendered: float = 0.25  # of all samples, where there are renders
    init: Path | None = None
    validation: Path | None = None  # crops to measure on at the end
    seed: int = 0


class Pool:
    """Samples that were made lately."""

    def __init__(self, sources: list[tuple[Samples, float]], rng: np.random.Generator) -> None:
        """`sources` with their shares."""
        self._sources, self._rng = sources, rng
        self._kept: Batch | None = None

    def batch(self) -> Batch:
        new = joined([samples.draw(max(round(share * NEW), 1)) for samples, share in self._sources])
        if self._kept is None:
            self._kept = new
        old = self._rng.integers(0, len(self._kept.images), max(BATCH - len(new.images), 0))
        whole = joined([new, taken(self._kept, old)])
        self._kept = taken(joined([self._kept, new]), slice(-POOL, None)) if self._full else joined([self._kept, new])
        return whole

    @property
    def _full(self) -> bool:
        return self._kept is not None and len(self._kept.images) >= POOL


def joined(parts: list[Batch]) -> Batch:
    return Batch(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Batch)))


def taken(batch: Batch, rows: NDArray | slice) -> Batch:
    return Batch(*(getattr(batch, field.name)[rows] for field in fields(Batch)))


def train(config: EyeConfig) -> dict[str, float]:
    """Write the checkpoint; gives the figures on the validation crops, if there are any."""
    cv2.setNumThreads(1)
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    pool = Pool(_sources(config, rng), rng)
    net = EyeNet()
    if config.init is not None:
        net.load_state_dict(load(config.init))
    optimiser = torch.optim.AdamW(net.parameters(), config.lr, weight_decay=0.02)
    start, step, said = time.monotonic(), 0, 0.0
    shown: list[float] = []
    net.train()
    while (at := (time.monotonic() - start) / (60 * config.minutes)) < 1:
        optimiser.param_groups[0]["lr"] = config.lr * min(at / WARM_UP + 0.02, (1 - at) / DECAY, 1)
        batch = pool.batch()
        loss = loss_of(net(torch.from_numpy(batch.images)), *map(torch.from_numpy, (batch.gaze, batch.lids)))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        step += 1
        shown.append(float(loss.detach()))
        if time.monotonic() - said > REPORT_S:
            said = time.monotonic()
            _log.info("%d samples, loss %.3f", step * BATCH, np.mean(shown[-200:]))
    checkpoint.save(config.out, {"kind": KIND, "average": net.state_dict(), "samples": step * BATCH})
    return measure(net, EyeCrops.load(config.validation)) if config.validation else {}


def _sources(config: EyeConfig, rng: np.random.Generator) -> list[tuple[Samples, float]]:
    crops = EyeCrops.joined([EyeCrops.load(path) for path in config.crops])
    found = []
    for rendered, share in ((False, 1 - config.rendered), (True, config.rendered)):
        rows = crops.rendered == rendered
        if rows.any():
            part = EyeCrops(crops.images[rows], crops.points[rows], crops.rendered[rows])
            found.append((Samples(part, rng), share))
    return found


def load(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint."""
    state = checkpoint.load(path)
    if state.get("kind") != KIND:
        raise UsageError(f"{path} is no checkpoint of the eyes' net: `realtime3d training eyes` writes one")
    weights: dict[str, torch.Tensor] = state["average"]
    return weights


@torch.no_grad()
def measure(net: EyeNet, crops: EyeCrops) -> dict[str, float]:
    """Errors in the distance of an eye's corners, on crops as they are and on changed and spoilt ones."""
    net.eval()
    found: dict[str, float] = {}
    for name, samples in (
        ("", Samples(crops, np.random.default_rng(7), changed=False, spoilt=False)),
        ("changed_", Samples(crops, np.random.default_rng(7), changed=True, spoilt=False)),
        ("spoilt_", Samples(crops, np.random.default_rng(7))),
    ):
        batch = samples.batch(np.arange(len(samples)))
        answers = {key: value.numpy() for key, value in net(torch.from_numpy(batch.images)).items()}
        gap, true_gap = answers["lids"].sum(axis=1), batch.lids.sum(axis=1)
        seen = true_gap > SEEN_GAP
        off = np.abs(answers["gaze"] - batch.gaze)[seen]
        shut = true_gap < SHUT_GAP
        found |= {
            f"{name}aside": float(off[:, 0].mean()),
            f"{name}down": float(off[:, 1].mean()),
            f"{name}aside_r": float(np.corrcoef(answers["gaze"][seen, 0], batch.gaze[seen, 0])[0, 1]),
            f"{name}down_r": float(np.corrcoef(answers["gaze"][seen, 1], batch.gaze[seen, 1])[0, 1]),
            f"{name}gap": float(np.abs(gap - true_gap).mean()),
            f"{name}gap_r": float(np.corrcoef(gap, true_gap)[0, 1]),
            f"{name}gap_of_shut": float(np.median(gap[shut])) if shut.any() else float("nan"),
        }
    return found


SEEN_GAP, SHUT_GAP = 0.15, 0.08
