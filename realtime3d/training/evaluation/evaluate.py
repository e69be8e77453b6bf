"""One table for every model set: what was measured, on what, and the bars."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from realtime3d.errors import SourceError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.files import write_whole
from realtime3d.geometry import geodesic_deg
from realtime3d.tracker import FaceTracker
from realtime3d.training.evaluation import aflw, limits
from realtime3d.training.evaluation import photos as eval_photos
from realtime3d.training.evaluation import renders as eval_renders
from realtime3d.training.evaluation.photos import Figures, Look, Photos
from realtime3d.training.evaluation.sheets import tile, write_sheet
from realtime3d.training.labels.fits import Fits
from realtime3d.training.labels.splits import held_out_people, is_held_out
from realtime3d.types import Image

_log = logging.getLogger(__name__)
WORST = 36  # pictures on a contact sheet
LIMITS = "limits.json"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pictures and their fits are; what is None is not measured."""

    face_model: Path
    aflw: Path | None = None
    val: Path | None = None
    val_fits: Path | None = None
    train: Path | None = None  # only the people kept out of training are looked at
    train_fits: Path | None = None
    seen: Path | None = None  # CSV with what somebody saw on the photographs of `val`


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table: a figure, its unit, and what the sets must reach."""

    section: str
    figure: str
    label: str
    unit: str  # "deg", "%", "x" or "" (a share of one)
    compact: float
    accurate: float
    aim: float
    more_is_better: bool = False


BARS = (
    Bar("aflw2000", "mean_angle_error", "AFLW2000: mean error of pitch, yaw, roll", "deg", 4.8, 4.3, 3.3),
    Bar("aflw2000", "geodesic", "AFLW2000: geodesic error", "deg", 7.5, 6.5, 4.8),
    Bar("aflw2000", "geodesic_yaw_beyond_60", "AFLW2000: geodesic error, true yaw beyond 60", "deg", 13, 10, 7),
    Bar("aflw2000", "points68", "AFLW2000: 68 points, by box size", "%", 0.050, 0.045, 0.034),
    Bar("aflw2000", "sigma_spearman", "Geodesic error against its own uncertainty, Spearman", "", 0.4, 0.4, 0.55, True),
    Bar("val", "points468", "Validation photographs: 468 surface points, of box", "%", 0.030, 0.025, 0.020),
    Bar("rendered", "expression_of_neutral", "Rendered: expression, of what neutral scores", "x", 0.5, 0.4, 0.25),
    Bar("rendered", "lid_gap_correlation", "Rendered: correlation of lid gap", "", 0.90, 0.93, 0.97, True),
    Bar("rendered", "lip_gap_correlation", "Rendered: correlation of lip gap", "", 0.95, 0.96, 0.98, True),
    Bar("rendered", "identity_of_mean", "Rendered: cached identity, of what the mean head scores", "x", 0.7, 0.6, 0.4),
    Bar("london", "ratio", "12 London people: within over between", "x", 0.6, 0.5, 0.3),
    Bar("still", "yaw_deviation", "Still picture with camera noise: deviation of yaw", "deg", 0.5, 0.4, 0.2),
    Bar("presence", "auc", "Presence: area under curve", "", 0.99, 0.99, 0.999, True),
    Bar("degradation", "half_hidden_ratio", "Pose error with half the face hidden", "x", 2, 1.7, 1.3),
    Bar("degradation", "24px_ratio", "Pose error at 24 px", "x", 2, 1.7, 1.3),
    Bar("degradation", "motion_blur_ratio", "Pose error with motion blur", "x", 2, 1.7, 1.3),
)


def read_picture(file: Path) -> Image:
    """A BGR picture, or SourceError."""
    image = cv2.imread(str(file))
    if image is None:
        raise SourceError(f"{file} is no picture that can be read: restore it")
    return image


def evaluate(
    models: str | Path,
    places: Places,
    only: tuple[str, ...] = (),
    sheets: Path | None = None,
    backend: str = "onnxruntime",
) -> dict[str, Figures]:
    """All figures of a model set (a name or a folder) by section; sections without pictures are left out.

    With `sheets`, a folder outside any repository, the worst pictures of AFLW2000-3D are drawn there, and limits.json
    has the error by pose, light, sharpness, size, skin tone and what `places.seen` tells, which shows nobody.
    """
    results: dict[str, Figures] = {}
    found: dict[str, limits.Limits] = {}
    with FaceTracker(models=models, backend=backend, smooth=False, threads=1) as tracker:

        def look(image: Image, box: np.ndarray):  # type: ignore[no-untyped-def]
            return tracker.process_boxes(image, box[None]).faces[0]

        sections = _sections(places, look, sheets, found)
        if not sections:
            raise UsageError("nothing to measure on: give --aflw, --val with --val-fits, or --train with --train-fits")
        if unknown := [name for name in only if name not in sections]:
            raise UsageError(f"no section {unknown[0]!r} with these folders: --only takes {', '.join(sections)}")
        for name, section in sections.items():
            if only and name not in only:
                continue
            started = time.monotonic()
            results[name] = section()
            _log.info("%s: %.0f s", name, time.monotonic() - started)
    if sheets and found:
        write_whole(sheets / LIMITS, (json.dumps(found, indent=1) + "\n").encode(), make_folder=True)
    return results


def draw_limits(sheets: dict[str, Path], path: Path) -> None:
    """One chart for the limits that `evaluate` left in the folders of several model sets."""
    there = {name: folder / LIMITS for name, folder in sheets.items() if (folder / LIMITS).exists()}
    if there:
        limits.draw({name: json.loads(file.read_text(encoding="utf-8")) for name, file in there.items()}, path)


def _sections(
    places: Places, look: Look, sheets: Path | None, found: dict[str, limits.Limits]
) -> dict[str, Callable[[], Figures]]:
    model = FaceModel.load(places.face_model)
    with np.load(places.face_model, allow_pickle=False) as data:
        to_motion = data["arkit_to_motion"]
    sections: dict[str, Callable[[], Figures]] = {}
    if places.aflw:
        pictures = aflw.load(places.aflw)
        sections["aflw2000"] = lambda: _aflw(pictures, look, sheets, found)
    if places.val and places.val_fits:
        val, seen = Photos(places.val, Fits.load(places.val_fits), model), places.seen
        covered = limits.covered(val.fits.files, seen) if seen else frozenset()

        def each(errors: eval_photos.Array) -> None:
            if seen:
                found[limits.PHOTOGRAPHS] = limits.by_column(val.fits.files, 100 * errors, seen)

        sections |= {
            "val": lambda: eval_photos.surface(val, look, each),
            "rendered": lambda: eval_renders.measure(val, to_motion, look, covered=covered),
            "still": lambda: eval_photos.still(val, look),
            "presence": lambda: eval_photos.presence(val, look, eval_renders.negatives(val)),
            "degradation": lambda: eval_photos.degradation(val, look),
        }
    if places.train and places.train_fits:
        fits = Fits.load(places.train_fits)
        people = held_out_people(fits.files)
        london = Photos(places.train, fits.take(np.array([is_held_out(f, people) for f in fits.files])), model)
        sections["london"] = lambda: eval_photos.identity(london, look, people)
    return sections


def _aflw(data: aflw.Aflw, look: Look, sheets: Path | None, found: dict[str, limits.Limits]) -> Figures:
    answers = aflw.ask(data, look, read_picture)
    if sheets:
        errors = geodesic_deg(aflw.aligned(data, answers), data.rotations)
        worst = np.argsort(-errors)[:WORST]
        tiles = [
            tile(
                read_picture(data.files[i]),
                answers.points[i],
                data.points[i, :, :2],
                f"{errors[i]:.0f} deg, p {data.angles[i, 0]:.0f} y {data.angles[i, 1]:.0f} r {data.angles[i, 2]:.0f}",
            )
            for i in worst
        ]
        write_sheet(sheets / "aflw2000_worst.jpg", tiles)
        found[limits.AFLW] = limits.measure(data, answers, read_picture)
    return aflw.figures(data, answers)


def table(results: dict[str, dict[str, Figures]]) -> str:
    """Markdown: one line a bar, one column a model set; bold where the set's bar is reached."""
    sets = list(results)
    lines = ["| measured on | " + " | ".join(sets) + " | compact at least | accurate at least | aim |"]
    lines.append("|---" * (len(sets) + 4) + "|")
    for bar in BARS:
        cells = [_cell(bar, results[name].get(bar.section, {}).get(bar.figure), name) for name in sets]
        least = [_number(bar, v) for v in (bar.compact, bar.accurate, bar.aim)]
        lines.append(f"| {bar.label} | " + " | ".join([*cells, *least]) + " |")
    return "\n".join(lines) + "\n"


def _number(bar: Bar, value: float) -> str:
    if bar.unit == "%":
        return f"{100 * value:.2f} %"
    return f"{value:.2f}°" if bar.unit == "deg" else f"{value:.3f}" if bar.unit == "" else f"{value:.2f} x"


def _cell(bar: Bar, value: float | None, name: str) -> str:
    if value is None:
        return "not measured"
    limit = bar.accurate if name == "accurate" else bar.compact
    reached = value >= limit if bar.more_is_better else value <= limit
    return f"**{_number(bar, value)}**" if reached else _number(bar, value)


def write_report(folder: Path, results: dict[str, dict[str, Figures]]) -> Path:
    """evaluation.json with every figure and evaluation.md with the table."""
    write_whole(folder / "evaluation.json", (json.dumps(results, indent=1) + "\n").encode(), make_folder=True)
    write_whole(folder / "evaluation.md", table(results).encode(), make_folder=True)
    return folder / "evaluation.md"
