"""A recording played again: a table's frames at their own times, to the targets of `--send` or into your own loop.

import realtime3d as r3d

recording = r3d.read_table("clip.csv")
for result in recording:
    print(result.frame.index, [face.euler_deg() for face in result.faces])
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from realtime3d.clock import NS_PER_S, Pacer
from realtime3d.face.state import FrameResult
from realtime3d.sinks.base import Sink
from realtime3d.sinks.made_for import check_made_for
from realtime3d.sinks.read_back import Recording, read_recording
from realtime3d.sinks.read_pictures import is_of_pictures, read_pictures


def read_table(path: str | Path, *, models: str = "default") -> Recording:
    """The results in a table of `realtime3d video`, `live` or `images`; `models` as when it was written.

    SourceError where the file beside the table says that it was made with another face model."""
    from realtime3d.tracker import FaceTracker

    model, path = FaceTracker(models=models).model, Path(path)
    check_made_for(path, model)
    return read_pictures(path, model) if is_of_pictures(path) else read_recording(path, model)


def moments(recording: Recording, *, pace: float = 1.0, loop: bool = False) -> Iterator[FrameResult]:
    """The frames at their times; with `loop` again and again, with times that go on."""
    pacer = Pacer(pace)
    for turn in itertools.count():
        later_ns = round(turn * recording.duration_s * NS_PER_S)
        for result in recording:
            frame = replace(result.frame, t_ns=result.frame.t_ns + later_ns)
            pacer.wait(frame.t_ns / NS_PER_S)
            yield replace(result, frame=frame)
        if not loop:
            return


def play(results: Iterable[FrameResult], sinks: Sequence[Sink]) -> int:
    """Give every result to all sinks, which are open; how many there were."""
    count = 0
    for result in results:
        for sink in sinks:
            sink.write(result, None)
        count += 1
    return count
