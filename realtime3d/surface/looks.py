"""Closer looks at a face that was found: what hides it, and its fine detail. Opened when first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from realtime3d.backends.base import Backend, NetSpec
from realtime3d.face.state import FaceState
from realtime3d.process import is_forked
from realtime3d.types import Image

if TYPE_CHECKING:
    from realtime3d.surface.detail import Detail
    from realtime3d.surface.detail_maker import DetailMaker
    from realtime3d.surface.mask import FaceMask, LazyMasker, Masker


class CloserLooks:
    """Holds the net for masks and what detail needs of the face model, each for the last one that it was asked with."""

    def __init__(self) -> None:
        self._detail_maker: DetailMaker | None = None
        self._masker: Masker | None = None

    def mask(self, backend: Backend, spec: NetSpec | None, picture: Image, face: FaceState) -> FaceMask | None:
        """What hides a face, by this net; None where there is none."""
        if spec is None:
            return None
        if self._masker is None or self._masker.spec != spec:
            from realtime3d.surface.mask import Masker

            self.close()
            self._masker = Masker.opened(backend, spec)
        return self._masker.mask(picture, face)

    def detail(self, picture: Image, face: FaceState, mask: ArrayLike | FaceMask | None) -> Detail:
        """Wrinkles and folds of a face."""
        from realtime3d.surface.detail_maker import DetailMaker

        if self._detail_maker is None or self._detail_maker.model is not face.model:
            self._detail_maker = DetailMaker(face.model)
        return self._detail_maker.make(face, picture, mask)

    def close(self) -> None:
        """Close the net; it is opened again when it is needed."""
        known, self._masker = self._masker, None
        if known is not None and not is_forked():
            known.close()


def masker_of(backend: Backend, spec: NetSpec | None) -> LazyMasker | None:
    """The net once more, for another thread; None where there is none."""
    if spec is None:
        return None
    from realtime3d.surface.mask import LazyMasker, Masker

    return LazyMasker(lambda: Masker.opened(backend, spec))
