"""What a training run is asked for: its folder, its samples, its budget and its rates."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from realtime3d.errors import UsageError
from realtime3d.training.learning import published
from realtime3d.training.learning.losses import LossWeights
from realtime3d.training.learning.nets import BLOCKS
from realtime3d.training.samples.dataset import DataConfig


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One run. Its folder holds last.pt, best.pt, release.pt, log.csv and curve.png."""

    run: Path
    shards: tuple[Path, ...]
    face_model: Path
    validation: Path | None = None  # a folder of shards that are not trained on
    trunk: str = "thin"  # a name of nets.BLOCKS; what continues or starts from a checkpoint keeps that one's
    mixed: int = 0  # units before the heads; as with the trunk
    net: str = "track"  # or "shape", which starts from a trained track net given as `init`
    init: Path | None = None  # checkpoint to start from; default: ImageNet weights
    grow: Path | None = None  # checkpoint of a smaller track net whose weights come over into this one
    from_model: Path | None = None  # the face model `init` was trained for, where it is another one
    heads: int = 0  # samples to correct the heads by, before a run begins to train
    border: int = 0  # samples to correct presence by, likewise
    quick: bool = False  # norms as they stand, folded on a CPU: for a trained net that goes on
    minutes: float | None = None  # budgets of this call; the first one reached ends it
    samples: int | None = None
    decay: float = 0.25  # share of the budget over which the rate falls to zero; 0: none, stop where it stands
    lr: float = 1e-3
    warmup: int = 200  # steps
    weight_decay: float = 0.02
    clip: float = 2.0  # gradients longer than so many times their usual length are shortened
    ema: float = 0.998
    seed: int = 1
    workers: int = 1
    threads: int = 2
    save_minutes: float = 4.0
    log_steps: int = 50
    validation_batches: int = 12
    data: DataConfig = field(default_factory=DataConfig)
    weights: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        if self.minutes is None and self.samples is None:
            raise UsageError("training needs a budget: give --minutes or --samples")
        if self.net not in ("track", "shape"):
            raise UsageError(f"there is no net {self.net!r}: choose track or shape")
        if self.trunk not in BLOCKS:
            raise UsageError(f"there is no trunk {self.trunk!r}: choose {' or '.join(BLOCKS)}")
        if self.grow is not None and self.init is not None:
            raise UsageError("a net starts from one checkpoint: give --init or --grow, not both")
        if self.grow is not None and self.grow.suffix == published.SUFFIX and not self.quick:
            raise UsageError(f"{self.grow} has no statistics for its norms: go on from it with --quick")
        if self.net == "shape" and self.init is None and not (self.run / "last.pt").exists():
            raise UsageError("the shape net starts from a trained track net: give its checkpoint with --init")
