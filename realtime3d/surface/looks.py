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
    from realtime3d.surface.refine import Refiner


class CloserLooks:
    """Holds the nets and what detail needs of the face model, each for the last one that it was asked with."""

    def __init__(self) -> None:
        self._detail_maker: DetailMaker | None = None
        self._masker: Masker | None = None
        self._refiner: Refiner | None = None

    def mask(self, backend: Backend, spec: NetSpec | None, picture: Image, face: FaceState) -> FaceMask | None:
        """What hides a face, by this net; None where there is none."""
        if spec is None:
            return None
        if self._masker is None or self._masker.spec != spec:
            from realtime3d.surface.mask import Masker

            _closed(self._masker)
            self._masker = Masker.opened(backend, spec)
        return self._masker.mask(picture, face)

    def detail(
        self, backend: Backend, spec: NetSpec | None, picture: Image, face: FaceState, mask: ArrayLike | FaceMask | None
    ) -> Detail:
        """Wrinkles and folds of a face; `spec` is the net that mends them, None where there is none."""
        from realtime3d.surface.detail_maker import DetailMaker

        if self._detail_maker is None or self._detail_maker.model is not face.model:
            self._detail_maker = DetailMaker(face.model)
        if (self._refiner.spec if self._refiner else None) != spec:
            _closed(self._refiner)
            self._refiner = _refiner_of(backend, spec)
        self._detail_maker.refiner = self._refiner
        return self._detail_maker.make(face, picture, mask)

    def close(self) -> None:
        """Close the nets; they are opened again when they are needed."""
        _closed(self._masker)
        _closed(self._refiner)
        self._masker = self._refiner = None


def _closed(net: Masker | Refiner | None) -> None:
    if net is not None and not is_forked():
        net.close()


def _refiner_of(backend: Backend, spec: NetSpec | None) -> Refiner | None:
    """The net that mends the detail that was solved for; None where there is none."""
    if spec is None:
        return None
    from realtime3d.surface.refine import Refiner

    return Refiner.opened(backend, spec)


def masker_of(backend: Backend, spec: NetSpec | None) -> LazyMasker | None:
    """The net once more, for another thread; None where there is none."""
    if spec is None:
        return None
    from realtime3d.surface.mask import LazyMasker, Masker

    return LazyMasker(lambda: Masker.opened(backend, spec))
