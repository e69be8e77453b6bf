"""Where the nets get worse: error by pose, light, sharpness, size and skin tone, as far as pixels tell, and by what
somebody saw on the pictures and wrote down: glasses, beards, age, covered faces."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from realtime3d.errors import SourceError
from realtime3d.geometry import geodesic_deg
from realtime3d.training.evaluation import aflw
from realtime3d.training.evaluation.metrics import box_of, box_size
from realtime3d.types import Array, Image

LOOK_PX = 128  # faces are compared at this size
CHEEKS = (2, 3, 13, 14, 31, 35, 30)  # of the 68: between them and the nose is skin
LEAST = 8  # pictures in a bin, else it is not shown


@dataclass(frozen=True, slots=True)
class Group:
    """One property and the edges of its bins."""

    name: str
    unit: str
    edges: tuple[float, ...]


GROUPS = (
    Group("yaw", "° to either side", (0, 15, 30, 45, 60, 75, 99)),
    Group("pitch", "° up (-) and down (+)", (-99, -45, -25, -10, 10, 25, 45, 99)),
    Group("roll", "° to either side", (0, 10, 20, 35, 50, 99)),
    Group("size", "px, root of the box's area", (0, 60, 90, 120, 160, 400)),
    Group("light", "mean brightness of the face, 0 to 255", (0, 50, 80, 110, 140, 170, 255)),
    Group("side light", "difference of the halves over their sum", (0, 0.05, 0.1, 0.2, 0.35, 1)),
    Group("sharpness", "log10 of the Laplacian's variance", (0, 2, 2.5, 3, 3.5, 6)),
    Group("skin tone", "ITA in degrees, dark to light", (-90, -30, 10, 28, 41, 55, 90)),
)


def properties(image: Image, points: Array) -> dict[str, float]:
    """What the pixels of one face tell; `points` (68, 2) px."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = float(max(high - low))
    scale = LOOK_PX / side
    shift = LOOK_PX / 2 - scale * (low + high) / 2
    M = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    face = cv2.warpAffine(image, M, (LOOK_PX, LOOK_PX), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(face, cv2.COLOR_BGR2GRAY).astype(np.float64)
    left, right = grey[:, : LOOK_PX // 2].mean(), grey[:, LOOK_PX // 2 :].mean()
    return {
        "size": float(box_size(box_of(points))),
        "light": float(grey.mean()),
        "side light": float(abs(left - right) / max(left + right, 1.0)),
        "sharpness": float(np.log10(cv2.Laplacian(grey, cv2.CV_64F).var() + 1)),
        "skin tone": _ita(face, points * scale + shift),
    }


def _ita(face: Image, points: Array) -> float:
    """Individual typology angle of the skin between cheeks and nose; NaN for grey pictures."""
    mask = np.zeros(face.shape[:2], dtype=np.uint8)
    hull = cv2.convexHull(points[list(CHEEKS)].astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255)
    lab = cv2.cvtColor(face.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[mask > 0]
    if len(lab) < 20:
        return float("nan")
    lightness, a, b = np.median(lab, axis=0)
    if abs(a) + abs(b) < 3:
        return float("nan")
    return float(np.degrees(np.arctan2(lightness - 50, max(b, 1e-3))))


Bins = list[dict[str, float | str]]
Limits = dict[str, Bins]  # panel to bins
AFLW, PHOTOGRAPHS = "geodesic error on AFLW2000-3D, degrees", "468 points on validation photographs, % of box"


def by_group(values: dict[str, Array], errors: Array) -> Limits:
    """Mean error in every bin of every group that has enough pictures."""
    return {
        f"{group.name} ({group.unit})": _bins(
            (f"{low:g} to {high:g}", errors[(values[group.name] >= low) & (values[group.name] < high)])
            for low, high in zip(group.edges[:-1], group.edges[1:], strict=True)
        )
        for group in GROUPS
    }


def by_column(files: Sequence[str], errors: Array, table: Path) -> Limits:
    """Mean error for every value of every column of a CSV whose column `file` names the pictures."""
    rows = _rows(files, table)
    columns = [name for name in next(iter(rows.values())) if name != "file"]
    found: Limits = {}
    for column in columns:
        seen = np.array([rows[file][column] for file in files])
        found[column] = _bins((str(value), errors[seen == value]) for value in np.unique(seen))
    return found


def covered(files: Sequence[str], table: Path) -> frozenset[str]:
    """Pictures on which eyes are behind dark glasses or something is in front of the face: lids or lips cannot be read
    there, however the face is turned."""
    rows = _rows(files, table)
    return frozenset(f for f in files if rows[f].get("glasses") == "dark" or rows[f].get("covered", "no") != "no")


def _rows(files: Sequence[str], table: Path) -> dict[str, dict[str, str]]:
    """The lines of a CSV by their file; every one of `files` has a line."""
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            rows = {row["file"]: row for row in csv.DictReader(lines)}
    except (OSError, KeyError) as error:
        raise SourceError(f"{table} is no table with a column `file` ({error}): name another") from error
    missing = [file for file in files if file not in rows]
    if missing:
        raise SourceError(f"{table} has no line for {missing[0]} and {len(missing) - 1} others: add them")
    return rows


def _bins(parts: Iterable[tuple[str, Array]]) -> Bins:
    """Pictures, mean error and its standard error of each part that is large enough."""
    return [
        {"label": label, "pictures": len(e), "error": float(e.mean()), "deviation": float(e.std() / np.sqrt(len(e)))}
        for label, e in parts
        if len(e) >= LEAST
    ]


def measure(data: aflw.Aflw, answers: aflw.Answers, read: Callable[[Path], Image]) -> Limits:
    """Geodesic error of AFLW2000-3D by group, degrees."""
    rows = [properties(read(f), p[:, :2]) for f, p in zip(data.files, data.points, strict=True)]
    values = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    values["pitch"] = -data.angles[:, 0]  # the set's pitch is positive upwards
    values |= {"yaw": np.abs(data.angles[:, 1]), "roll": np.abs(data.angles[:, 2])}
    return by_group(values, geodesic_deg(aflw.aligned(data, answers), data.rotations))


def draw(sets: dict[str, dict[str, Limits]], path: Path) -> None:
    """One small bar chart a panel, beside each other the model sets: by name, then by what was measured."""
    from matplotlib.figure import Figure

    first = next(iter(sets.values()))
    panels = [(what, panel) for what, limits in first.items() for panel in limits]
    rows = -(-len(panels) // 4)
    figure = Figure(figsize=(15, 3.2 * rows), layout="constrained")
    figure.suptitle("Mean error and its standard error; n pictures", fontsize=10)
    width = 0.8 / len(sets)
    for axes, (what, panel) in zip(figure.subplots(rows, 4, squeeze=False).ravel(), panels, strict=False):
        for k, (name, found) in enumerate(sets.items()):
            bins = found[what][panel]
            at = np.arange(len(bins)) + (k - (len(sets) - 1) / 2) * width
            axes.bar(at, [b["error"] for b in bins], width, yerr=[b["deviation"] for b in bins], label=name)
        bins = first[what][panel]
        axes.set_xticks(range(len(bins)), [f"{b['label']}\nn = {b['pictures']}" for b in bins], fontsize=6)
        axes.set_title(panel, fontsize=9)
        axes.set_ylabel(what, fontsize=6)
        axes.grid(axis="y", alpha=0.3)
    for axes in figure.axes[len(panels) :]:
        axes.set_axis_off()
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=90)
