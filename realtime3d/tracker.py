"""`FaceTracker`, the public object: pictures in, faces out."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from realtime3d import stills
from realtime3d.backends.base import Backend
from realtime3d.clock import seconds_to_ns
from realtime3d.config import Config
from realtime3d.detect.base import Detector
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.face.prior import with_prior
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.nets.modelset import ModelSet
from realtime3d.parts import Own, Parts, exchanged, open_parts
from realtime3d.process import is_forked, one_thread, refuse_after_use
from realtime3d.sources.base import Gap, Source, SourceOptions, SourceSpec
from realtime3d.sources.pixels import flipped, to_bgr
from realtime3d.stream import Stream
from realtime3d.surface.looks import CloserLooks, masker_of
from realtime3d.types import Frame, IdentityState, Image

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime3d.surface.detail import Detail
    from realtime3d.surface.mask import FaceMask, LazyMasker

Results = Generator[FrameResult, None, None]


class FaceTracker:
    """Follows the faces of one stream of pictures.

        with FaceTracker() as tracker:
            result = tracker.process(image_bgr, t=0.033)

    The constructor is cheap; models, device and detector are opened by the first picture, by `open` or by `with`.
    Pictures are (H, W, 3) uint8 in BGR order; grey, 16-bit and pictures with alpha are converted, everything else is a
    ValueError. The size may change from picture to picture. A second thread is refused while one is at work.
    """

    def __init__(
        self,
        *,
        config: Config | str | Path | None = None,
        models: str | Path | None = None,
        backend: str | Backend | None = None,
        device: str | None = None,
        threads: int | None = None,
        max_faces: int | None = None,
        detect_every: int | None = None,
        boxes: str | Path | Detector | None = None,
        smooth: bool | None = None,
        fov: float | None = None,
        intrinsics: str | Path | None = None,
        mirror: bool | None = None,
        eyes: bool | None = None,
        profile: str | Path | None = None,
    ) -> None:
        """Every option overrides one entry of `config`, which is a Config or a TOML file (`realtime3d config`).

        - models: compact, accurate, or a folder with a models.toml;
        - backend, device, threads: what runs the nets; an explicit choice is never replaced by another;
        - max_faces: at most so many, the largest first; who is followed stays;
        - detect_every: frames between searches for new faces;
        - boxes: a CSV with face boxes instead of the detector, or a detector of your own;
        - smooth: False gives the nets' answers as they are;
        - fov (degrees across the longer side; 60 where nothing is known) or intrinsics (an OpenCV calibration file);
        - mirror: flip each picture left to right before anything looks at it, for sources that deliver mirrored
          pictures, or to see yourself as in a mirror. All results (boxes, poses, Left and Right, `frame.image`)
          describe the flipped picture; boxes and a calibration that you give belong to the picture as it comes;
        - eyes: False where neither gaze nor weights are wanted: a small net on the eyes' pixels is not run then;
        - profile: a file with one person's identity, used from the start where it exists, else written by `close`.
        """
        base = config if isinstance(config, Config) else Config.read(config) if config is not None else Config()
        self.config = base.with_options(
            {
                "models": None if models is None else str(models), "device": device, "threads": threads,
                "backend": backend if isinstance(backend, str) else None, "mirror": mirror, "fov": fov,
                "intrinsics": None if intrinsics is None else str(intrinsics), "detect_every": detect_every,
                "max_faces": max_faces, "smooth": smooth, "eyes": eyes,
            }
        )  # fmt: skip
        self._turn = threading.RLock()
        self._own = Own(None if isinstance(backend, str) else backend, boxes)
        self._parts: Parts | None = None
        self._stream = Stream(profile)
        self._looks = CloserLooks()

    # -- life ---------------------------------------------------------------------------------------------------------

    @one_thread
    def open(self) -> Self:
        """Load nets, face model and detector now instead of with the first picture that needs them."""
        self._opened().detector.open()
        return self

    @one_thread
    def _load(self) -> Parts:
        parts = open_parts(self.config, self._own)
        self._stream.know(parts.model)
        parts.model_set.say_notice()
        return parts

    @one_thread
    def use(self, config: Config | str | Path) -> None:
        """Other settings from the next picture on: smoothing, number of faces, detector, model set, back end, camera.

        >>> with r3d.FaceTracker(max_faces=4) as tracker:
        ...     tracker.use(tracker.config.with_options({"max_faces": 1, "smooth": False}))
        ...     tracker.config.track.max_faces
        1

        Faces keep their ids and identities unless the face model or `mirror` changes, which starts the stream anew with
        higher ids. What cannot be loaded is an error that leaves everything as it was.
        """
        old, new = self.config, config if isinstance(config, Config) else Config.read(config)
        if self._parts is None:
            self.config = new
            return
        with exchanged(self._parts, old, new, self._own) as now:
            self._stream.use(self._parts, now, new, same_pictures=new.camera.mirror == old.camera.mirror)
            self.config, self._parts = new, now
        now.model_set.say_notice()

    def close(self) -> None:
        """Free everything and, where a profile was asked for and is new, write it. May be called twice."""
        with self._turn:  # another thread's picture comes to its end first
            parts, self._parts = self._parts, None
            if parts is None:
                return
            parts.close()
            self._looks.close()
            learned, best = self._stream.end()
        if learned and not is_forked():
            self._stream.save(best, parts.model)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def model(self) -> FaceModel:
        """The face model. Opens the tracker."""
        return self._opened().model

    @property
    def model_set(self) -> ModelSet:
        """The nets in use, their files and hashes. Opens the tracker."""
        return self._opened().model_set

    @property
    def backend(self) -> Backend:
        """What runs the nets. Opens the tracker."""
        return self._opened().backend

    def identities(self) -> dict[int, IdentityState]:
        """The identities of the faces in the last result, by id."""
        return self._stream.identities()

    def _opened(self) -> Parts:
        refuse_after_use()
        if self._parts is None:
            self._parts = self._load()
        return self._parts

    # -- one stream ---------------------------------------------------------------------------------------------------

    def process(self, image: ArrayLike, t: float) -> FrameResult:
        """The next picture of one stream, taken at `t` seconds; times rise, else ValueError. Faces by id."""
        return self.process_frame(Frame(self._stream.next_index, seconds_to_ns(t), to_bgr(image)))

    @one_thread
    def process_frame(self, frame: Frame, dropped: int = 0) -> FrameResult:
        """Like `process`, for the frame of a source; `dropped` frames were lost before it."""
        self._stream.check_time(frame.t_ns)
        if self.config.camera.mirror:
            frame = Frame(frame.index, frame.t_ns, flipped(frame.image), frame.source)
        return self._stream.step(self._opened(), self.config, frame, dropped)

    @one_thread
    def miss(self, t_ns: int) -> FrameResult | None:
        """No picture at `t_ns` (a camera that is gone): faces become held, then lost. The last result as of now."""
        return self._stream.miss(t_ns)

    @one_thread
    def reset(self, first_id: int = 0) -> None:
        """Forget all faces: the next picture starts a new stream, at any time; its ids begin with `first_id`."""
        self._stream.reset(first_id)

    @one_thread
    def go_on(self, names: Mapping[int, int], next_id: int, frozen: Mapping[int, IdentityState]) -> None:
        """Go on where another run stopped: with its ids (now to then) and next id, and with identities it learned."""
        self._stream.go_on(names, next_id, frozen)

    @one_thread
    def relearn_identity(self) -> None:
        """Learn the shapes of all faces in sight again, from now on."""
        self._stream.relearn()

    def track(self, source: SourceSpec | Source, options: SourceOptions | None = None) -> Results:
        """The results of every frame of a source, from the start of a new stream.

        `source` is what `open_source` takes, or an open source, which is closed at the end.
        """
        from realtime3d.sources.choose import open_source

        self.reset()
        with open_source(source, options or SourceOptions()) as frames:
            dropped = 0
            for item in frames:
                if isinstance(item, Gap):
                    self.miss(item.t_ns)
                    continue
                before, dropped = dropped, frames.status.dropped
                yield self.process_frame(item, dropped - before)

    @one_thread
    def process_boxes(self, image: ArrayLike, boxes: ArrayLike | Sequence[ArrayLike]) -> FrameResult:
        """One picture with your own boxes [[x0, y0, x1, y1], ...] in px: one face for each box, in order.

        Any usual face box will do: it only starts the search. There is no memory: no smoothing, no cached identity, no
        link to other calls; a stream that is being processed is not disturbed. No box is dropped: a low `confidence`
        says that there may be no face. Without `fov` and calibration, the largest face is a metre away or more.
        """
        return stills.process_boxes(self._opened(), self.config, image, boxes)

    @one_thread
    def process_picture(self, image: ArrayLike, prior: str = "none") -> FrameResult:
        """One picture by itself: its faces are found, small, near and turned ones too; ids count from the largest.

        >>> with r3d.FaceTracker() as tracker, r3d.open_source(clip) as source:
        ...     result = tracker.process_picture(next(iter(source)).image)
        >>> len(result.faces)
        1

        As with `process_boxes` there is no memory. At most `max_faces` are given, and only what the nets take for
        one. A detector of your own is asked once, for the whole picture; of a file's boxes, those of frame 0 count.
        `prior`, "facs" or "emotion", moves expressions towards what is usual for a face that shows these action units
        or this emotion, the more the less the nets are sure; `face.raw` stays what they said.
        """
        found = stills.process_picture(self._opened(), self.config, image, patient=self._own.boxes is None)
        return with_prior(found, prior)

    @one_thread
    def detail(self, image: ArrayLike, face: FaceState, mask: ArrayLike | FaceMask | None = None) -> Detail:
        """Wrinkles and folds of a face, from the picture that it was found in: displacement, normals, albedo, meshes.

        `mask` (H, W) says how far each pixel is skin, 0 to 1: what is none counts as not seen; or it is one that `mask`
        gave. What the picture does not show is guessed, and `seen` says where. Without a mask of yours, the set's net
        says what hides the face. Too few pixels are a UsageError. The first call takes a second or two longer.
        """
        picture, parts = self._picture(image), self._opened()
        mask = self._masked(picture, face) if mask is None else mask
        return self._looks.detail(parts.backend, parts.detail_spec, picture, face, mask)

    @one_thread
    def mask(self, image: ArrayLike, face: FaceState) -> FaceMask:
        """What hides a face, in the picture that it was found in: skin, hair, glasses, hands and other things.

        >>> with r3d.FaceTracker() as tracker, r3d.open_source(clip) as source:
        ...     result = tracker.process_frame(next(iter(source)))
        ...     mask = tracker.mask(result.frame.image, result.faces[0])
        >>> mask.labels.shape == result.frame.image.shape[:2]
        True

        The net is opened by the first call. MissingError where the model set has none (`has_mask`).
        """
        found = self._masked(self._picture(image), face)
        if found is None:
            raise MissingError(f"the model set {self.model_set.name!r} has no net for masks: take --models compact")
        return found

    @property
    def has_mask(self) -> bool:
        """Whether the model set has a net that says what hides a face. Opens the tracker."""
        return self._opened().mask_spec is not None

    def masker(self) -> LazyMasker | None:
        """The same net once more, for another thread that draws; None where the model set has none."""
        return masker_of(self._opened().backend, self._opened().mask_spec)

    def _masked(self, picture: Image, face: FaceState) -> FaceMask | None:
        parts = self._opened()
        return self._looks.mask(parts.backend, parts.mask_spec, picture, face)

    def _picture(self, image: ArrayLike) -> Image:
        """A picture as the tracker saw it."""
        return flipped(to_bgr(image)) if self.config.camera.mirror else to_bgr(image)
