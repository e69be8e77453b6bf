"""Measure the mask net: composites of people and things that it was not trained on, clear faces, and its time.

python -m benchmarks.mask PHOTOS ASSETS       # writes results/mask.json and prints one table

PHOTOS is a folder of validation photographs with faces, ASSETS one with hands_webxr, masks_masktheface and
glasses_jeeliz. Photographs are labelled by MediaPipe's meshes and colours, as in training (docs/training.md).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.mask.unseen import KINDS, Mesh, Unseen, unseen_textures
from realtime3d.backends.choose import open_nets
from realtime3d.bench import machine
from realtime3d.errors import MissingError, Realtime3dError
from realtime3d.nets import modelset
from realtime3d.surface.mask import CLASSES, GLASSES, HAIR, OCCLUDER, OUTPUT, SKIN, Masker
from realtime3d.tracker import FaceTracker
from realtime3d.training.labels.landmarks import find_landmarks
from realtime3d.training.mask.composites import Assets
from realtime3d.training.mask.labels import EYE_RINGS, LIPS, OVAL, UNKNOWN, polygon
from realtime3d.training.mask.prepare import Portraits, prepare

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "benchmarks" / "results" / "mask.json"
SEEN = ROOT / "benchmarks" / "validation_seen.csv"
CLEAR = 150  # faces without glasses, beard or anything in front
SEED = 20261128


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("assets", type=Path)
    parser.add_argument("--models", default="default", help="model set, or a folder with a models.toml")
    parser.add_argument("--count", type=int, default=40, help="composites of each kind, default %(default)s")
    parser.add_argument("--clear", type=int, default=CLEAR, help="clear faces, default %(default)s")
    parser.add_argument("--labelled", type=Path, help="keep the labelled photographs in this file")
    parser.add_argument("--sheet", type=Path, help="write a picture of some composites, to look at; not to publish")
    parser.add_argument("--json", type=Path, default=TARGET)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    try:
        found = modelset.find(args.models)
        if "mask" not in found.more:
            raise MissingError(f"the model set {found.name!r} has no net for masks")
        net = open_nets({"mask": found.more["mask"]}, "onnxruntime", "cpu", 1)[1]["mask"]
        labelled = args.labelled or args.json.with_name("mask_labelled.npz")
        files = sorted(p for p in args.photos.iterdir() if p.suffix == ".jpg")
        if not labelled.exists():
            prepare(files, labelled)
        results = {
            "composites": composites(net, found, Portraits.load(labelled).only(uncovered()), args),
            "clear": clear_faces(args.models, args.photos, args.clear),
            "time": times(net, args.models, args.photos),
        }
        if args.labelled is None:
            labelled.unlink()
    except Realtime3dError as error:
        print(f"mask: {error}", file=sys.stderr)
        return error.exit_code
    print(table(results))
    report = {
        "machine": machine.machine(), "software": machine.software(), "commit": machine.commit(),
        "models": {"set": found.name, "mask": found.files["mask"].sha256},
        "workload": {"seed": SEED, "composites of each kind": args.count, "clear faces": args.clear},
        "results": results,
    }  # fmt: skip
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def uncovered() -> set[str]:
    """Photographs without glasses and without anything in front: in the others, that would be labelled skin."""
    with SEEN.open() as file:
        return {r["file"] for r in csv.DictReader(file) if (r["glasses"], r["covered"]) == ("none", "no")}


def composites(net: Any, found: modelset.ModelSet, portraits: Portraits, args: argparse.Namespace) -> dict[str, Any]:
    """Intersections over unions, all pixels of all composites together, and of each kind.

    `in_face`: of the pixels inside the face's contour. `rough`: all, after the trainer's changes of light, focus,
    noise and JPEG.
    """
    rng, folder = np.random.default_rng(SEED), args.assets
    masks = [folder / "masks_masktheface" / name for name in ("cloth.png", "N95.png")]
    assets = Assets.load(folder / "hands_webxr" / "right.glb", masks, 60, SEED, unseen_textures())
    models = folder / "glasses_jeeliz" / "models3D"
    frames, lenses = (Mesh.load(models / name) for name in ("glassesFrames.json", "glassesLenses.json"))
    scene = Unseen(portraits, assets, net.spec.size, rng, found.load_face_model(), frames, lenses)
    tables = {kind: np.zeros((len(CLASSES), len(CLASSES)), int) for kind in KINDS}
    rough, within = (np.zeros((len(CLASSES), len(CLASSES)), int) for _ in range(2))
    shown = []
    for kind in KINDS:
        for k in range(args.count):
            image, labels, points = scene.composed(kind, int(rng.integers(len(portraits))))
            known = labels != UNKNOWN
            face = known & polygon(points, OVAL, net.spec.size)
            answers = [net.run(part[None])[OUTPUT][0].argmax(axis=0) for part in (image, scene.camera(image))]
            np.add.at(tables[kind], (labels[known], answers[0][known]), 1)
            np.add.at(within, (labels[face], answers[0][face]), 1)
            np.add.at(rough, (labels[known], answers[1][known]), 1)
            if k < 2:
                shown.append((image, labels, answers[0].astype(np.uint8)))
    if args.sheet:
        write_sheet(args.sheet, shown)
    whole = np.sum(list(tables.values()), axis=0)
    return {
        "skin_iou": iou(whole, SKIN), "occluder_iou": iou(whole, OCCLUDER), "glasses_iou": iou(whole, GLASSES),
        "rough": {f"{CLASSES[k]}_iou": iou(rough, k) for k in (SKIN, OCCLUDER, GLASSES)},
        "in_face": {f"{CLASSES[k]}_iou": iou(within, k) for k in (SKIN, OCCLUDER, GLASSES)},
        "classes": {name: iou(whole, k) for k, name in enumerate(CLASSES)},
        "kinds": {
            kind: {"skin_iou": iou(t, SKIN), "thing_iou": iou(t, GLASSES if kind == "glasses" else OCCLUDER)}
            for kind, t in tables.items()
        },
        "confusion": whole.tolist(),
    }  # fmt: skip


def iou(table: NDArray[np.int_], k: int) -> float | None:
    """Of class `k`, from counts (true, answered)."""
    union = int(table[k].sum() + table[:, k].sum() - table[k, k])
    return round(float(table[k, k]) / union, 4) if table[k].sum() else None


def clear_faces(models: str, photos: Path, count: int) -> dict[str, Any]:
    """On faces that nothing hides: the share of the face that is taken for a thing, glasses or hair."""
    with SEEN.open() as file:
        rows = list(csv.DictReader(file))
    clear = [r["file"] for r in rows if (r["glasses"], r["beard"], r["covered"]) == ("none", "none", "no")]
    chosen = [clear[i] for i in np.random.default_rng(SEED).permutation(len(clear))]
    names, points, _ = find_landmarks([photos / name for name in chosen[: count + 20]])
    shares: list[list[float]] = []
    with FaceTracker(models=models) as tracker:
        for name, where in zip(names, points, strict=True):
            image = cv2.imread(str(photos / name))
            low, high = where[:468].min(axis=0), where[:468].max(axis=0)
            face = tracker.process_boxes(image, [[*low, *high]]).faces[0]
            labels = tracker.mask(image, face).labels
            skin = _face_skin(where, labels.shape)
            if skin.sum() < 100 or len(shares) == count:
                continue
            shares.append([float((labels[skin] == k).mean()) for k in (OCCLUDER, GLASSES, HAIR)])
    table = np.array(shares)
    hidden = table[:, 0] + table[:, 1]
    return {
        "faces": len(table), "false_occlusion": round(float(hidden.mean()), 5),
        "median": round(float(np.median(hidden)), 5), "worst": round(float(hidden.max()), 5),
        "faces_above_3_percent": int((hidden > 0.03).sum()),
        "as": {k: round(float(v), 5) for k, v in zip(("occluder", "glasses", "hair"), table.mean(axis=0), strict=True)},
    }  # fmt: skip


def _face_skin(points: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.bool_]:
    """The face inside its contour, without eyes and mouth."""
    mask = np.zeros(shape, np.uint8)
    for rows, value in ((OVAL, 255), (LIPS, 0), (EYE_RINGS[0], 0), (EYE_RINGS[1], 0)):
        cv2.fillPoly(mask, [np.rint(points[list(rows)]).astype(np.int32)], value)
    return np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0)


def times(net: Any, models: str, photos: Path, rounds: int = 60) -> dict[str, float]:
    """Processor time of the net alone and of a whole mask, milliseconds: median."""
    path = next(p for p in sorted(photos.iterdir()) if p.suffix == ".jpg")
    image = cv2.imread(str(path))
    crop = np.zeros((1, net.spec.size, net.spec.size, 3), np.uint8)
    with FaceTracker(models=models) as tracker:
        face = tracker.process_picture(image).faces[0]
    masker = Masker(net)
    out: dict[str, list[float]] = {"net": [], "mask": []}
    for _ in range(rounds):
        start = time.process_time()
        net.run(crop)
        middle = time.process_time()
        _ = masker.mask(image, face).labels
        out["net"].append(middle - start)
        out["mask"].append(time.process_time() - middle)
    ms = {f"{name}_ms": round(float(np.median(values)) * 1e3, 3) for name, values in out.items()}
    return {**ms, "picture_px": float(max(image.shape[:2]))}


def write_sheet(path: Path, shown: list[tuple[Any, Any, Any]]) -> None:
    from realtime3d.surface.mask import COLOURS

    palette = np.zeros((256, 3), np.uint8)
    palette[: len(COLOURS)] = np.array(COLOURS)[:, ::-1]
    palette[UNKNOWN] = (0, 255, 0)
    cells = [
        np.vstack([image, *(cv2.addWeighted(image, 0.3, palette[part], 0.7, 0) for part in parts)])
        for image, *parts in shown
    ]
    rows = [np.hstack(cells[k : k + 10]) for k in range(0, len(cells) - 9, 10)]
    cv2.imwrite(str(path), np.vstack(rows))


def table(results: dict[str, Any]) -> str:
    c, clear, t = results["composites"], results["clear"], results["time"]
    lines = [
        f"skin IoU {c['skin_iou']}   occluder IoU {c['occluder_iou']}   glasses IoU {c['glasses_iou']}",
        f"inside the face {c['in_face']}",
        f"rough pictures {c['rough']}",
        f"false occlusion on {clear['faces']} clear faces {100 * clear['false_occlusion']:.2f} % {clear['as']}",
        f"net {t['net_ms']} ms, mask of a picture {t['mask_ms']} ms",
        f"classes {c['classes']}",
        *(f"  {kind:8s} {values}" for kind, values in c["kinds"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
