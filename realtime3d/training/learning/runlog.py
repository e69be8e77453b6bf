"""A run's log on disk: rows of a CSV file and a picture of its curves. A full disk costs a row, never the run."""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping
from pathlib import Path

_log = logging.getLogger(__name__)
CURVES = ("total", "angle", "landmarks", "expression", "shape", "presence", "rate", "speed")


def line(values: Mapping[str, float]) -> str:
    """Names and values on one line."""
    return "  ".join(f"{name} {value:.3g}" for name, value in values.items())


def append(path: Path, row: Mapping[str, float]) -> None:
    """Add a row; the first one also writes the column names."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.6g}" for k, v in row.items()})
    except (OSError, ValueError) as error:  # ValueError: the columns of an older run's file differ
        _log.warning("cannot write %s (%s)", path, error)


def read(path: Path) -> dict[str, list[float]]:
    """Columns of a log; empty where there is none. A line cut off by a crash is left out."""
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values() and None not in row]
    return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}


def plot(run: Path) -> None:
    """Draw log.csv, and validation.csv where there is one, into curve.png."""
    train, held_out = read(run / "log.csv"), read(run / "validation.csv")
    if not train:
        return
    try:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(14, 6), layout="constrained")
        for axes, name in zip(figure.subplots(2, 4).ravel(), CURVES, strict=True):
            for columns, style in ((train, "-"), (held_out, "o-")):
                if name in columns:
                    axes.plot(columns["samples"], columns[name], style, markersize=3)
            axes.set_title(name)
            axes.set_xlabel("samples")
            axes.grid(alpha=0.3)
        figure.savefig(run / "curve.png", dpi=80)
    except (ImportError, OSError) as error:
        _log.warning("no curve drawn: %s", error)
