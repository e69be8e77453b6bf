"""The seam of machines: who does the tasks of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from realtime3d.workers import Ended

if TYPE_CHECKING:
    from typing_extensions import Self


class Crew(Protocol):
    """Workers, each of which does one task at a time. A task that was given ends exactly once, whatever happens to the
    worker: `wait` says what became of it. `close` ends all; tasks under way are lost, which the manifest knows.
    """

    @property
    def free(self) -> int:
        """How many tasks can be given now."""
        ...

    @property
    def size(self) -> int:
        """How many workers there are."""
        ...

    def give(self, task: Any) -> None:
        """Start a task; there must be a free worker."""
        ...

    def wait(self, timeout_s: float) -> list[Ended]:
        """The tasks that have ended; waits for the first, at most so long."""
        ...

    def stop(self, task: Any) -> None:
        """End the worker that does this task: `wait` then says that it died."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()
