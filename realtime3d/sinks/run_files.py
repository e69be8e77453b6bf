"""All files of one run: nothing is touched before the first result is there, and what is there always says whose it is.

The order matters, because a run may be killed between any two steps: old files go before the sidecar says that there
is a new run, the sidecar is there before any file that it explains, and it says "complete" after all of them are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.errors import OutputError
from realtime3d.face.state import FrameResult
from realtime3d.files import forget_drafts, leftovers, others, output_error, refuse_odd
from realtime3d.sinks.base import Sink
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

_MESH = re.compile(r"\d{6,}_\d+\.ply")  # what a folder of meshes holds


class RunFiles:
    """The sinks of a run as one, opened by the first result."""

    def __init__(self, sinks: Sequence[Sink], sidecars: Sequence[Sink], old: Sequence[Path]) -> None:
        """`old`: outputs, then sidecars, that go when the first result comes; none where a run is continued."""
        self._sinks, self._old = [*sidecars, *sinks], old
        self.needs_image = any(sink.needs_image for sink in sinks)
        self._open: ExitStack | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        if self._open is None:
            self._open = self._begin()
        for sink in self._sinks:
            sink.write(result, image)

    def _begin(self) -> ExitStack:
        for path in self._old:
            remove_old(path)
        with ExitStack() as opened:
            for sink in self._sinks:
                opened.enter_context(sink)
            return opened.pop_all()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened.__exit__(kind, error, error.__traceback__ if error else None)


def remove_old(path: Path) -> None:
    """Remove a file of an earlier run with what a killed run left of it, and nothing else."""
    from realtime3d.sinks.parquet import remove_parts

    parts, previous = leftovers(path)
    try:
        if path.is_dir() and not path.is_symlink():
            for mesh in filter(_MESH.fullmatch, os.listdir(path)):
                (path / mesh).unlink()
            return
        if path.suffix.lower() == ".glb":
            for other in others(path):
                other.unlink()
        for file in (path, previous):
            refuse_odd(file)
            file.unlink(missing_ok=True)
        if parts.is_symlink() or (parts.exists() and not parts.is_dir()):
            raise OutputError(f"{parts} is none of ours: move it away, or name another output")
        remove_parts(path)
        forget_drafts(path)
    except OSError as error:
        raise output_error(path, error) from error
