"""What any viewer of a run can ask for, be it the window or the page: one method a wish.

Everything here belongs to the thread that runs the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.clock import to_s
from realtime3d.errors import OutputError
from realtime3d.face.state import FrameResult
from realtime3d.files import output_error
from realtime3d.geometry import Matrix, flipped_box, matrix_to_head_angles
from realtime3d.render.base import Mode, Renderer, next_mode
from realtime3d.sinks.base import Sink
from realtime3d.sinks.choose import OUTPUTS, by_sidecar
from realtime3d.sinks.pictures import save_snapshot
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sinks.writers import Draw, QueuedWriter, one_at_a_time
from realtime3d.sources.base import SourceInfo
from realtime3d.sources.pixels import flipped
from realtime3d.tracker import FaceTracker
from realtime3d.types import FloatArray, Image

if TYPE_CHECKING:
    from realtime3d.avatar.options import Sending

CENTRE_S = 1.0  # over which the head's rest is taken
Tables = Callable[[Mapping[str, Path]], Sequence[Sink]]  # kind -> file to what writes them


class Recording:
    """Files that are written from one frame of a run to another."""

    def __init__(self, files: Sequence[Path], sinks: Sequence[Sink], draw: Draw, start_ns: int) -> None:
        self.files, self.start_ns, self.end_ns, self.frames = list(files), start_ns, start_ns, 0
        wanted = any(sink.needs_image for sink in sinks)
        with ExitStack() as opened:
            self._writer = opened.enter_context(QueuedWriter(sinks, draw if wanted else None))
            self._open = opened.pop_all()

    @property
    def seconds(self) -> float:
        return to_s(self.end_ns - self.start_ns)

    def write(self, result: FrameResult, image: Image | None) -> None:
        """One result; its picture is drawn by a thread of the recording's own where none is given."""
        self._writer.write(result, image)
        self.end_ns, self.frames = result.frame.t_ns, self.frames + 1

    def close(self) -> None:
        """Finish the files."""
        self._open.close()


class Controls:
    """Wishes about one run. Snapshots and recordings go into `folder`; `said` answers the last wish in a few words."""

    def __init__(
        self,
        tracker: FaceTracker,
        renderer: Renderer,
        info: SourceInfo,
        folder: Path,
        tables: Tables | None = None,
        sending: Sending | None = None,
    ) -> None:
        """`tables` makes the sinks of what is recorded beside the overlay; `sending` is what the run sends."""
        self._sending = sending
        self._tracker, self._renderer, self._info, self._folder = tracker, renderer, info, folder
        self._tables = tables
        self._draw = one_at_a_time(renderer.draw)  # a recording draws in a thread of its own
        self._result: FrameResult | None = None
        self._image: Image | None = None
        self._centres: dict[int, Matrix] = {}
        self.recording: Recording | None = None
        self._to_record: Sequence[str] = ()  # from the first result on
        self.paused = False
        self.said = ""
        self.saved: list[Path] = []

    def see(self, result: FrameResult, image: Image | None = None) -> None:
        """What the run has found now; `image` where it is drawn already. A recording gets it, too."""
        self._result, self._image = result, image
        if self._to_record:
            kinds, self._to_record = self._to_record, ()
            self._begin(kinds, result.frame.t_ns)
        if self.recording:
            self.recording.write(result, image)

    # -- wishes -------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        self.paused = not self.paused
        self.said = "paused" if self.paused else "going on"

    def snapshot(self) -> None:
        """The picture as PNG, with what is drawn over it."""
        if self._result is None:
            self.said = "nothing to save yet"
            return
        image = self._image
        if image is None:
            image = self._draw(self._result.frame.image, self._result)
        self.saved.append(save_snapshot(self._folder, image))
        self.said = f"saved {self.saved[-1].name}"

    def mode(self, mode: Mode | None = None) -> None:
        """Another overlay; the next one where none is named."""
        style = self._renderer.style
        self._renderer.style = replace(style, mode=mode or next_mode(style.mode))
        self.said = f"overlay: {self._renderer.style.mode}"

    def relearn(self) -> None:
        """Learn who is there again."""
        self._tracker.relearn_identity()
        self.said = "learning identities again"

    def recentre(self) -> None:
        """Angles from how the heads are now; again: as measured."""
        faces = self._result.faces if self._result else ()
        self._centres = {} if self._centres else {face.id: face.pose.R for face in faces}
        self.said = "angles from here" if self._centres else "angles as measured"
        if self._sending and self._centres:
            self._sending.learner.learn("head", CENTRE_S)
        elif self._sending:
            self._sending.learner.uncentre()

    def neutral(self) -> None:
        """Learn the neutral face of what is sent."""
        if self._sending and self._sending.senders:
            self._sending.learner.learn("neutral")
        else:
            self.said = "nothing is sent: start with --send URL"

    def look_at(self, boxes: FloatArray) -> FrameResult | None:
        """The faces in boxes (N, 4) of the picture that is shown, whatever was found there; the run pauses.

        None where there is no picture yet. The faces' ids count from 0 and have nothing to do with those of the run.
        """
        if self._result is None:
            self.said = "no picture yet"
            return None
        frame, image = self._result.frame, self._result.frame.image
        if self._tracker.config.camera.mirror:  # it flips what it is given
            image, boxes = flipped(image), flipped_box(boxes, image.shape[1])
        found = self._tracker.process_boxes(image, boxes)
        self._result, self._image, self.paused = replace(found, frame=frame), None, True
        self.said = "in the box: " + ", ".join(f"a face, {face.confidence:.0%} sure" for face in found.faces)
        return self._result

    def record(self, kinds: Sequence[str] = ("overlay",)) -> None:
        """Begin a recording of these kinds (`sinks.choose.OUTPUTS`), or end the one that goes on.

        Before the first picture, it begins with that.
        """
        if self.recording:
            self.end_recording()
            self.said = f"saved {self.saved[-1].name}"
        elif self._result:
            self._begin(kinds, self._result.frame.t_ns)
            self.said = f"recording {self.saved[-1].name}"
        else:
            self._to_record, self.said = tuple(kinds), "recording from the first picture on"

    def end_recording(self) -> None:
        """Finish the files of a recording, if there is one."""
        recording, self.recording = self.recording, None
        if recording:
            recording.close()
            heads = [path for path in recording.files if path.suffix == OUTPUTS["glb"].suffix]  # one for each face
            self.saved += [other for path in heads for other in sorted(path.parent.glob(f"{path.stem}_*{path.suffix}"))]

    # -- what they say ------------------------------------------------------------------------------------------------

    def angles_from_centre(self) -> dict[int, tuple[float, float, float]]:
        """Face id -> (pitch, yaw, roll) in degrees from where it was centred; none while angles are as measured."""
        angles = {}
        for face in self._result.faces if self._result else ():
            if face.id in self._centres:
                pitch, yaw, roll = np.degrees(matrix_to_head_angles(self._centres[face.id].T @ face.pose.R))
                angles[face.id] = (float(pitch), float(yaw), float(roll))
        return angles

    def _begin(self, kinds: Sequence[str], start_ns: int) -> None:
        files = self._free_names(kinds)
        tables = {kind: path for kind, path in files.items() if kind != "overlay"}
        if tables and self._tables is None:
            raise OutputError(f"{', '.join(tables)} cannot be recorded here: only the overlay can")
        sinks: list[Sink] = list(self._tables(tables)) if tables and self._tables else []
        if "overlay" in files:
            sinks.append(VideoSink(files["overlay"], VideoOptions(fps=self._info.fps, zero_ns=start_ns)))
        written = [*files.values(), *by_sidecar(tables)]
        self.recording = Recording(written, sinks, self._draw, start_ns)
        self.saved += written

    def _free_names(self, kinds: Sequence[str]) -> dict[str, Path]:
        """Names of one number that no file has yet."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            taken = {path.name.split(".")[0] for path in self._folder.glob("recording-*")}
        except OSError as error:
            raise output_error(self._folder, error) from error
        number = 1
        while f"recording-{number:04d}" in taken:
            number += 1
        return {kind: self._folder / f"recording-{number:04d}{OUTPUTS[kind].suffix}" for kind in kinds}
