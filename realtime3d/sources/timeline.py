"""Rising times out of whatever a file says: missing stamps are filled in, stamps that go back are sorted out."""

from __future__ import annotations


class Timeline:
    """Call with each frame's stamp in order; every answer is later than the one before.

    A missing stamp is one nominal step after the last frame. A stamp that goes back gets half a step; if the next one
    is in order again nothing else changes, otherwise the file's clock was set back and all that follows is shifted.
    Gaps stay gaps.
    """

    def __init__(self, step_ns: int) -> None:
        self._step = max(step_ns, 2)
        self._last: int | None = None
        self._offset = 0
        self._offset_if_again = 0
        self.repaired = 0

    def __call__(self, stamp_ns: int | None) -> int:
        time = self._next(stamp_ns)
        self._last = time
        return time

    def _next(self, stamp_ns: int | None) -> int:
        if stamp_ns is None:
            self.repaired += 1
            return 0 if self._last is None else self._last + self._step
        if self._last is None or stamp_ns + self._offset > self._last:
            return stamp_ns + self._offset
        self.repaired += 1
        if stamp_ns + self._offset_if_again > self._last:
            self._offset = self._offset_if_again
            return stamp_ns + self._offset
        time = self._last + self._step // 2
        self._offset_if_again = time - stamp_ns
        return time
