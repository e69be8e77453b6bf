"""How well two pictures of one person are told from pictures of two, by the cosine of their shapes.

    python benchmarks/likeness.py PICTURES

PICTURES holds the Face Research Lab London Set as london_NNN_EE.jpg: a neutral and a smiling picture of each person.
Threshold and probability are fitted on the people that training has seen, and measured on the 12 that it has not.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import realtime3d as r3d
from realtime3d.bench.machine import machine, software
from realtime3d.tracking.profile import fingerprint
from realtime3d.training.labels.splits import held_out_people, london_person

RESULT = Path(__file__).parent / "results" / "likeness.json"
RESAMPLED = 2000
SETS = ("compact", "accurate")
Pairs = tuple[NDArray[np.float64], NDArray[np.float64]]  # cosines of one person, of two


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--json", type=Path, default=RESULT)
    options = parser.parse_args()
    files = sorted(path for path in options.pictures.glob("london_*.jpg"))
    kept_out = held_out_people([file.name for file in files])
    result: dict[str, Any] = {"date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "machine": machine()}
    result["software"] = software()
    result |= measured(files, SETS, kept_out)
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


Found = dict[tuple[int, str], NDArray[np.float64]]


def measured(files: list[Path], sets: tuple[str, ...], kept_out: frozenset[int]) -> dict[str, Any]:
    """Figures of sets that answer in one face model, and their common calibration."""
    shapes = {name: shapes_of(files, name) for name in sets}
    seen = [pairs(found, lambda person: person not in kept_out) for found, _ in shapes.values()]
    both = tuple(np.concatenate(part) for part in zip(*seen, strict=True))
    slope, offset = logistic(both)  # type: ignore[arg-type]
    threshold = equal_errors(both)  # type: ignore[arg-type]
    result: dict[str, Any] = {
        "calibration": {"threshold": threshold, "slope": slope, "offset": offset,
              "fitted_on": "pairs of the people that training has seen, all of these sets of nets"}
    }  # fmt: skip
    for name, (found, mark) in shapes.items():
        result[name] = {"face_model": mark}
        for group, wanted in (("kept_out", True), ("trained_on", False)):
            chosen = pairs(found, lambda person, wanted=wanted: (person in kept_out) is wanted)
            result[name][group] = figures(chosen, threshold) | {
                "auc_95": interval(found, {p for p in people(found) if (p in kept_out) is wanted})
            }
    return result


def shapes_of(files: list[Path], models: str) -> tuple[Found, str]:
    """Person and picture to the shape that single pictures give; and the face model's fingerprint."""
    import cv2

    found: Found = {}
    with r3d.FaceTracker(models=models) as tracker:
        for file in files:
            result = tracker.process_picture(np.asarray(cv2.imread(str(file)), dtype=np.uint8))
            person = london_person(file.name)
            if result.faces and person is not None:
                found[person, file.name] = result.faces[0].shape.astype(np.float64)
        return found, fingerprint(tracker.model)


def people(found: Found) -> set[int]:
    return {person for person, _ in found}


def pairs(found: Found, wanted: Any) -> Pairs:
    """Cosines of all pairs of pictures: of one person, of two."""
    same, other = [], []
    for (a, x), (b, y) in combinations([item for item in found.items() if wanted(item[0][0])], 2):
        cosine = float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))
        (same if a[0] == b[0] else other).append(cosine)
    return np.array(same), np.array(other)


def auc(cosines: Pairs) -> float:
    same, other = cosines
    return float((same[:, None] > other).mean() + 0.5 * (same[:, None] == other).mean())


def equal_errors(cosines: Pairs) -> float:
    """The threshold at which as many strangers pass as people are refused."""
    same, other = cosines
    steps = np.unique(np.concatenate(cosines))
    apart = [abs((same < step).mean() - (other >= step).mean()) for step in steps]
    return round(float(steps[int(np.argmin(apart))]), 3)


def logistic(cosines: Pairs) -> tuple[float, float]:
    """Slope and offset of the probability of one person, both cases weighing the same."""
    same, other = cosines
    x = np.column_stack([np.concatenate(cosines), np.ones(len(same) + len(other))])
    y = np.concatenate([np.ones(len(same)), np.zeros(len(other))])
    weight = np.concatenate([np.full(len(same), 0.5 / len(same)), np.full(len(other), 0.5 / len(other))])
    w = np.zeros(2)
    for _ in range(100):  # Newton's steps
        p = 1 / (1 + np.exp(-(x @ w)))
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(2)
        w += np.linalg.solve(hessian, x.T @ (weight * (y - p)))
    return round(float(w[0]), 2), round(float(w[1]), 2)


def figures(cosines: Pairs, threshold: float) -> dict[str, float]:
    same, other = cosines
    return {
        "pairs_of_one": len(same),
        "pairs_of_two": len(other),
        "auc": round(auc(cosines), 3),
        "false_match": round(float((other >= threshold).mean()), 3),
        "false_non_match": round(float((same < threshold).mean()), 3),
        "cosine_of_one": round(float(same.mean()), 3),
        "cosine_of_two": round(float(other.mean()), 3),
    }


def interval(found: Found, chosen: set[int]) -> list[float]:
    """Within which the area lies for 95 % of draws of as many people."""
    rng, areas = np.random.default_rng(0), []
    order = sorted(chosen)
    of = {person: [v for (p, _), v in found.items() if p == person] for person in order}
    for _ in range(RESAMPLED if len(order) < 20 else RESAMPLED // 10):
        drawn: Found = {}
        for place, person in enumerate(rng.choice(order, len(order))):
            drawn |= {(place, f"{person}/{i}"): vector for i, vector in enumerate(of[person])}
        # two draws of one person are no strangers
        same, other = [], []
        for (a, x), (b, y) in combinations(drawn.items(), 2):
            cosine = float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))
            if a[0] == b[0]:
                same.append(cosine)
            elif a[1].partition("/")[0] != b[1].partition("/")[0]:
                other.append(cosine)
        areas.append(auc((np.array(same), np.array(other))))
    return [round(float(v), 3) for v in np.percentile(areas, [2.5, 97.5])]


if __name__ == "__main__":
    main()
