"""What finds the faces: MediaPipe's box detector, boxes from a file, or a detector of the caller's."""

from __future__ import annotations

from pathlib import Path

from realtime3d.config import DetectorSettings
from realtime3d.detect.base import Detector


def create_detector(boxes: str | Path | Detector | None, settings: DetectorSettings, *, mirror: bool) -> Detector:
    """A CSV with boxes is read at once; MediaPipe is loaded by the first picture. `mirror`: pictures are flipped."""
    if isinstance(boxes, (str, Path)):
        from realtime3d.detect.fixed import FixedBoxes

        return FixedBoxes.read(boxes, mirror=mirror)
    if boxes is not None:
        return boxes
    from realtime3d.detect.mediapipe_box import MediaPipeBoxes

    return MediaPipeBoxes(settings.range, settings.min_score, settings.model_file)
