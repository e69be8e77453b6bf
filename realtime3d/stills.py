"""One picture by itself: no memory, all nets, more than one look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.config import Config, TrackerSettings
from realtime3d.detect.search import Found, searches
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera, checked_boxes, flipped_box, overlap
from realtime3d.nets.estimate import LOOKS
from realtime3d.nets.imported import ImportedEstimator
from realtime3d.parts import Parts
from realtime3d.sources.pixels import flipped, to_bgr
from realtime3d.types import FaceCoeffs, FloatArray, Frame, IdentityState, Image

SAME_FACE, SAME_DOUBTFUL = 0.3, 0.02  # intersection over union with a surer projected face that is the same one
DOUBT_DEG = 7.0  # nets that expect to err by more may see a face upside down: it is looked for in other ways, too


def process_boxes(
    parts: Parts, config: Config, image: ArrayLike, boxes: ArrayLike | Sequence[ArrayLike]
) -> FrameResult:
    """One face for each box [x0, y0, x1, y1] of a picture, in order."""
    picture, checked = to_bgr(image), checked_boxes(boxes)
    if config.camera.mirror:
        picture = flipped(picture)
        checked = flipped_box(checked, picture.shape[1])
    camera, faces = look_at_boxes(parts, picture, list(checked))
    return FrameResult(Frame(0, 0, picture), tuple(faces), camera=camera)


def process_picture(parts: Parts, config: Config, image: ArrayLike, *, patient: bool) -> FrameResult:
    """Every face of a picture, largest first. `patient`: also small, very near and turned ones are looked for."""
    picture = flipped(to_bgr(image)) if config.camera.mirror else to_bgr(image)
    camera, faces = look_for_faces(parts, picture, config.track, patient=patient)
    return FrameResult(Frame(0, 0, picture), tuple(faces), camera=camera)


def look_at_boxes(
    parts: Parts,
    image: Image,
    boxes: Sequence[FloatArray],
    rolls: Sequence[float] = (),
    scores: Sequence[float] = (),
) -> tuple[Camera, list[FaceState]]:
    """The faces in these boxes of one picture, one for each box in order: `LOOKS` looks, the last with all nets
    and from three distances. `rolls`: by how much each is turned clockwise, where that is known (radians). Imported
    nets look once, upright, and take the detector's `scores` for their own."""
    camera = parts.cameras.portrait(image.shape[1], image.shape[0], boxes)
    estimator = parts.estimator
    if isinstance(estimator, ImportedEstimator):
        answers = estimator.look(image, camera, boxes, scores)
        return camera, [_single_face(i, coeffs, parts.model, camera) for i, coeffs in enumerate(answers)]
    angles = rolls or [0.0] * len(boxes)
    crops = [estimator.box_crop(box, camera, roll) for box, roll in zip(boxes, angles, strict=True)]
    for _ in range(LOOKS - 1):
        crops = [estimator.pose_crop(found.pose) for found in estimator.estimate(image, camera, crops)]
    answers = estimator.estimate_surely(image, camera, crops)
    if parts.eyes is not None:
        shapes = [answer.shape for answer in answers if answer.shape is not None]
        answers = parts.eyes.read(image, camera, answers, shapes)
    return camera, [_single_face(i, coeffs, parts.model, camera) for i, coeffs in enumerate(answers)]


def look_for_faces(
    parts: Parts, image: Image, settings: TrackerSettings, *, patient: bool
) -> tuple[Camera, list[FaceState]]:
    """The faces of one picture, and its camera."""
    if isinstance(parts.estimator, ImportedEstimator):
        return _look_where_found(parts, image, settings, patient=patient)
    candidates: list[tuple[Found, FaceState]] = []
    kept: list[tuple[Found, FaceState]] = []
    for found in searches(parts.detector, image, patient=patient):
        _, faces = look_at_boxes(parts, image, [one.xyxy for one in found], [one.roll for one in found])
        candidates += zip(found, faces, strict=True)
        kept = _real(candidates, settings)
        if kept and all(face.raw.pose_sigma_deg < DOUBT_DEG for _, face in kept):
            break
    kept = kept[: settings.max_faces]
    camera = kept[0][1].camera if kept else parts.cameras.portrait(image.shape[1], image.shape[0], [])
    faces = [face for _, face in kept]
    if len(kept) < len(candidates):  # what was no face has no say in what the camera is
        camera, faces = look_at_boxes(parts, image, [one.xyxy for one, _ in kept], [one.roll for one, _ in kept])
    return camera, [replace(face, id=i) for i, face in enumerate(faces)]


def _look_where_found(
    parts: Parts, image: Image, settings: TrackerSettings, *, patient: bool
) -> tuple[Camera, list[FaceState]]:
    """The same for nets that know no faces: what the detector finds first, upright, is one, as surely as it says."""
    ways = ([one for one in found if not one.roll] for found in searches(parts.detector, image, patient=patient))
    found = next(filter(None, ways), [])
    kept = sorted(found, key=lambda one: -_area(one.xyxy))[: settings.max_faces]
    return look_at_boxes(parts, image, [one.xyxy for one in kept], scores=[one.score for one in kept])


def _real(candidates: Sequence[tuple[Found, FaceState]], settings: TrackerSettings) -> list[tuple[Found, FaceState]]:
    """Those that are faces, each once as the nets are surest of it, largest first."""
    sure = [
        (one, face)
        for one, face in candidates
        if face.confidence >= settings.presence_new and face.raw.pose_sigma_deg <= settings.max_sigma_deg
    ]
    kept: list[tuple[Found, FaceState]] = []
    for one, face in sorted(sure, key=lambda pair: pair[1].raw.pose_sigma_deg):
        others = np.array([other.box for _, other in kept], dtype=np.float64)
        same = SAME_FACE if face.raw.pose_sigma_deg < DOUBT_DEG else SAME_DOUBTFUL
        if not kept or overlap(face.box[None].astype(np.float64), others).max() < same:
            kept.append((one, face))
    return sorted(kept, key=lambda pair: -_area(pair[1].box))


def _area(box: FloatArray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _single_face(index: int, coeffs: FaceCoeffs, model: FaceModel, camera: Camera) -> FaceState:
    assert coeffs.shape is not None  # it was asked for
    return FaceState(
        id=index,
        status="tracked",
        confidence=coeffs.presence,
        pose=coeffs.pose,
        expression=coeffs.expression,
        extras=coeffs.extras,
        eyes=coeffs.eyes,
        shape=coeffs.shape,
        raw=coeffs,
        identity=IdentityState(coeffs.shape, frozen=False, frames=1),
        model=model,
        camera=camera,
    )
