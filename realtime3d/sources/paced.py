"""A file played as a camera would give it: each frame at its time, from the start again if wanted.

No frame is left out: where the tracker is slower than the film, the film waits. So results are those of `video`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from realtime3d.clock import NS_PER_S, now_ns, to_s
from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceStatus
from realtime3d.types import Frame

LATE_NS = NS_PER_S // 5  # behind by more (a pause, a slow machine), time goes on from here
STEP_NS = NS_PER_S // 30  # between the last frame and the first of the next round, where the rate is not known


class Paced(Source):
    """Plays what `open_again` opens. Times and indices go on rising from round to round."""

    def __init__(self, open_again: Callable[[], Source], *, loop: bool = True) -> None:
        self._open_again, self._loop = open_again, loop
        self._source = open_again()
        self._closed = threading.Event()
        self._info = self._source.info
        if self._info.live:
            self._source.close()
            raise SourceError(f"{self._info.name} is live already: it sets its own pace")

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def status(self) -> SourceStatus:
        return self._source.status

    def __iter__(self) -> Iterator[Frame | Gap]:
        zero_ns, index, t_ns = now_ns(), -1, -1
        step_ns = round(NS_PER_S / self._info.fps) if self._info.fps else STEP_NS
        while not self._closed.is_set():
            first_ns, first_index = (t_ns + step_ns, index + 1) if index >= 0 else (0, 0)
            for item in self._source:
                if isinstance(item, Gap):
                    continue
                index, t_ns = first_index + item.index, first_ns + item.t_ns
                zero_ns = self._wait(zero_ns, t_ns)
                if self._closed.is_set():
                    return
                yield Frame(index, t_ns, item.image, item.source)
            self._source.close()
            if not self._loop or self._closed.is_set():
                return
            self._source = self._open_again()

    def _wait(self, zero_ns: int, t_ns: int) -> int:
        """Until the frame's time; gives the clock's zero, later than before where the film had to wait."""
        late_ns = now_ns() - (zero_ns + t_ns)
        if late_ns < 0:
            self._closed.wait(to_s(-late_ns))
        return zero_ns + late_ns if late_ns > LATE_NS else zero_ns

    def close(self) -> None:
        self._closed.set()
        self._source.close()
