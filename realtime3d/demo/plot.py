"""One picture of what the tracker said over time, against the truth where there is one."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import OutputError, UsageError, first_line
from realtime3d.geometry import matrix_to_head_angles

if TYPE_CHECKING:
    from realtime3d.demo import Truth
    from realtime3d.face.model import FaceModel

ANGLES, PLACES = ("head_pitch", "head_yaw", "head_roll"), ("pose_Tx", "pose_Ty", "pose_Tz")
ANGLE_NAMES = ("pitch (+ looks down)", "yaw (+ to the person's own right)", "roll (+ clockwise)")
PLACE_NAMES = ("x (+ right)", "y (+ down)", "z (+ away)")
COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b9770e", "#76448a", "#117a65")
STRONGEST = 4
GAP_S = 0.25  # a line is broken where the face was away for longer


def plot(csv_path: str | Path, truth: Truth | None, out_png: str | Path, model: FaceModel) -> None:
    """Pose and the strongest expression coefficients of a CSV over time; `truth` is drawn dashed in the same colours.

    The face with the most rows is shown. Coefficients are drawn by what they move: a large one may be hard to see.
    """
    table, mm = read_face(csv_path), moved_mm(model)
    figure, (top, middle, bottom) = _figure()
    time = table["timestamp"]
    angles = np.degrees([matrix_to_head_angles(R) for R in truth.R]) if truth is not None else None
    for k, colour in enumerate(COLOURS[:3]):
        _line(top, time, table[ANGLES[k]], colour, ANGLE_NAMES[k])
        _line(middle, time, table[PLACES[k]], colour, PLACE_NAMES[k])
        if truth is not None and angles is not None:
            _true(top, truth, angles[:, k], colour)
            _true(middle, truth, truth.t[:, k], colour)
    for k, colour in zip(strongest(table, truth, mm), COLOURS, strict=False):
        _line(bottom, time, mm[k] * table[f"exp_{k}"], colour, f"exp_{k}")
        if truth is not None:
            _true(bottom, truth, mm[k] * truth.expression[:, k], colour)
    _finish(figure, (top, middle, bottom), truth, Path(out_png))


def read_face(csv_path: str | Path) -> dict[str, NDArray[np.float64]]:
    """The columns of the face that has the most rows."""
    try:
        with open(csv_path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file, skipinitialspace=True) if None not in row.values()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or first_line(error)
        raise UsageError(f"{csv_path}: cannot read the table ({reason}); name a CSV by realtime3d") from error
    if not rows:
        raise UsageError(f"{csv_path} has no rows: no face was found, there is nothing to plot")
    try:
        ids = [row["face_id"] for row in rows]
        chosen = max(set(ids), key=ids.count)
        mine = [row for row in rows if row["face_id"] == chosen]
        return {key: np.array([float(row[key]) for row in mine]) for key in mine[0] if key is not None}
    except (KeyError, ValueError) as error:
        raise UsageError(f"{csv_path} is no table by realtime3d ({error}); name a CSV that it wrote") from error


def moved_mm(model: FaceModel) -> NDArray[np.float64]:
    """(29,) how far one unit of each coefficient moves the head's vertices, rms."""
    return np.sqrt((model.expression_basis.astype(np.float64) ** 2).sum(axis=2).mean(axis=1))


def strongest(table: dict[str, NDArray[np.float64]], truth: Truth | None, mm: NDArray[np.float64]) -> list[int]:
    """The coefficients that move the skin most, in the truth where there is one."""
    count = sum(key.startswith("exp_") for key in table)
    if truth is not None:
        spread = np.asarray(truth.expression, dtype=np.float64).std(axis=0)[:count]
    else:
        spread = np.array([table[f"exp_{k}"].std() for k in range(count)])
    return [int(k) for k in np.argsort(-spread * mm[:count], kind="stable")[:STRONGEST]]


def _figure() -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure  # without pyplot: no global state, no display

    figure = Figure(figsize=(10, 8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(3, 1, sharex=True)


def _line(axes: Any, time: NDArray[np.float64], values: NDArray[np.float64], colour: str, label: str) -> None:
    gaps = np.flatnonzero(np.diff(time) > GAP_S) + 1
    x, y = np.insert(time, gaps, np.nan), np.insert(values, gaps, np.nan)
    axes.plot(x, y, color=colour, linewidth=2.2, alpha=0.75, label=label)


def _true(axes: Any, truth: Truth, values: NDArray[Any], colour: str) -> None:
    shown = np.where(truth.visible > 0.5, values, np.nan)
    axes.plot(truth.time, shown, color=colour, linewidth=1.1, linestyle=(0, (4, 2)))


def _finish(figure: Any, rows: tuple[Any, ...], truth: Truth | None, out: Path) -> None:
    for axes, title in zip(rows, ("head rotation, degrees", "head position, mm", "strongest expression coefficients, "
                                  "mm over the whole head"), strict=True):  # fmt: skip
        axes.set_title(title, loc="left", fontsize=10)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles, labels, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    rows[-1].set_xlabel(
        "time, s" + ("; dashed: the truth, while the face is in the picture" if truth is not None else "")
    )
    try:
        figure.savefig(out, format="png")
    except OSError as error:
        raise OutputError(f"{out}: cannot write the plot ({error.strerror}); choose another folder") from error
