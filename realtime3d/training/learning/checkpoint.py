"""Checkpoints: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from realtime3d.errors import MissingError, OutputError, UsageError, first_line
from realtime3d.files import whole
from realtime3d.training.learning import published
from realtime3d.training.learning.nets import NORM_EPS, NetConfig, ShapeNet, TrackNet, build

FORMAT = 1


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Replace `path` by the new state; where that fails, the old file stays and OutputError says why."""
    try:
        with whole(path, make_folder=True) as draft, draft.open("wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
    except OutputError as error:
        raise OutputError(f"{error}; the checkpoint before is kept") from error
    except RuntimeError as error:  # torch reports a full disk as one
        raise OutputError(f"cannot write checkpoint {path} ({error}): free space; the one before is kept") from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint or an exported net: tensors and plain values only."""
    if path.suffix == published.SUFFIX:
        return published.read(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise MissingError(
            f"{path} is no checkpoint that can be read ({first_line(error)}): name another one"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise MissingError(f"{path} is no checkpoint of this version: train again or name another one")
    return state


def load_net(path: Path) -> TrackNet | ShapeNet:
    """The averaged net of a checkpoint, ready to evaluate."""
    state = load(path)
    net = build(state["kind"], NetConfig(**state["net_config"]))
    net.load_state_dict(state["average"])
    return net.eval()


def average(sources: Sequence[Path], target: Path, shares: Sequence[float] = ()) -> None:
    """Write the mean of several nets' weights: of nets that went on from one another it errs less than each of them.

    `shares` (default: equal ones) say how much each counts. What is averaged is what each layer does: an exported net
    splits its weights into norms and convolutions otherwise than the net that it was exported from.
    """
    states = [load(path) for path in sources]
    parts = [1.0] * len(states) if not shares else list(shares)
    if len(parts) != len(states) or min(parts) < 0 or sum(parts) <= 0:
        raise UsageError(f"{len(states)} nets need as many shares, none below zero and one above, not {list(shares)}")
    first = states[0]
    for path, state in zip(sources, states, strict=True):
        if any(state[key] != first[key] for key in ("kind", "net_config")):
            raise UsageError(f"{path} holds another kind or size of net than {sources[0]}: their weights have no mean")
    weights = [_with_norms_of(state["average"], first["average"]) for state in states]
    mean = {
        name: sum(part * w[name] for part, w in zip(parts, weights, strict=True)) / sum(parts)
        if value.is_floating_point()
        else value
        for name, value in weights[0].items()
    }
    samples = sum(state["samples"] for state in states)
    save(target, {"kind": first["kind"], "net_config": first["net_config"], "average": mean, "samples": samples})


def _with_norms_of(weights: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same net with another one's norms: its convolutions make up for the difference."""
    same = dict(weights)
    for name in [n for n in weights if n.endswith(".norm.running_var")]:
        layer = name.removesuffix("norm.running_var")
        own, new = (_factor(w, layer) for w in (weights, other))
        same[f"{layer}conv.weight"] = weights[f"{layer}conv.weight"] * (own / new)[:, None, None, None]
        moved = weights[f"{layer}norm.bias"] - weights[f"{layer}norm.running_mean"] * own
        same[f"{layer}norm.bias"] = moved + other[f"{layer}norm.running_mean"] * new
        for part in ("weight", "running_mean", "running_var"):
            same[f"{layer}norm.{part}"] = other[f"{layer}norm.{part}"]
    return same


def _factor(weights: Mapping[str, Tensor], layer: str) -> Tensor:
    """(channels,) what a layer's norm multiplies by."""
    return weights[f"{layer}norm.weight"] * torch.rsqrt(weights[f"{layer}norm.running_var"] + NORM_EPS)


def finite(tensors: Mapping[str, Tensor]) -> bool:
    """No NaN and no infinity anywhere."""
    return all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point())
