"""Batches for training: samples drawn from shards, looked at through another crop, changed, labels transformed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from realtime3d.errors import SourceError
from realtime3d.geometry import ANCHOR_MM
from realtime3d.nets.crop import CROP_MM
from realtime3d.training.samples.augment import Augmenter
from realtime3d.training.samples.jitter import draw_views, look
from realtime3d.training.samples.shards import BACKGROUND, PHOTO, RENDERED, Labels, Shard, read_shard, shard_names
from realtime3d.types import Image

LABELS = ("R", "position", "log_scale", "focal", "eta", "extras", "alpha")
BLACK_RIM = 0.3
WEIGHTS = ("has_face", "w_pose", "w_eta", "w_extras", "w_alpha")


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What a batch is made of."""

    batch: int = 32
    size: int = 112
    photos: float = 0.15  # shares of the batch; what is missing on disk goes to the others
    rendered: float = 0.75
    background: float = 0.10
    off_face: float = 0.03  # faces shifted out of the crop, told to be none
    foreign_rim: float = 0.3  # what lies outside the stored picture is another picture instead of its edge
    rescan_s: float = 60.0  # look for new shards this often


class ShardPool:
    """All samples of some folders by kind; notices new shards."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders
        self.shards: dict[tuple[Path, str], Shard] = {}
        self.by_kind: dict[int, NDArray[np.int64]] = {}
        self.rescan()

    def rescan(self) -> None:
        """Open shards that are new, forget those that were deleted, and list the samples of each kind."""
        there = [(folder, name) for folder in self.folders for name in shard_names(folder)]
        if not there:
            places = ", ".join(map(str, self.folders))
            raise SourceError(f"no training shards in {places}: make them with `realtime3d training render`")
        self.shards = {key: self.shards.get(key) or read_shard(*key) for key in there}
        kinds = np.concatenate([s.labels["kind"] for s in self.shards.values()])
        index = np.concatenate(
            [np.stack([np.full(len(s), i), np.arange(len(s))], axis=1) for i, s in enumerate(self.shards.values())]
        )
        self.ordered = list(self.shards.values())
        self.by_kind = {kind: index[kinds == kind] for kind in (PHOTO, RENDERED, BACKGROUND) if (kinds == kind).any()}

    def __len__(self) -> int:
        return sum(map(len, self.by_kind.values()))

    def draw(self, rng: np.random.Generator, counts: dict[int, int]) -> tuple[list[Image], Labels]:
        """Random samples, so many of each kind."""
        rows = np.concatenate([self.by_kind[k][rng.integers(0, len(self.by_kind[k]), n)] for k, n in counts.items()])
        images = [self.ordered[s].images[i] for s, i in rows]
        fields = self.ordered[0].labels
        return images, {f: np.stack([self.ordered[s].labels[f][i] for s, i in rows]) for f in fields}


class Batches(IterableDataset):
    """An endless stream of batches; each worker draws its own from (seed, worker, start)."""

    def __init__(self, folders: tuple[Path, ...], config: DataConfig, seed: int, start: int = 0) -> None:
        self.folders, self.config, self.seed, self.start = folders, config, seed, start

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng((self.seed, self.start, worker.id if worker else 0))
        pool, augmenter = ShardPool(self.folders), Augmenter(self.config.size, rng)
        scanned = time.monotonic()
        while True:
            if time.monotonic() - scanned > self.config.rescan_s:
                pool.rescan()
                scanned = time.monotonic()
            yield make_batch(pool, self.config, rng, augmenter)


def make_batch(
    pool: ShardPool, config: DataConfig, rng: np.random.Generator, augmenter: Augmenter | None
) -> dict[str, torch.Tensor]:
    """One batch: `image` uint8 (N, size, size, 3) and float32 labels; without augmenter only the crop moves."""
    images, labels = pool.draw(rng, _counts(pool, config, rng))
    off = rng.random(len(images)) < config.off_face
    views = draw_views(rng, labels["R"])
    views.position[off] = _beside(rng, int(off.sum()))
    back, seen = look(labels, images[0].shape[0], config.size, views)
    out = labels | seen
    for name in WEIGHTS:
        out[name] = np.where(off, 0, out[name])
    crops = np.empty((len(images), config.size, config.size, 3), dtype=np.uint8)
    eyes = _eyes(out, config.size)
    others, empty = np.arange(len(images)), np.flatnonzero(labels["has_face"] == 0)
    for i in range(len(images)):
        rim = _rim(images, empty if off[i] else others, rng) if off[i] or rng.random() < config.foreign_rim else None
        crop = warp(images[i], back[i], config.size, rim)
        if augmenter is not None:
            crop = augmenter(crop, eyes[i] if out["has_face"][i] else None, crops[rng.integers(i)] if i else None)
        crops[i] = crop
    tensors = {name: torch.from_numpy(out[name].astype(np.float32)) for name in LABELS + WEIGHTS}
    return {"image": torch.from_numpy(crops), **tensors}


def _counts(pool: ShardPool, config: DataConfig, rng: np.random.Generator) -> dict[int, int]:
    shares = {PHOTO: config.photos, RENDERED: config.rendered, BACKGROUND: config.background}
    there = [kind for kind in shares if kind in pool.by_kind]
    p = np.array([shares[kind] for kind in there])
    if p.sum() <= 0:
        raise SourceError("the shards hold no kind of sample with a share above zero: render some or change the shares")
    drawn = rng.multinomial(config.batch, p / p.sum())
    return {kind: int(n) for kind, n in zip(there, drawn, strict=True) if n}


def _beside(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Places well outside the middle of the crop, so that at most a part of a face is left in it."""
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.uniform(0.65, 1.0, (count, 1))


def _rim(images: list[Image], choice: NDArray[np.int64], rng: np.random.Generator) -> Image | None:
    """Another picture of the batch, or black as behind a picture's end; None where there is none to choose from."""
    if rng.random() < BLACK_RIM:
        return np.zeros_like(images[0])
    return images[rng.choice(choice)] if len(choice) else None


def _eyes(labels: Labels, size: int) -> NDArray[np.float64]:
    """(N, 2) pixels between the eyes, good enough to put glasses there."""
    to_eyes = -(labels["R"] @ ANCHOR_MM)[:, :2] / CROP_MM * np.exp(labels["log_scale"])[:, None]
    return (labels["position"] + to_eyes) * size + (size - 1) / 2


def warp(image: Image, back: NDArray[np.float64], size: int, rim: Image | None = None) -> Image:
    """The new crop's pixels; beyond the stored picture its edge is repeated, or `rim` shows."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if rim is None:
        return cv2.warpPerspective(image, back, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    under = cv2.resize(rim, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpPerspective(image, back, (size, size), dst=under, flags=flags, borderMode=cv2.BORDER_TRANSPARENT)


def _quiet_worker(_: int) -> None:
    """Workers share the cores with the trainer: one thread each, behind it in the queue."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(1)


def loader(folders: tuple[Path, ...], config: DataConfig, seed: int, start: int, workers: int) -> DataLoader:
    """Batches made ahead of time in worker processes (0: in this one)."""
    return DataLoader(
        Batches(folders, config, seed, start),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=_quiet_worker if workers else None,
        prefetch_factor=6 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
