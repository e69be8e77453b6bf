"""What `smoothing.py` measures: jitter, lag, how much of a movement is left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.smoothing.scenes import DEPTH_MM, Array, Face, Motion, Run, Step, blinks, motions, run

Make = Callable[[Face], Step]


def lag_and_gain(runs: list[Run], motion: Motion) -> tuple[float, float]:
    """Milliseconds by which the movement comes late, and how much of its size is left."""
    assert motion.read is not None
    (_, strength), read = motion.parts[0], motion.read
    full = np.concatenate([strength(r.t) for r in runs])
    scale = 1 / np.dot(read, motion.parts[0][0])
    seen = np.concatenate([(r.out - r.truth) @ read for r in runs]) * scale + full
    t = np.concatenate([r.t for r in runs])
    taus = np.arange(-30, 250) / 1000
    shifted = [strength(t - tau) for tau in taus]
    best = int(np.argmin([((seen - s) ** 2).sum() for s in shifted]))
    fit = shifted[best] - shifted[best].mean()
    return float(taus[best] * 1000), float((seen - seen.mean()) @ fit / (fit @ fit))


def blink_height(runs: list[Run], motion: Motion) -> float:
    """Part of a blink's depth that is left at its deepest frame (mean over blinks: no gain from noise)."""
    assert motion.read is not None
    after: list[list[float]] = [[], [], []]
    for r in runs:
        true = blinks(r.t)
        seen = r.out @ motion.read
        for k in range(1, len(true) - 4):
            if true[k] > 0.5 and true[k] > true[k - 1] and true[k] >= true[k + 1]:
                for late in range(3):
                    after[late].append(seen[k + late] / true[k])
    return float(max(map(np.mean, after)))


def jitter(face: Face, runs: list[Run], part: str = "out") -> dict[str, float]:
    """Root mean square change of the error from frame to frame: rotation (deg), place (mm), face (mm)."""
    steps = np.concatenate([np.diff(getattr(r, part) - r.truth, axis=0) for r in runs])
    n = face.model.n_expression
    moved = steps[:, 6 : 6 + n] @ face.basis.reshape(n, -1)
    return {
        "rotation_deg": float(np.sqrt((steps[:, :3] ** 2).sum(1).mean())),
        "sideways_mm": float(np.sqrt((steps[:, 3:5] ** 2).sum(1).mean()) * DEPTH_MM),
        "depth_mm": float(np.sqrt((steps[:, 5] ** 2).mean()) * DEPTH_MM),
        "face_mm": float(np.sqrt((moved**2).sum(1).mean() / face.basis.shape[1])),
    }


def wander(runs: list[Run], part: str = "out") -> float:
    """Standard deviation of a still head's rotation about its mean, degrees."""
    return float(np.sqrt(np.mean([getattr(r, part)[:, :3].var(0).sum() for r in runs])))


def ratio(runs: list[Run], read: Array, steps: int) -> float:
    """Error (its `steps`th difference from frame to frame) of the raw reading over that of the filtered one."""

    def rms(part: str) -> float:
        errors = [np.diff((getattr(r, part) - r.truth) @ read, n=steps) for r in runs]
        return float(np.sqrt((np.concatenate(errors) ** 2).mean()))

    return rms("noisy") / rms("out")


def measure(face: Face, make: Make, rate: str, seeds: int, loud: float | None = 1.0) -> dict[str, float]:
    """All figures of one filter at one frame rate."""
    table = motions(face)
    done = {name: [run(face, make, m, rate, seed, loud) for seed in range(seeds)] for name, m in table.items()}
    figures: dict[str, float] = {}
    raw, out = jitter(face, done["still"], "noisy"), jitter(face, done["still"])
    for key in raw:
        figures[f"jitter_{key}"] = out[key]
        figures[f"calmer_{key}"] = raw[key] / out[key]
    figures["wander_deg"] = wander(done["still"])
    for name in ("nod", "shake", "slow turn", "small nod", "blink", "speech", "brow", "walk"):
        late, gain = lag_and_gain(done[name], table[name])
        figures[f"lag_ms_{name}"], figures[f"gain_{name}"] = late, gain
    figures["blink_height"] = blink_height(done["blink"], table["blink"])
    brows = table["brow"].read
    assert brows is not None
    figures["calmer_brows_while_blinking"] = ratio(done["blink"], brows, steps=1)
    for name in ("nod", "blink", "speech"):
        read = table[name].read
        assert read is not None
        figures[f"error_{name}"] = 1 / ratio(done[name], read, steps=0)
        figures[f"rough_{name}"] = 1 / ratio(done[name], read, steps=2)
    return figures
