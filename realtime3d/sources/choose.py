"""From what the user names to the source that reads it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

from realtime3d.clock import LONGEST_S
from realtime3d.errors import UsageError
from realtime3d.process import keep_freed_pages
from realtime3d.sources.base import STDIN, Source, SourceOptions, SourceSpec, is_open
from realtime3d.sources.pictures import names_pictures

DEFAULTS = SourceOptions()


def open_source(spec: SourceSpec, options: SourceOptions = DEFAULTS) -> Source:
    """Open what `spec` names and return it ready to iterate; the caller closes it.

    - a number, a string of digits or `/dev/video0`: a camera;
    - `-`: a video of any container from the standard input;
    - `scheme://...`: a stream (RTSP, HTTP, UDP ...);
    - a folder of pictures, a glob (`frames/*.png`), a pattern (`frames/%05d.png`), one picture or a list of them;
    - any other path: a video file;
    - an iterable of pictures, or of `(seconds, picture)`: (H, W[, 1, 3 or 4]) uint8 or uint16, BGR order;
    - a source that is open: it is returned as it is.

    >>> with r3d.open_source(clip, r3d.SourceOptions(start_s=1.0, end_s=1.1)) as source:
    ...     [frame.index for frame in source]
    [25, 26, 27]
    """
    _check(options)
    keep_freed_pages()
    if is_open(spec):
        return spec
    if isinstance(spec, int) or (isinstance(spec, str) and is_camera(spec)):
        from realtime3d.sources.camera import open_camera

        return open_camera(spec, options)
    if isinstance(spec, (str, Path)):
        return _open_path(str(spec), options)
    if isinstance(spec, Iterable):
        return _open_items(spec, options)
    raise UsageError(f"{spec!r} is no source: name a camera number, a URL, a file, a folder or give pictures")


def is_camera(source: str) -> bool:
    """Whether an input is a camera, by number or by path."""
    return source.isdecimal() or source.startswith("/dev/video")


def is_file_name(source: str) -> bool:
    """Whether an input must be there as a file or folder, and is not a stream, a camera or a pattern."""
    return (
        source != STDIN and "://" not in source and not is_camera(source) and not any(mark in source for mark in "%*?[")
    )


def _check(options: SourceOptions) -> None:
    if options.every < 1:
        raise UsageError(f"every must be at least 1, not {options.every}")
    times = [options.start_s] + ([] if options.end_s is None else [options.end_s])
    if not all(0 <= time < LONGEST_S for time in times) or times != sorted(set(times)):
        raise UsageError(f"the end ({options.end_s} s) must come after the start ({options.start_s} s)")
    if options.fps is not None and not 0 < options.fps < 10_000:
        raise UsageError(f"fps must be positive, not {options.fps}")


def _open_path(name: str, options: SourceOptions) -> Source:
    if "://" in name and options.live is not False:
        from realtime3d.sources.stream import open_stream

        return open_stream(name, options)
    if names_pictures(name):
        from realtime3d.sources.pictures import open_pictures

        return open_pictures(name, options)
    from realtime3d.sources.video import VideoFile

    return VideoFile(name, options)


def _open_items(items: Iterable[object], options: SourceOptions) -> Source:
    from realtime3d.sources.pictures import ArraySource, PictureSequence

    if isinstance(items, (list, tuple)) and items and all(isinstance(item, (str, Path)) for item in items):
        return PictureSequence([Path(cast("str | Path", item)) for item in items], options)
    return ArraySource(items, options)


def parse_time(text: str) -> float:
    """Seconds from `12.5`, `MM:SS` or `HH:MM:SS[.fff]`."""
    parts = text.strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(0 <= n < LONGEST_S for n in numbers) or any(n >= 60 for n in numbers[1:]):
        raise UsageError(f"{text!r} is no time: write seconds (12.5) or HH:MM:SS (0:01:12.5)")
    seconds = 0.0
    for number in numbers:
        seconds = seconds * 60 + number
    if seconds >= LONGEST_S:
        raise UsageError(f"{text!r} is no time in any film: write seconds (12.5) or HH:MM:SS (0:01:12.5)")
    return seconds
