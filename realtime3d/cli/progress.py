"""How far a batch is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from realtime3d.words import counted

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime3d.batch.driver import Progress

LINE_S = 60.0  # between lines where stderr is no terminal


class BatchBar:
    """Called with the progress of a batch, twice a second and more."""

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        from tqdm import tqdm

        self._quiet, self._next = quiet, time.monotonic() + LINE_S
        form = "{desc}: {n_fmt} of {total_fmt} films |{bar}| {postfix}"
        self._bar = tqdm(desc=name, dynamic_ncols=True, disable=True if quiet else None, bar_format=form, total=0)
        self._lines = not quiet and not sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        counts = progress.counts
        if self._lines and time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_S
            print(f"realtime3d: {counts.done} of {counted(counts.films, 'film')}, {_words(progress)}", file=sys.stderr)
        self._bar.total, self._bar.n = counts.films, counts.done + counts.aside
        self._bar.set_postfix_str(_words(progress))


def _words(progress: Progress) -> str:
    aside = f"{progress.counts.aside} set aside, " if progress.counts.aside else ""
    return f"{aside}{progress.under_way} under way, {duration(progress.left_s)} left"


def duration(seconds: float | None) -> str:
    """A forecast as people say it."""
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"about {days} d {hours} h"
    return f"about {hours} h {minutes:02d} min" if hours else f"about {minutes} min" if minutes else f"{rest} s"
