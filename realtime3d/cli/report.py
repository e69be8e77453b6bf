"""What a run says while it goes and when it is done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from realtime3d.errors import printable
from realtime3d.words import counted

if TYPE_CHECKING:
    from tqdm import tqdm

    from realtime3d.pipeline import Summary
    from realtime3d.sources.base import SourceInfo, SourceOptions

TRIFLE_S = 5e-5  # a frame: stages below are not worth a line


def progress_bar(info: SourceInfo, options: SourceOptions, *, quiet: bool = False) -> tqdm:
    """A bar on stderr with speed and time left; silent where stderr is no terminal."""
    from tqdm import tqdm

    total = _expected_frames(info, options)
    return tqdm(
        total=total, desc=printable(info.name), unit="frame", dynamic_ncols=True, disable=True if quiet else None
    )


def _expected_frames(info: SourceInfo, options: SourceOptions) -> int | None:
    """How many frames of a source will come, as far as its header tells."""
    if info.frames is None:
        return None
    frames = float(info.frames)
    if info.fps:
        end_s = info.frames / info.fps if options.end_s is None else min(options.end_s, info.frames / info.fps)
        frames = max(0.0, end_s - options.start_s) * info.fps
    return math.ceil(frames / options.every)


def summary_lines(summary: Summary) -> list[str]:
    """Frames, faces, speed as a whole and by stage, drops, files."""
    per_frame = summary.faces / summary.frames if summary.frames else 0.0
    lines = [
        f"{summary.source}: {counted(summary.frames, 'frame')} in {summary.seconds:.1f} s "
        f"({summary.fps:.1f} frames/s), "
        f"{per_frame:.2f} faces a frame, {counted(summary.dropped, 'frame')} dropped"
    ]
    stages = [
        f"{stage} {summary.frames / s:.0f}" for stage, s in summary.stages.items() if s > TRIFLE_S * summary.frames
    ]
    if stages:
        lines.append(f"  frames/s by stage: {', '.join(stages)}")
    lines += [f"  {line}" for line in summary.sent]
    written = ", ".join(map(str, summary.files))
    if written or not summary.sent:
        lines.append(f"  written: {written or 'nothing; --csv, --parquet, --jsonl and --overlay name files'}")
    return lines
