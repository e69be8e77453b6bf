"""Boxes from a file instead of a detector: `--boxes F`, for tests, replays and other people's detectors."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from realtime3d.errors import UsageError, first_line
from realtime3d.geometry import flipped_box
from realtime3d.types import FaceBox, Frame

MOST_BOXES = 1000  # in one frame: as many as there may be faces
LARGEST_PX = 1e7
COLUMNS = ("frame", "box_x", "box_y", "box_w", "box_h")


class FixedBoxes:
    """A detector that looks frames up by their number; a frame without boxes has no faces to find."""

    def __init__(self, boxes: Mapping[int, Sequence[FaceBox]], mirror: bool = False) -> None:
        """`mirror`: the frames arrive flipped left to right, the boxes are those of the pictures before that."""
        self._boxes = boxes
        self._mirror = mirror

    @classmethod
    def read(cls, path: str | Path, mirror: bool = False) -> FixedBoxes:
        """A CSV with the columns frame, box_x, box_y, box_w, box_h in px, others are ignored: our tables are such."""
        boxes: dict[int, list[FaceBox]] = {}
        try:
            with open(path, newline="", encoding="utf-8-sig") as file:
                rows = csv.DictReader(file, skipinitialspace=True)
                absent = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
                if absent:
                    raise UsageError(f"{path} has no column {', '.join(absent)}: a boxes file has {','.join(COLUMNS)}")
                for row in rows:
                    frame, box = _parse(row, f"{path}, line {rows.line_num}")
                    in_frame = boxes.setdefault(frame, [])
                    in_frame.append(box)
                    if len(in_frame) > MOST_BOXES:
                        raise UsageError(f"{path}, line {rows.line_num}: more than {MOST_BOXES} boxes in frame {frame}")
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"{path}: cannot read the boxes ({error}); name a CSV with {','.join(COLUMNS)}") from error
        return cls(boxes, mirror)

    def open(self) -> None:
        """Everything is there already."""

    def detect(self, frame: Frame) -> list[FaceBox]:
        boxes = self._boxes.get(frame.index, ())
        if not self._mirror:
            return list(boxes)
        width = frame.image.shape[1]
        return [FaceBox(flipped_box(box.xyxy, width), box.score) for box in boxes]

    def close(self) -> None:
        """Nothing is held."""


def _parse(row: Mapping[str, str | None], where: str) -> tuple[int, FaceBox]:
    try:
        frame, x, y, w, h = (float(row[name] or "nan") for name in COLUMNS)
    except ValueError as error:
        raise UsageError(f"{where}: {first_line(error)}; a row is {','.join(COLUMNS)} in numbers") from error
    if (
        not all(abs(value) < LARGEST_PX for value in (x, y, w, h))
        or not 0 <= frame < 1e15
        or frame != int(frame)
        or w <= 0
        or h <= 0
    ):
        raise UsageError(f"{where}: frame must be a whole number from 0, the box finite with box_w and box_h over 0")
    return int(frame), FaceBox(np.array([x, y, x + w, y + h], dtype=np.float32))
