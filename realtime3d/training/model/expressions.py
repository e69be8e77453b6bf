"""29 components for what faces do, and the way from them to ARKit's 52 actions and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.training.model.actions import GAZE, sample_actions
from realtime3d.training.model.regions import NAMES
from realtime3d.types import Array

N_EXPRESSION = 29
MOTION_WEIGHT = {
    "lips": 2.0,
    "eyelids": 3.0,
    "neck": 0.1,
    "scalp": 0.1,
    "tongue": 0.02,
    "mouth_inside": 0.05,
    "teeth": 0.05,
    "sockets": 0.0,
    "lashes": 0.0,
    "eyes": 1.0,
}
# Actions are told apart by more of the face than what people look at: a squint also moves the cheek.
RETARGET_WEIGHT = {**MOTION_WEIGHT, "lips": 1.0, "eyelids": 1.25, "eyes": 0.39}
KEY_ACTIONS = ("eyeBlink", "jawOpen", "mouthSmile", "mouthPucker", "mouthFunnel", "brow")


def region_weights(region: NDArray, weights: dict[str, float]) -> Array:
    return np.array([weights.get(name, 1.0) for name in NAMES])[region]


def expression_combination(
    actions: Array, names: tuple[str, ...], weight: Array, seed: int, goals: dict[str, float] | None = None
) -> Array:
    """(52, 29) action weights of the components: the subspace in which natural faces and every action survive best.

    Plain variance would drop blinks and brows; so single actions are added to the natural samples, and those that
    the subspace loses are added more strongly, round by round, until each has the part of its strength that `goals`
    ask for by the beginning of its name.
    """
    carried = [i for i, name in enumerate(names) if not name.startswith(GAZE) and name != "tongueOut"]
    flat = (actions * np.sqrt(weight)[:, None]).reshape(len(actions), -1)[carried]
    natural = sample_actions(np.random.default_rng(seed), 4000, names)[:, carried]
    gram = flat @ flat.T
    left, values, _ = np.linalg.svd(gram)
    half = left * np.sqrt(values)  # coordinates (43, r): half @ half.T == gram
    moment = natural.T @ natural / len(natural)
    wanted = {**dict.fromkeys(KEY_ACTIONS, 0.93), **(goals or {})}
    goal = np.array([max((g for key, g in wanted.items() if names[i].startswith(key)), default=0.84) for i in carried])
    boost = np.full(len(carried), 0.02)
    for _ in range(40):
        added = np.diag(boost / np.diag(gram) * np.median(np.diag(gram)))
        axes = np.linalg.eigh(half.T @ (moment + added) @ half)[1][:, ::-1][:, :N_EXPRESSION]
        kept = half @ axes @ axes.T @ half.T  # (43, 43): each action after projection, against every action
        recovered = np.diag(sparse_weights(gram, kept))
        boost = np.clip(boost * np.exp(3 * (goal - recovered)), 1e-4, 10.0)
    inside = axes @ axes.T  # then natural standard deviations inside that subspace
    spread, directions = np.linalg.eigh(inside @ half.T @ moment @ half @ inside)
    order = np.argsort(spread)[::-1][:N_EXPRESSION]
    combination = np.zeros((len(names), N_EXPRESSION))
    combination[carried] = np.linalg.pinv(half).T @ (directions[:, order] * np.sqrt(spread[order]))
    return combination


def sparse_weights(gram: Array, cross: Array, sparsity: float = 0.01, rounds: int = 150) -> Array:
    """Columns of weights in [0, 1] for columns of `cross`: bounded least squares with a small L1 price."""
    diagonal = np.diag(gram)
    cross = cross - sparsity * diagonal[:, None]
    weights = np.zeros_like(cross)
    for _ in range(rounds):
        for k in range(len(gram)):
            weights[k] = np.clip(weights[k] + (cross[k] - gram[k] @ weights) / diagonal[k], 0, 1)
    return weights


def retarget_matrices(actions: Array, motion: Array, region: NDArray) -> dict[str, NDArray]:
    """Normal equations of `actions · w = motion · m`, and the way back, each in its weighted metric."""

    def weighted(table: dict[str, float]) -> tuple[Array, Array]:
        weight = np.maximum(region_weights(region, table), 0.1)  # the tongue has only itself to be seen by
        a, m = ((x * np.sqrt(weight)[:, None]).reshape(len(x), -1) for x in (actions, motion))
        return a, m

    a, m = weighted(RETARGET_WEIGHT)
    back_a, back_m = weighted(MOTION_WEIGHT)
    return {
        "retarget_gram": (a @ a.T).astype(np.float32),
        "retarget_cross": (a @ m.T).astype(np.float32),
        "arkit_to_motion": np.linalg.solve(back_m @ back_m.T, back_m @ back_a.T).astype(np.float32),  # (34, 52)
    }
