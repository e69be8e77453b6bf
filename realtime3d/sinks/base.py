"""The seam of output: a `Sink` takes results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from realtime3d.face.state import FrameResult
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self


Pace = Literal["every", "newest"]


class Sink(Protocol):
    """Takes the result of every frame, in order. The constructor checks and touches nothing but the file system's
    names; `__enter__` opens; `__exit__` finishes the file, after a failure as well. Failures are `OutputError`s.

    >>> class Yaws:
    ...     needs_image = False
    ...     def __enter__(self):
    ...         self.degrees = []
    ...         return self
    ...     def write(self, result, image):
    ...         self.degrees += [face.euler_deg()[1] for face in result.faces]
    ...     def __exit__(self, *failure): ...
    >>> yaws = Yaws()
    >>> _ = r3d.run(clip, end=0.5, sinks=[yaws])
    >>> len(yaws.degrees)
    13
    """

    # A sink may say `pace = "newest"`: then it gets the newest result whenever it is ready for another one, in a thread
    # of its own, and may block in `write`. Without it, or with "every", it gets every result, in order.

    @property
    def needs_image(self) -> bool:
        """Whether `write` wants the drawn picture; where no sink does, nothing is rendered."""
        ...

    def write(self, result: FrameResult, image: Image | None) -> None:
        """`image` is (H, W, 3) uint8 BGR with the overlay, None where no sink needs one. It is not modified."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any, /) -> None: ...


def pace_of(sink: Sink) -> Pace:
    """How a sink wants results."""
    pace: Pace = getattr(sink, "pace", "every")
    return pace
