"""The faces of a live run in 3D, in a second window beside the camera's picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from realtime3d.errors import require
from realtime3d.face.mesh import Y_UP
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.pipeline import Window
from realtime3d.render.base import drawable, face_colour
from realtime3d.sinks.pictures import next_free
from realtime3d.sources.base import SourceStatus
from realtime3d.surface.best import BestTextures
from realtime3d.types import Image
from realtime3d.view.open3d_ import open_window, shoot

if TYPE_CHECKING:
    from typing_extensions import Self

TITLE = "realtime3d: 3D"
SHARE = 0.3  # of the run's time that the 3D window may take: a slow one shows fewer pictures, not a slower run
ROOM_MM = 420.0  # around the first face, that the window shows at first


class Watched(Window, Protocol):
    """The window of a live run."""

    @property
    def saved(self) -> list[Path]: ...


class SideView:
    """Follows `pipeline.Window`: hands all to the window with the pictures, and shows the faces in 3D.

    When the 3D window is closed, the run goes on.
    """

    def __init__(self, window: Watched, save_to: Path = Path()) -> None:
        self._window, self._save_to = window, save_to
        self._o3d: Any = require("open3d", "viewer", "the 3D view")
        self._view: Any = None
        self._meshes: dict[int, Any] = {}
        self._textures = BestTextures()
        self._textured = self._placed = False
        self._cost_s = self._drawn_s = 0.0
        self._shots: list[Path] = []

    def show(self, result: FrameResult, image: Image) -> None:
        """Show a drawn picture, and its faces in 3D where their turn has come."""
        self._window.show(result, image)
        start = time.perf_counter()
        if self._view is None or start - self._drawn_s < self._cost_s / SHARE:
            return
        self._update(drawable(result.faces), result)
        self._refresh()
        self._cost_s, self._drawn_s = time.perf_counter() - start, time.perf_counter()

    def wait(self, status: SourceStatus, image: Image | None) -> None:
        """No picture came."""
        self._window.wait(status, image)
        self._refresh()

    @property
    def closed(self) -> bool:
        return self._window.closed

    @property
    def saved(self) -> list[Path]:
        """Files that were written because somebody asked for them here."""
        return [*self._window.saved, *self._shots]

    def __enter__(self) -> Self:
        self._view = open_window(self._o3d, TITLE)
        for key, action in ((ord("T"), self._texture), (ord("S"), self._shoot)):
            self._view.register_key_callback(key, lambda _, action=action: action())
        return self

    def __exit__(self, *failure: object) -> None:
        view, self._view = self._view, None
        if view is not None:
            view.destroy_window()

    # -- the faces ----------------------------------------------------------------------------------------------------

    def _update(self, faces: Sequence[FaceState], result: FrameResult) -> None:
        """The meshes of these faces, and no others."""
        if self._textured:
            self._textures.see(result, result.frame.image)
        for face_id in set(self._meshes) - {face.id for face in faces}:
            self._view.remove_geometry(self._meshes.pop(face_id), reset_bounding_box=False)
        for face in faces:
            known = face.id in self._meshes
            mesh = self._meshes.setdefault(face.id, self._o3d.geometry.TriangleMesh())
            if not known:
                triangles = face.model.mesh().triangles
                mesh.triangles = self._o3d.utility.Vector3iVector(triangles)
            mesh.vertices = self._o3d.utility.Vector3dVector((face.vertices() * Y_UP).astype(np.float64))
            mesh.vertex_colors = self._o3d.utility.Vector3dVector(self._colours(face))
            mesh.compute_vertex_normals()
            if known:
                self._view.update_geometry(mesh)
            else:
                self._place(mesh)

    def _place(self, mesh: Any) -> None:
        """A new mesh; the first one says where to look."""
        self._view.add_geometry(mesh, reset_bounding_box=False)
        if not self._placed:
            self._placed = True
            middle, half = np.asarray(mesh.vertices).mean(axis=0), ROOM_MM / 2
            corners = self._o3d.utility.Vector3dVector(middle + half * np.array([[-1, -1, -1], [1, 1, 1]]))
            room = self._o3d.geometry.PointCloud(corners)
            self._view.add_geometry(room, reset_bounding_box=True)
            self._view.remove_geometry(room, reset_bounding_box=False)

    def _colours(self, face: FaceState) -> Any:
        """(V, 3) RGB 0..1: the face's colour in the overlay, or its own."""
        if not self._textured:
            return np.tile(np.array(face_colour(face)[::-1], np.float64) / 255, (len(face.model.mean), 1))
        return self._textures.at_vertices(face).astype(np.float64) / 255

    # -- the window ---------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        if self._view is not None and self._view.poll_events():
            self._view.update_renderer()
        else:
            self.__exit__()

    def _texture(self) -> bool:
        self._textured = not self._textured
        return False

    def _shoot(self) -> bool:
        self._shots.append(shoot(self._view, next_free(self._save_to, "view")))
        return False
