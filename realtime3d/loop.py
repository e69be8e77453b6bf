"""The loop: one frame in, one `FrameResult` out. `FrameLoop.step` is the whole of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from realtime3d.clock import Stopwatch
from realtime3d.config import Config
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera
from realtime3d.nets.crop import Crop
from realtime3d.nets.estimate import LOOKS, SEEN
from realtime3d.parts import Parts
from realtime3d.tracking.identity import IdentityCache, LongestSeen
from realtime3d.tracking.life import TrackedFace
from realtime3d.tracking.smooth import Smoother
from realtime3d.tracking.tracks import Tracks
from realtime3d.types import FaceCoeffs, FloatArray, Frame, IdentityState, Image, Track

BEFORE_PICTURES = Camera.from_fov(640, 480)  # of the tracks, until the first picture says better


class FrameLoop:
    """One stream of frames. All its memory is in `tracks`, `identities` and `smoother`."""

    def __init__(
        self,
        parts: Parts,
        config: Config,
        *,
        tracks: Tracks | None = None,
        identities: IdentityCache | None = None,
        smoother: Smoother | None = None,
        longest_seen: LongestSeen | None = None,
        profile: FloatArray | None = None,
        first_id: int = 0,
    ) -> None:
        """What is not handed in is made as `config` says. `profile` is the shape of a person who is known already; new
        faces get ids from `first_id` on; `longest_seen` is told of every identity."""
        model = parts.model
        self._parts, self._estimator = parts, parts.for_streams()
        self.identities = identities or IdentityCache(model, config.identity, profile)
        points = model.landmarks("ibug68", model.mean)
        self.tracks = tracks or Tracks(BEFORE_PICTURES, points, config.track, self.identities.distance, first_id)
        self.smoother = smoother or (Smoother.for_model(model, config.smooth) if config.smooth.enabled else None)
        self._longest_seen = longest_seen or LongestSeen()
        self._camera: Camera | None = None
        self.last: FrameResult | None = None
        self._lost_unseen: tuple[int, ...] = ()  # ids that ended while no picture came

    def use(self, parts: Parts, config: Config) -> None:
        """Other parts and settings from the next frame on; the face model stays the same, and so does all memory."""
        self._parts, self._estimator = parts, parts.for_streams()
        self._camera = None
        self.identities.settings = config.identity
        self.tracks.use(config.track)
        if not config.smooth.enabled:
            self.smoother = None
        elif self.smoother is None or self.smoother.settings != config.smooth:
            self.smoother = Smoother.for_model(parts.model, config.smooth)

    def rename(self, names: Mapping[int, int], next_id: int, frozen: Mapping[int, IdentityState]) -> None:
        """Other ids for the faces known now, and identities that are known by the new id."""
        given = self.tracks.rename(names, next_id)
        self.identities.rename(given, frozen)
        if self.smoother:
            self.smoother.rename(given)

    def step(self, frame: Frame, dropped: int = 0) -> FrameResult:
        """Find, follow and measure the faces of the next frame; `dropped` frames were lost before it."""
        watch = Stopwatch()
        camera = self._camera_of(frame.image)
        with watch.measure("detect"):
            boxes = self._parts.detector.detect(frame) if self.tracks.needs_detection(frame.t_ns) else None
        with watch.measure("track"):
            tracks = self.tracks.update(boxes, frame.t_ns)
        answers = self._look(frame.image, camera, tracks, watch)
        with watch.measure("track"):
            outcome = self.tracks.confirm(answers)
        with watch.measure("smooth"):
            faces = tuple(self._state(face, frame.t_ns, camera) for face in outcome.faces)
            self._forget(outcome.lost, frame.t_ns)
        lost, self._lost_unseen = self._lost_unseen + outcome.lost, ()
        self.last = FrameResult(frame, faces, lost, watch.seconds, dropped, camera)
        return self.last

    def _look(self, image: Image, camera: Camera, tracks: Sequence[Track], watch: Stopwatch) -> list[FaceCoeffs]:
        """The nets' answers, in the order of `tracks`. A face just found by its box, or not where it was expected, is
        looked at again where the answer says it is."""
        estimator = self._estimator
        new = [track.pose is None for track in tracks]
        crops = [self._crop(track, camera) for track in tracks]
        shapes = [not is_new and self._wants_shape(track.id) for is_new, track in zip(new, tracks, strict=True)]
        answers = estimator.estimate(image, camera, crops, shapes, watch)
        again = [i for i, answer in enumerate(answers) if new[i] or estimator.misses(crops[i], answer)]
        for _ in range(LOOKS - 1):
            if not again:
                break
            closer = [estimator.pose_crop(answers[i].pose) for i in again]
            shapes = [self._wants_shape(tracks[i].id) for i in again]
            for i, crop, answer in zip(
                again, closer, estimator.estimate(image, camera, closer, shapes, watch), strict=True
            ):
                crops[i], answers[i] = crop, answer
            again = [i for i in again if estimator.misses(crops[i], answers[i])]
        return self._look_at_eyes(image, camera, tracks, answers, watch)

    def _look_at_eyes(
        self, image: Image, camera: Camera, tracks: Sequence[Track], answers: list[FaceCoeffs], watch: Stopwatch
    ) -> list[FaceCoeffs]:
        """The same with what the eyes' own pixels say, of those that show a face."""
        reader = self._parts.eyes
        there = [i for i, answer in enumerate(answers) if answer.presence > SEEN]
        if reader is None or not there:
            return answers
        with watch.measure("eyes"):
            shapes = [self._shape(tracks[i], answers[i]) for i in there]
            read = reader.read(image, camera, [answers[i] for i in there], shapes)
        known = dict(zip(there, read, strict=True))
        return [known.get(i, answer) for i, answer in enumerate(answers)]

    def _shape(self, track: Track, answer: FaceCoeffs) -> FloatArray:
        """The identity as it is known before this frame."""
        identity = self.identities.get(track.id)
        if identity is not None:
            return identity.shape
        return answer.shape if answer.shape is not None else np.zeros(self._parts.model.n_shape, np.float32)

    def _crop(self, track: Track, camera: Camera) -> Crop:
        if track.pose is not None:
            return self._estimator.pose_crop(track.pose)
        assert track.box is not None  # a track has one of both
        return self._estimator.box_crop(track.box.xyxy, camera)

    def _wants_shape(self, track_id: int) -> bool:
        return self.identities.wants_shape(track_id) or self.tracks.asks_shape(track_id)

    def miss(self, t_ns: int) -> FrameResult | None:
        """Time goes on without a picture: faces become held, then lost. The last result as of now, if there is one.

        Who is lost is told again by the next `step`.
        """
        camera = self.tracks.camera
        if self.last is None:
            return None
        outcome = self.tracks.miss(t_ns)
        faces = tuple(self._state(face, t_ns, camera) for face in outcome.faces)
        self._forget(outcome.lost, t_ns)
        self._lost_unseen += outcome.lost
        self.last = replace(self.last, faces=faces, lost=outcome.lost, timings={}, dropped=0)
        return self.last

    def _camera_of(self, image: Image) -> Camera:
        """The camera of this picture, which follows when the size changes."""
        height, width = image.shape[:2]
        if self._camera is None or (self._camera.width, self._camera.height) != (width, height):
            self._camera = self.tracks.camera = self._parts.cameras.camera(width, height)
        return self._camera

    def _state(self, face: TrackedFace, t_ns: int, camera: Camera) -> FaceState:
        """A tracked face with its identity and its smoothed coefficients."""
        identity = self.identities.get(face.id) if face.status == "held" else None
        if identity is None:
            identity = self.identities.update(face.id, face.coeffs, t_ns)
        self._longest_seen.take(identity)
        smooth = self.smoother(face.id, face.coeffs, t_ns) if self.smoother else face.coeffs
        return FaceState(
            id=face.id,
            status=face.status,
            confidence=face.confidence,
            pose=smooth.pose,
            expression=smooth.expression,
            extras=smooth.extras,
            eyes=smooth.eyes,
            shape=identity.shape,
            raw=face.coeffs,
            identity=identity,
            model=self._parts.model,
            camera=camera,
            neutral=self.identities.neutral(face.id) if identity.frozen else None,
        )

    def relearn(self) -> None:
        """Learn the shapes of the faces of the last frame again."""
        self._longest_seen.forget()
        for face in self.last.faces if self.last else ():
            self.identities.relearn(face.id)

    def _forget(self, lost: Sequence[int], t_ns: int) -> None:
        for track_id in lost:
            self.identities.drop(track_id, t_ns)
            if self.smoother:
                self.smoother.drop(track_id)
