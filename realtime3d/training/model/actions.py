"""Natural combinations of the 52 facial actions: what people do with their faces, with the rare things over-sampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from realtime3d.types import Array

GAZE = ("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")

# Patterns: (probability, actions with their strength). "L/R" pairs are named once and get a little asymmetry.
MOODS: tuple[tuple[float, dict[str, float]], ...] = (
    (0.22, {}),
    (0.20, {"mouthSmile": 0.8, "cheekSquint": 0.6, "mouthDimple": 0.3, "eyeSquint": 0.4}),
    (0.06, {"mouthFrown": 0.8, "browInnerUp": 0.6, "mouthShrugLower": 0.4}),
    (0.07, {"browDown": 0.9, "noseSneer": 0.5, "mouthPress": 0.5, "eyeSquint": 0.4}),
    (0.07, {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.8, "jawOpen": 0.5}),
    (0.05, {"noseSneer": 0.9, "mouthUpperUp": 0.7, "browDown": 0.4, "cheekSquint": 0.5}),
    (0.05, {"mouthStretch": 0.8, "mouthLowerDown": 0.7, "browInnerUp": 0.5, "eyeWide": 0.4}),
    (0.28, {}),
)
MOUTH: tuple[tuple[float, dict[str, float]], ...] = (
    (0.35, {}),
    (0.14, {"jawOpen": 0.5, "mouthLowerDown": 0.3, "mouthUpperUp": 0.2}),
    (0.08, {"jawOpen": 0.9}),
    (0.07, {"mouthFunnel": 0.8, "jawOpen": 0.3}),
    (0.07, {"mouthPucker": 0.9}),
    (0.05, {"mouthRollLower": 0.8, "mouthRollUpper": 0.7}),
    (0.05, {"mouthShrugLower": 0.8, "mouthShrugUpper": 0.6}),
    (0.05, {"mouthPress": 0.8, "mouthDimple": 0.4}),
    (0.05, {"mouthStretch": 0.7, "jawOpen": 0.2}),
    (0.05, {"mouthClose": 0.4, "jawOpen": 0.45}),
    (0.04, {"cheekPuff": 0.9}),
)


def sample_actions(rng: np.random.Generator, count: int, names: Sequence[str]) -> Array:
    """(count, 52) weights in [0, 1]."""
    index = {name: i for i, name in enumerate(names)}
    out = np.zeros((count, len(names)))
    for row in out:
        _pattern(rng, row, index, MOODS)
        _pattern(rng, row, index, MOUTH)
        _singles(rng, row, index)
        _lids(rng, row, index)
        _gaze(rng, row, index)
    np.clip(out, 0, 1, out=out)
    # Lips can only be held closed over a jaw that is open.
    out[:, index["mouthClose"]] = np.minimum(out[:, index["mouthClose"]], out[:, index["jawOpen"]])
    return out


# Where nets and labels fell short: closed lids, brows drawn down, a mouth pulled aside, a frown.
RARE = ("eyeBlink", "browDown", "mouthFrown", "mouthLeft", "mouthRight", "jawLeft", "jawRight", "eyeSquint", "eyeWide")
RARE_SHARE = 0.5
LID_FOLLOWS = 0.3  # of a blink with eyeLookDown at 1, beside what that action itself moves


def sample_ends(rng: np.random.Generator, count: int, names: Sequence[str]) -> Array:
    """(count, 52) weights in [0, 1]: one to three actions at any strength up to their ends, each side for itself, and
    eyes that look anywhere."""
    index = {name: i for i, name in enumerate(names)}
    free = [name for name in index if not name.startswith(("eyeLook", "mouthClose", "tongueOut"))]
    rare = [name for name in free if name.startswith(RARE)]
    out = np.zeros((count, len(names)))
    for row in out:
        for name in rng.choice(rare if rng.random() < RARE_SHARE else free, rng.integers(1, 4), replace=False):
            value = rng.uniform(0.1, 1) if rng.random() < 0.7 else 1.0
            row[index[name]] = value
            twin = _twin(name)
            if twin in index and rng.random() < 0.55:
                row[index[twin]] = value
        for one, other in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
            row[index[one if row[index[one]] < row[index[other]] else other]] = 0.0
        yaw, pitch = rng.uniform(-1, 1, 2) * rng.choice([0, 0.5, 1.0], p=[0.3, 0.3, 0.4])
        _look(row, index, yaw, pitch, 0.0)
    return out


def _twin(name: str) -> str:
    """The same action on the other side; nothing for what moves the whole mouth aside."""
    if name.startswith(("jawLeft", "jawRight")) or name in ("mouthLeft", "mouthRight"):
        return ""
    return name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")


def _pattern(rng: np.random.Generator, row: Array, index: dict[str, int], table: tuple) -> None:
    """Add one pattern, its strength and balance drawn at random."""
    chosen = table[rng.choice(len(table), p=np.array([p for p, _ in table]))][1]
    strength = rng.uniform(0.2, 1.25)
    for name, weight in chosen.items():
        value = weight * strength * rng.uniform(0.5, 1.2)
        for column, side in _columns(name, index):
            tilt = rng.normal(0, 0.12) if side else 0.0
            row[column] += value * (1 + tilt)


def _columns(name: str, index: dict[str, int]) -> list[tuple[int, bool]]:
    if name in index:
        return [(index[name], False)]
    return [(index[name + "Left"], True), (index[name + "Right"], True)]


def _singles(rng: np.random.Generator, row: Array, index: dict[str, int]) -> None:
    """A few actions on their own, one-sided ones included: nothing may be beyond the model's experience."""
    free = [name for name in index if not name.startswith("eyeLook") and name not in ("eyeBlinkLeft", "eyeBlinkRight")]
    for name in rng.choice(free, rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]), replace=False):
        value = rng.beta(1.2, 1.6)
        row[index[name]] += value
        twin = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        if twin != name and twin not in ("jawRight", "jawLeft", "mouthRight", "mouthLeft") and rng.random() < 0.6:
            row[index[twin]] += value * rng.uniform(0.7, 1.1)
    if rng.random() < 0.95:
        row[index["tongueOut"]] = 0.0
    for one, other in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        row[index[one if row[index[one]] < row[index[other]] else other]] = 0.0


def _lids(rng: np.random.Generator, row: Array, index: dict[str, int]) -> None:
    """Closed and half-closed eyes far more often than life shows them: their scarcity makes trackers blink badly."""
    kind = rng.choice(4, p=[0.55, 0.22, 0.17, 0.06])
    if kind == 0:
        both = np.full(2, rng.uniform(0, 0.25))
    elif kind == 1:
        both = np.full(2, rng.uniform(0.85, 1.0))
    elif kind == 2:
        both = np.full(2, rng.uniform(0.2, 0.9))
    else:
        both = rng.permutation([rng.uniform(0.6, 1.0), rng.uniform(0, 0.3)])
    both = np.clip(both + rng.normal(0, 0.04, 2), 0, 1)
    for side, value in zip(("Left", "Right"), both, strict=True):
        row[index[f"eyeBlink{side}"]] = value
        row[index[f"eyeWide{side}"]] *= 1 - value
        row[index[f"eyeSquint{side}"]] *= 1 - 0.6 * value


def _gaze(rng: np.random.Generator, row: Array, index: dict[str, int]) -> None:
    """Both eyes look the same way, now and then far."""
    yaw, pitch = rng.normal(0, 0.35, 2) * rng.choice([0.3, 1.0, 1.6])
    _look(row, index, yaw, pitch, abs(rng.normal(0, 0.05)))


def _look(row: Array, index: dict[str, int], yaw: float, pitch: float, converge: float) -> None:
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        outward = sign * yaw - converge  # positive yaw looks to the person's left
        row[index[f"eyeLookOut{side}"]] = max(outward, 0)
        row[index[f"eyeLookIn{side}"]] = max(-outward, 0)
        row[index[f"eyeLookDown{side}"]] = max(pitch, 0)
        row[index[f"eyeLookUp{side}"]] = max(-pitch, 0)
        blink = index[f"eyeBlink{side}"]  # an upper lid goes down with the eye: no white shows above the iris
        row[blink] = max(row[blink], LID_FOLLOWS * pitch)
