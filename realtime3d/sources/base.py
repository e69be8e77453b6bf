"""The seam of input: a `Source` gives frames.

    with realtime3d.sources.choose.open_source("clip.mp4") as source:
        for item in source:
            if isinstance(item, Gap):      # live sources only: nothing has arrived for a while, time goes on
                ...
            else:                          # a Frame
                ...

A file's source gives every frame with its real presentation time and ends; it never gives a `Gap`. A live source gives
the newest frame, drops the others, survives an unplugged camera or a dying server, and gives a `Gap` every
`SourceOptions.tick_s` while nothing arrives, so that the loop can let tracks become held and lost and repaint its
window. The end of the iterator is the end of the input; a failure is a `SourceError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeGuard

from realtime3d.errors import SourceError
from realtime3d.types import Frame

if TYPE_CHECKING:
    from typing import TypeGuard

    from typing_extensions import Self


SourceSpec: TypeAlias = int | str | Path | Iterable[Any]  # what `open_source` takes
STDIN = "-"  # names the standard input
State = Literal["running", "waiting", "reconnecting", "ended"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source once it is open. `None` means that it cannot be known."""

    name: str  # as shown to the user and written into `Frame.source`
    width: int  # px, after rotation and non-square pixels are put right; of the first frame
    height: int  # px, likewise
    fps: float | None  # nominal: times come from `Frame.t_ns`, never from this
    frames: int | None  # in the whole source, as its header says: an estimate for progress bars
    duration_s: float | None  # as its header says
    live: bool = False  # a camera or stream: time goes on without frames
    has_audio: bool = False  # an overlay film gets the sound
    zero_ns: int = 0  # `Frame.t_ns` of timestamp 0: 0 for files, the moment of opening for live sources
    path: Path | None = None  # the file, where there is one: outputs must not be equal to it


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A snapshot of how a source is doing."""

    state: State = "running"  # waiting: nothing has arrived for a while
    message: str = ""  # one line for the window, e.g. "camera 0 is gone, next try in 2 s"
    dropped: int = 0  # captured and replaced by a newer one before anybody took them; since opening
    warnings: tuple[str, ...] = ()  # e.g. a truncated file; also logged when they happen


@dataclass(frozen=True, slots=True)
class Gap:
    """A tick of a live source without a picture: `t_ns` is now, on the clock of the source's frames."""

    t_ns: int  # now
    status: SourceStatus  # why there is nothing


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How to read a source. What does not apply to a kind of source is ignored by it."""

    start_s: float = 0.0  # files and sequences: the first frame at or after it; exact
    end_s: float | None = None  # files and sequences: frames before it
    every: int = 1  # only each n-th frame, `Frame.index` still counts all
    fps: float | None = None  # asked of a camera; the rate of a picture sequence or of arrays without times (30)
    width: int | None = None  # asked of a camera
    height: int | None = None  # asked of a camera
    pixel_format: str | None = None  # asked of a camera: four characters, "MJPG"
    live: bool | None = None  # None: cameras and URLs are live; False reads every frame of a URL
    open_timeout_s: float = 10.0  # streams
    read_timeout_s: float = 5.0  # streams: silence that counts as broken
    gap_after_s: float = 0.5  # live: silence before the first `Gap`
    tick_s: float = 0.1  # live: between further ones
    backoff_s: float = 0.5  # live: wait before the first new try, doubled each time
    backoff_max_s: float = 10.0  # live: the longest wait
    give_up_s: float | None = None  # live: broken for so long is a SourceError; None tries for ever


class Source(Protocol):
    """Gives the frames of one input, once. `close` may be called twice, and while another thread iterates."""

    @property
    def info(self) -> SourceInfo:
        """What is known of the source once it is open."""
        ...

    @property
    def status(self) -> SourceStatus:
        """How it is doing now. May be asked from any thread."""
        ...

    def __iter__(self) -> Iterator[Frame | Gap]: ...

    def close(self) -> None:
        """Free the device or file; who iterates comes to the end."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


class EndsEarlier(SourceError):
    """A source has no frame in the part of it that was asked for."""


def is_open(source: SourceSpec | Source) -> TypeGuard[Source]:
    """Whether it is a source already, and not something that names one."""
    return hasattr(source, "info") and hasattr(source, "status")
