"""What a loop works with and does not own: face model, nets, detector, cameras. Opened, exchanged and closed here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from realtime3d.backends.base import Backend, NetSpec
from realtime3d.backends.choose import open_nets
from realtime3d.config import Config, ModelSettings
from realtime3d.detect.base import Detector
from realtime3d.detect.choose import create_detector
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.nets import modelset
from realtime3d.nets.estimate import Estimator
from realtime3d.nets.eyes import EyeReader
from realtime3d.nets.imported import ImportedEstimator
from realtime3d.nets.modelset import ModelSet
from realtime3d.process import is_forked, leave_to_parent
from realtime3d.sources.intrinsics import CameraModel


@dataclass(frozen=True, slots=True)
class Parts:
    """Holds no memory of a stream."""

    model: FaceModel
    estimator: Estimator | ImportedEstimator
    detector: Detector
    cameras: CameraModel
    model_set: ModelSet
    backend: Backend
    eyes: EyeReader | None = None  # None: the set has no net for them, or nobody wants it

    def for_streams(self) -> Estimator:
        """The estimator, to follow faces with; MissingError where the nets are for pictures alone."""
        if isinstance(self.estimator, ImportedEstimator):
            raise MissingError(modelset.NO_STREAM)
        return self.estimator

    @property
    def mask_spec(self) -> NetSpec | None:
        """The net that says what hides a face, where the set has one."""
        return self.model_set.more.get("mask")

    @property
    def detail_spec(self) -> NetSpec | None:
        """The net that mends the detail that was solved for, where the set has one."""
        return self.model_set.more.get("detail")

    def close(self) -> None:
        if not is_forked():
            self.estimator.close()
            if self.eyes:
                self.eyes.close()
            self.detector.close()


@dataclass(frozen=True, slots=True)
class Own:
    """What the caller of `FaceTracker` gave instead of a setting; no setting replaces it."""

    backend: Backend | None = None
    boxes: str | Path | Detector | None = None

    @property
    def detector(self) -> Detector | None:
        return None if self.boxes is None or isinstance(self.boxes, (str, Path)) else self.boxes


def open_parts(config: Config, own: Own) -> Parts:
    """Everything that `config` names, or nothing is left open."""
    cameras = CameraModel.from_config(config.camera)
    model_set, backend, nets = _open_nets(config.models, own)
    try:
        model = model_set.load_face_model()
        nets.warm_up(model)
        detector = create_detector(own.boxes, config.detector, mirror=config.camera.mirror)
    except BaseException:
        nets.close()
        raise
    return Parts(model, nets.estimator, detector, cameras, model_set, backend, nets.eyes)


@contextmanager
def exchanged(parts: Parts, old: Config, new: Config, own: Own) -> Iterator[Parts]:
    """The parts for other settings. What they replace is closed at the end; where that fails, what is new is closed."""
    now = _exchange(parts, old, new, own)
    try:
        yield now
    except BaseException:
        _close_replaced(now, parts)
        raise
    _close_replaced(parts, now)


def _exchange(parts: Parts, old: Config, new: Config, own: Own) -> Parts:
    """`parts`, with those opened anew that `new` asks for differently than `old`; what was replaced stays open."""
    changed = replace(parts, cameras=CameraModel.from_config(new.camera))
    if own.detector is None and (new.detector, new.camera.mirror) != (old.detector, old.camera.mirror):
        detector = create_detector(own.boxes, new.detector, mirror=new.camera.mirror)
        changed = replace(changed, detector=detector)
    if new.models == old.models:
        return changed
    model_set, backend, nets = _open_nets(new.models, own)
    try:
        same = model_set.files["face_model"].sha256 == parts.model_set.files["face_model"].sha256
        model = parts.model if same else model_set.load_face_model()
        nets.warm_up(model)
    except BaseException:
        nets.close()
        raise
    return replace(
        changed, model=model, estimator=nets.estimator, eyes=nets.eyes, model_set=model_set, backend=backend
    )  # fmt: skip


def _close_replaced(before: Parts, now: Parts) -> None:
    """Close what of `before` is not in `now`."""
    if now.estimator is not before.estimator:
        before.estimator.close()
        if before.eyes:
            before.eyes.close()
    if now.detector is not before.detector:
        before.detector.close()


@dataclass(frozen=True, slots=True)
class _Nets:
    estimator: Estimator | ImportedEstimator
    eyes: EyeReader | None

    def warm_up(self, model: FaceModel) -> None:
        self.estimator.warm_up(model)
        if self.eyes:
            self.eyes.warm_up(model)

    def close(self) -> None:
        self.estimator.close()
        if self.eyes:
            self.eyes.close()


def _open_nets(wanted: ModelSettings, own: Own) -> tuple[ModelSet, Backend, _Nets]:
    model_set = modelset.find(wanted.set)
    model_set.check()
    specs = {part: spec for part, spec in model_set.nets.items() if wanted.eyes or part != modelset.EYES}
    if own.backend is None:
        backend, nets = open_nets(specs, wanted.backend, wanted.device, wanted.threads)
    else:
        backend, nets = own.backend, {part: own.backend.load(spec) for part, spec in specs.items()}
    eyes = EyeReader(nets.pop(modelset.EYES)) if modelset.EYES in nets else None
    estimator: Estimator | ImportedEstimator
    if model_set.kind == modelset.IMPORTED:
        crops = {part: str(model_set.files[part].facts.get("crop")) for part in nets}
        estimator = ImportedEstimator(nets, crops)
    else:
        estimator = Estimator(nets["track"], nets["shape"])
    leave_to_parent(estimator)
    if eyes:
        leave_to_parent(eyes)
    return model_set, backend, _Nets(estimator, eyes)
