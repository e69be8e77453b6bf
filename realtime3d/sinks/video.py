"""The overlay video: H.264 in MP4, times and sound of the input kept, playable wherever a run is killed."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np

from realtime3d.errors import MissingError, OutputError, SourceError, first_line
from realtime3d.face.state import FrameResult
from realtime3d.files import open_new, output_error
from realtime3d.sinks.killed_video import KilledVideo, previous_video
from realtime3d.sinks.tables import RESUME_SLACK_S
from realtime3d.sources.sound import Sound
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

TIME_BASE = Fraction(1, 90_000)
ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
# No B-frames: packets then lie in the order of their times, and a killed video can be cut and continued anywhere.
ENCODER_OPTIONS = {"libx264": {"preset": "superfast", "crf": "20", "bf": "0"}}
KEY_FRAME_EVERY = 60  # frames; also where a viewer can jump to
# Fragments of a second while the run goes on, an ordinary MP4 once it has ended. The header waits for the first
# fragment (`delay_moov`): only then can it say that sound and picture begin a little after 0.
MOVFLAGS = "hybrid_fragmented+frag_keyframe+delay_moov+default_base_moof"

# Of a packet, by libav; never of a disk.
REFUSALS = (av.error.InvalidDataError, av.error.ArgumentError, av.error.PermissionError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """What the overlay takes from its input."""

    fps: float | None = None  # nominal, for the header: times come from the frames
    zero_ns: int = 0  # `Frame.t_ns` that is time 0 of the video: SourceInfo.zero_ns, or the wanted start
    sound: Path | None = None  # the file whose sound is kept
    sound_start_s: float = 0.0  # in that file, of time 0 of the video
    sound_end_s: float | None = None
    resume_s: float | None = None  # keep the frames before this time of the video and go on; None starts anew


class VideoSink:
    """Encodes the drawn pictures. The first one fixes the size; others are fitted into it with black bars."""

    needs_image = True

    def __init__(self, path: Path, options: VideoOptions) -> None:
        self._path, self._options = path, options
        self._container: Any = None
        self._sound: Sound | None = None
        self._file: _NewFile | None = None
        self._waiting: Any = None  # the packet that has not been written yet
        self._last_pts = -1
        self._failed = False

    def __enter__(self) -> Self:
        self._previous = self._set_previous_aside() if self._options.resume_s is not None else None
        if self._previous is None:
            self._file = _NewFile(self._path)
        return self

    def _set_previous_aside(self) -> Path | None:
        """The killed run's video under another name, until what it holds has been copied."""
        aside = previous_video(self._path)
        try:
            if aside.exists():
                self._path.unlink(missing_ok=True)  # the copy that was begun
            elif self._path.exists():
                os.replace(self._path, aside)
        except OSError as error:
            raise output_error(aside, error) from error
        return aside if aside.exists() else None

    def write(self, result: FrameResult, image: Image | None) -> None:
        if image is None:
            raise ValueError("the video needs the drawn picture of every frame")
        with self._errors():
            if self._container is None:
                self._open(*image.shape[:2])
            pts = round(Fraction(result.frame.t_ns - self._options.zero_ns, 1_000_000_000) / TIME_BASE)
            self._last_pts = max(pts, self._last_pts + 1)
            self._mux(self._stream.encode(self._frame(image, self._last_pts)))

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            self._failed = True
            raise output_error(self._path, error) from error

    def _open(self, height: int, width: int) -> None:
        previous = KilledVideo(self._previous) if self._previous is not None else None
        if previous is not None and previous.size is not None:
            width, height = previous.size
        self._size = (width + width % 2, height + height % 2)  # 4:2:0 needs even numbers
        options = {"movflags": MOVFLAGS, "frag_duration": "1000000", "flush_packets": "1"}
        self._file = self._file or _NewFile(self._path)
        self._container = av.open(self._file, "w", format="mp4", options=options)
        self._stream = self._new_stream()
        if self._options.sound is not None:
            with contextlib.suppress(SourceError, IndexError):  # the input was read before: it has no sound
                self._sound = Sound(self._options.sound, self._options.sound_start_s, self._options.sound_end_s)
                self._sound.add_to(self._container)
        if previous is not None:
            self._copy(previous)

    def _new_stream(self) -> Any:
        name = encoder()
        self._rate = Fraction(self._options.fps or 30).limit_denominator(1001)
        stream: Any = self._container.add_stream(name, rate=self._rate, options=ENCODER_OPTIONS.get(name, {}))
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        stream.codec_context.gop_size = KEY_FRAME_EVERY
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.SMPTE170M
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        return stream

    def _frame(self, image: Image, pts: int) -> Any:
        import cv2

        fitted = fit(image, *self._size)
        planes: Any = cv2.cvtColor(fitted, cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = pts, TIME_BASE
        return frame

    def _mux(self, packets: Iterable[Any]) -> None:
        """Write packets with the sound that belongs before them, one late: how long a frame is shown is known when
        the next one comes, and MP4 stores durations."""
        for packet in packets:
            if self._waiting is not None:
                self._write(self._waiting, packet.dts * packet.time_base)
            self._waiting = packet

    def _write(self, packet: Any, until: Fraction) -> None:
        packet.duration = round(until / packet.time_base) - packet.dts
        if self._sound is not None:
            self._add_sound(self._sound, float(packet.dts * packet.time_base))
        self._container.mux(packet)

    def _add_sound(self, sound: Sound, until_s: float) -> None:
        try:
            for packet in sound.until(until_s):
                self._container.mux(packet)
        except REFUSALS as error:
            _log.warning("%s goes on without sound: MP4 does not take it (%s)", self._path, first_line(error))
            sound.close()

    def _copy(self, previous: KilledVideo) -> None:
        """Take over, without encoding again, the frames of the killed run before the point where this one begins."""
        limit = self._options.resume_s or 0.0
        self._container.start_encoding()
        if not previous.fits(self._stream):
            container, self._container = self._container, None  # so that leaving puts the killed run's video back
            container.close()
            previous.close()
            raise OutputError(
                f"{self._path} was made with another encoder and cannot be continued: add --overwrite to make it anew"
            )
        for packet in previous.packets_before(limit - RESUME_SLACK_S):
            self._last_pts = round(packet.pts * packet.time_base / TIME_BASE)
            packet.stream = self._stream
            self._mux([packet])
        previous.remove()

    def __exit__(self, *failure: object) -> None:
        try:
            if self._container is None:
                self._remove_empty()
            else:
                self._finish()
        finally:
            if self._sound is not None:
                self._sound.close()
            if self._file is not None:
                self._file.close()

    def _finish(self) -> None:
        container, self._container = self._container, None
        if self._failed:
            with contextlib.suppress(av.error.FFmpegError, OSError):  # told already; the fragments written are whole
                container.close()
            return
        self._container = container
        with self._errors():
            self._mux(self._stream.encode(None))
            if self._waiting is not None:
                self._write(self._waiting, self._waiting.dts * self._waiting.time_base + 1 / self._rate)
            container.close()
        self._container = None

    def _remove_empty(self) -> None:
        """No frame was written: leave no file that is no video, and put the killed run's one back."""
        if self._previous is not None:
            os.replace(self._previous, self._path)
        elif self._path.exists() and self._path.stat().st_size == 0:
            self._path.unlink()


class _NewFile:
    """What FFmpeg writes into: a file that did not exist, every piece completely."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = open_new(path)
        except OSError as error:
            raise output_error(path, error) from error

    def write(self, piece: bytes) -> int:
        view = memoryview(piece)
        while view:
            view = view[os.write(self._file, view) :]
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._file, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._file, 0, os.SEEK_CUR)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def encoder() -> str:
    """The name of the H.264 encoder that this PyAV has."""
    for name in ENCODERS:
        with contextlib.suppress(av.codec.codec.UnknownCodecError):
            return av.Codec(name, "w").name
    raise MissingError("PyAV has no H.264 encoder: pip install --force-reinstall av, or leave out the overlay")


def fit(image: Image, width: int, height: int) -> Image:
    """The picture in (height, width): odd sizes get their last row and column twice, others are scaled into bars."""
    import cv2

    h, w = image.shape[:2]
    if (w, h) == (width, height):
        return image
    if 0 <= width - w <= 1 and 0 <= height - h <= 1:
        return np.pad(image, ((0, height - h), (0, width - w), (0, 0)), mode="edge")
    scale = min(width / w, height / h)
    w, h = max(1, round(w * scale)), max(1, round(h * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    x, y = (width - w) // 2, (height - h) // 2
    canvas[y : y + h, x : x + w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    return canvas
