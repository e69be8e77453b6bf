"""Action units, emotions and the prior on posed photographs of people kept out of training.

python -m benchmarks.expressions --train DIR --train-fits F --val DIR --val-fits F --out results/expressions.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.bench.machine import machine
from realtime3d.face.arkit import NAMES
from realtime3d.face.expressions import ACTIONS, EMOTIONS, ExpressionHead, head_of, softmax
from realtime3d.face.prior import Prior, file_of, moved_mm
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.tracker import FaceTracker
from realtime3d.training.evaluation.expressions import Posed, TrueBox, posable, pose_and_see, posed_pictures
from realtime3d.training.labels.fits import Fits
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.training.learning.expression_head import features, true_units
from realtime3d.training.samples.emotions import draw_rest
from realtime3d.training.samples.photo import HeadParts, build_scene
from realtime3d.types import FaceCoeffs, IdentityState, Pose

EACH, SINGLES, HIDDEN = 14, 0.4, 0.3
FAINT_SMILE = 0.3
STRONG, FAINT = 0.45, 0.15  # of an action that is there, and of one that is not
CLEAR_SCORE = 0.85  # of pictures that show one emotion without doubt


def kept_out(args: argparse.Namespace, tracker: FaceTracker) -> Iterator[tuple[int, FittedPhoto]]:
    """Calm photographs of people whom no net was trained on."""
    train, val, number = Fits.load(args.train_fits), Fits.load(args.val_fits), 0
    people = held_out_people(train.files)
    for fits, folder, only in ((train, args.train, people), (val, args.val, None)):
        for i in posable(tracker.model, fits).tolist():
            if only is None or is_held_out(fits.files[i], only):
                yield number, fits.photo(i, cv2.imread(str(folder / fits.files[i])))
                number += 1


def units(head: ExpressionHead, found: NDArray, true: NDArray, single: NDArray) -> dict[str, Any]:
    """Of each unit: r over everything, and what the largest wrong one shows where it alone is there."""
    read = (found[:, : head.gains.shape[1]] @ head.gains.T + head.offsets).clip(0, 1)
    names, out = list(ACTIONS), {}
    rest = read[single & (true.max(axis=1) < FAINT)].mean(axis=0)
    for k, name in enumerate(names):
        there = single & (true[:, k] > STRONG)
        rise = read[there].mean(axis=0) - rest
        wrong = int(np.argmax(np.delete(rise, k)))
        out[name] = {
            "r": float(np.corrcoef(read[:, k], true[:, k])[0, 1]),
            "pictures": int(there.sum()),
            "share": float(rise[k] / true[there, k].mean()),
            "wrong": [n for n in names if n != name][wrong],
            "wrong_over_right": float(np.delete(rise, k)[wrong] / rise[k]) if rise[k] > 0.02 else None,
        }
    return out


def emotions(head: ExpressionHead, rows: NDArray, scores: NDArray) -> dict[str, Any]:
    """Confusion of pictures that show one emotion: rows are the truth."""
    true, read = scores.argmax(axis=1), softmax(head.scores(rows)).argmax(axis=1)
    table = np.zeros((len(EMOTIONS), len(EMOTIONS)), int)
    np.add.at(table, (true, read), 1)
    recall = [row[k] / row.sum() for k, row in enumerate(table) if row.sum()]
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum() / table.sum() ** 2)
    agree = float(np.trace(table) / table.sum())
    return {"pictures": len(rows), "accuracy": agree, "balanced": float(np.mean(recall)),
            "kappa": (agree - chance) / (1 - chance), "confusion": table.tolist()}  # fmt: skip


def prior_figures(tracker: FaceTracker, posed: Sequence[Posed]) -> dict[str, Any]:
    """Error of the expression with a prior over that without, and how far it moved faces."""
    model, prior, out = tracker.model, Prior.load(file_of(tracker.model.path)), {}
    for kind in ("facs", "emotion"):
        for name, which in (("hidden", True), ("clear", False)):
            rows = [p for p in posed if p.hidden == which]
            after = [prior.applied(_face(tracker, p), kind).expression for p in rows]
            true = [p.motion[: model.n_expression] for p in rows]
            before = np.mean([moved_mm(model, t, p.expression) for t, p in zip(true, rows, strict=True)])
            out[f"{kind}_{name}"] = {
                "pictures": len(rows),
                "error_mm_before": float(before),
                "ratio": float(np.mean([moved_mm(model, t, a) for t, a in zip(true, after, strict=True)]) / before),
                "moved_mm": float(
                    np.mean([moved_mm(model, p.expression, a) for p, a in zip(rows, after, strict=True)])
                ),
            }
    return out


def _face(tracker: FaceTracker, p: Posed) -> FaceState:
    pose = Pose(np.eye(3), np.array([0.0, 0.0, 600.0]))
    raw = FaceCoeffs(pose, p.expression, p.extras, 1.0, float(p.sigma_deg), p.shape)
    identity = IdentityState(p.shape, False, 1)
    return FaceState(0, "tracked", 1.0, pose, p.expression, p.extras, p.shape, raw, identity, tracker.model,
                     Camera.from_fov(640, 480))  # fmt: skip


def faint_smiles(
    tracker: FaceTracker, box: TrueBox, photos: Iterator[tuple[int, FittedPhoto]], to_motion: NDArray
) -> dict[str, float]:
    """Rendered smiles at 0.3 of their strength against the same people's neutral faces: AUC of the smile's weights."""
    rng, top, names = np.random.default_rng(3), HeadParts.of(tracker.model), list(NAMES)
    smile = [names.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    found: dict[float, list[float]] = {0.0: [], FAINT_SMILE: []}
    for _, photo in photos:
        scene, rest = build_scene(top, photo), draw_rest(rng, len(names))
        for strength in list(found) * 2:
            actions = rest.copy()
            actions[smile] = strength
            seen = pose_and_see(tracker, box, top, scene, to_motion @ actions, float(rng.normal(0, 18)), rng)
            if seen is not None:
                found[strength].append(float(seen.weights[smile].mean()))
    neutral, smiling = (np.array(values) for values in found.values())
    higher = (smiling[:, None] > neutral).mean() + (smiling[:, None] == neutral).mean() / 2
    return {"pictures": len(neutral) + len(smiling), "auc": float(higher),
            "median_neutral": float(np.median(neutral)), "median_smile": float(np.median(smiling))}  # fmt: skip


def smiles(tracker: FaceTracker, folder: Path, people: Sequence[int]) -> dict[str, float]:
    """Real photographs, one neutral and one smiling of each person: the AUC of AU12 and of happiness."""
    found: dict[str, list[tuple[float, float]]] = {"03": [], "08": []}
    for person in people:
        for kind, values in found.items():
            faces = tracker.process_picture(cv2.imread(str(folder / f"london_{person:03d}_{kind}.jpg"))).faces
            values.append((faces[0].action_units()["AU12"] or 0.0, faces[0].emotions()["happiness"]))
    neutral, smiling = (np.array(found[kind]) for kind in ("03", "08"))
    auc = [float((smiling[:, None, k] > neutral[None, :, k]).mean()) for k in range(2)]
    return {"people": len(people), "auc_au12": auc[0], "auc_happiness": auc[1],
            "neutral_is_likelier_than_happiness": float((neutral[:, 1] < 0.5).mean()),
            "smile_is_happiness": float((smiling[:, 1] > 0.5).mean())}  # fmt: skip


def measure(tracker: FaceTracker, posed: Sequence[Posed]) -> dict[str, Any]:
    """All figures of posed pictures."""
    model, head, n = tracker.model, head_of(tracker.model.path), tracker.model.n_expression
    rows = np.stack([features(model, p.shape, p.expression, p.extras).row() for p in posed])
    exact = np.stack([features(model, p.alpha, p.motion[:n], p.motion[n:]).row() for p in posed])
    scores, actions = (np.stack([getattr(p, name) for p in posed]) for name in ("scores", "actions"))
    hidden, yaw = np.array([p.hidden for p in posed]), np.abs([p.yaw for p in posed])
    single, true = ~np.isfinite(scores).all(axis=1), true_units(actions)
    shows = ~single & (np.nan_to_num(scores).max(axis=1) > CLEAR_SCORE)
    groups = {
        "clear, yaw below 30": ~hidden & (yaw < 30),
        "clear, yaw 30 to 65": ~hidden & (yaw >= 30),
        "half hidden": hidden,
    }
    return {
        "units_nets": units(head, rows[~hidden], true[~hidden], single[~hidden]),
        "units_exact": units(head, exact[~hidden], true[~hidden], single[~hidden]),
        "emotions_exact": emotions(head, exact[shows], scores[shows]),
        **{f"emotions, {name}": emotions(head, rows[g & shows], scores[g & shows]) for name, g in groups.items()},
        "prior": prior_figures(tracker, posed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "train-fits", "val", "val-fits", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--models", default="default")
    parser.add_argument("--posed", type=Path, help="file that keeps the posed pictures' figures: made, or read again")
    args = parser.parse_args()
    box = TrueBox()
    with FaceTracker(models=args.models, boxes=box, smooth=False) as tracker, FaceTracker(models=args.models) as finder:
        with np.load(tracker.model.path) as data:
            to_motion = data["arkit_to_motion"]
        posed = kept(args.posed)
        if posed is None:
            rng, photos = np.random.default_rng(2), kept_out(args, tracker)
            posed = list(posed_pictures(tracker, box, photos, to_motion, EACH, rng, singles=SINGLES, hidden=HIDDEN))
            if args.posed:
                keep(args.posed, posed)
        people = sorted(held_out_people(Fits.load(args.train_fits).files))
        results = {"models": tracker.model_set.name, "pictures": len(posed), "machine": machine(),
                   **measure(tracker, posed), "smiles": smiles(finder, args.train, people),
                   "faint_smiles": faint_smiles(tracker, box, kept_out(args, tracker), to_motion)}  # fmt: skip
    args.out.write_text(json.dumps(results, indent=1) + "\n")


def kept(path: Path | None) -> list[Posed] | None:
    if path is None or not path.exists():
        return None
    with np.load(path) as data:
        arrays = {field.name: data[field.name] for field in dataclasses.fields(Posed)}
    return [Posed(**{name: values[i] for name, values in arrays.items()}) for i in range(len(arrays["person"]))]


def keep(path: Path, posed: Sequence[Posed]) -> None:
    np.savez(path, **{f.name: np.array([getattr(p, f.name) for p in posed]) for f in dataclasses.fields(Posed)})


if __name__ == "__main__":
    main()
