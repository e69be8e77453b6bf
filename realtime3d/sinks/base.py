"""The seam of output: a `Sink` takes results."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from realtime3d.face.state import FrameResult
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self


class Sink(Protocol):
    """Takes the result of every frame, in order. The constructor checks and touches nothing but the file system's
    names; `__enter__` opens; `__exit__` finishes the file, after a failure as well. Failures are `OutputError`s."""

    @property
    def needs_image(self) -> bool:
        """Whether `write` wants the drawn picture; where no sink does, nothing is rendered."""
        ...

    def write(self, result: FrameResult, image: Image | None) -> None:
        """`image` is (H, W, 3) uint8 BGR with the overlay, None where no sink needs one. It is not modified."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
