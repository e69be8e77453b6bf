"""The seam between the tracker and whatever finds faces."""

from __future__ import annotations

from typing import Protocol

from realtime3d.types import FaceBox, Frame


class Detector(Protocol):
    """Finds faces in a picture. The constructor is cheap."""

    def open(self) -> None:
        """Load what is needed now instead of with the first `detect`. May be called again."""
        ...

    def detect(self, frame: Frame) -> list[FaceBox]:
        """Tight face boxes (brows to chin, cheek to cheek, as around the 68 landmarks), best first.

        The tracker decides when it is called. It gets the frame and not only its image, so that boxes may come from a
        list by frame number.
        """
        ...

    def close(self) -> None:
        """Free what is held. May be called twice; a later `detect` opens again."""
        ...
