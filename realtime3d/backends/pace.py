"""When several threads work on one net, and when one alone: by the pace of its runs, and by what was quicker of late.

Only runs that follow each other are worth several: a thread that has slept takes longer to wake than it saves, and at a
camera's pace one is as fast as two and leaves the other core to others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TypeVar

AWAKE_S = 0.003  # runs with less than this between them follow each other
TRY_FIRST, TRY_LAST = 16, 256  # runs between two looks at the slower way: they double
TRIES = 5  # runs of such a look
CLEARLY = 1.2  # times as slow as the other way was, to leave a way without a look
T = TypeVar("T")


class ThreadChoice:
    """Which of two ways was faster of late: several threads (True), or one alone (False). Answers are the same.

    On a machine that others keep busy a team can be ten times as slow as one thread, because it waits for whichever of
    its threads does not run.
    """

    def __init__(self) -> None:
        self._took: dict[bool, deque[float]] = {way: deque(maxlen=2 * TRIES - 1) for way in (True, False)}
        self._best = True
        self._left = self._pause = TRY_FIRST

    def choose(self) -> bool:
        """The faster one, or the other for some runs now and then."""
        self._left -= 1
        if self._left == -1:
            self._took[not self._best].clear()
        if self._left < -TRIES:
            self._left = self._pause = min(2 * self._pause, TRY_LAST)
            self._prefer_the_other(1.0)
        return self._best != (self._left < 0)

    def learn(self, together: bool, seconds: float) -> None:
        """What a picture took. Medians decide, so hiccups do not."""
        self._took[together].append(seconds)
        if self._left >= 0:
            self._prefer_the_other(CLEARLY)

    def _prefer_the_other(self, times: float) -> None:
        now, other = self._took[self._best], self._took[not self._best]
        if len(now) >= TRIES <= len(other) and median(now) > times * median(other):
            self._best = not self._best
            self._left = self._pause = TRY_FIRST  # what changed may change back


class Pace:
    """The runs of one net: whether the next one follows closely, and which way it goes."""

    def __init__(self) -> None:
        self._ended, self._took = 0.0, 0.0  # of the last run, in seconds
        self._choices = {many: ThreadChoice() for many in (False, True)}  # few faces and many are different work

    def run(self, work: Callable[[bool], T], faces: int, many: bool) -> T:
        """What `work` gives, called with True where the threads shall work together."""
        begun = perf_counter()
        follows = begun - self._ended < max(AWAKE_S, self._took)
        choice = self._choices[many] if follows else None
        together = choice is not None and choice.choose()
        done = work(together)
        self._ended = perf_counter()
        self._took = self._ended - begun
        if choice is not None:
            choice.learn(together, self._took / faces)
        return done
