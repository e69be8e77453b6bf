"""A window in which meshes are turned, in Open3D's plain `Visualizer`: its newer one crashed when it was tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.errors import OutputError, SourceError, require
from realtime3d.files import make_folder
from realtime3d.sinks.pictures import next_free
from realtime3d.view.scenes import Scenes, Surface

SIZE = (960, 720)
SKIN = (0.76, 0.62, 0.55)
BACKGROUND = (0.13, 0.13, 0.14)
RIGHT, LEFT = 262, 263  # GLFW's numbers of the arrow keys
LOOKS_BEFORE_SHOT = 5  # the first pictures of a window are black


class Viewer:
    """Shows scenes until the window is closed."""

    def __init__(self, scenes: Scenes, save_to: Path = Path()) -> None:
        self._o3d: Any = require("open3d", "viewer", "the 3D viewer")
        self._scenes, self._save_to = scenes, save_to
        self._i, self._playing, self._textured = 0, len(scenes.times_s) > 1, True
        self._since = 0.0  # when the moment on show would have been, were it the first one
        self.saved: list[Path] = []

    def run(self, screenshot: Path | None = None) -> None:
        """Open the window; with `screenshot`, save what it shows at first and end."""
        window = open_window(self._o3d, "realtime3d")
        try:
            self._put(window, first=True)
            self._bind(window)
            if screenshot is not None:
                self.saved.append(shoot(window, screenshot))
                return
            self._loop(window)
        finally:
            window.destroy_window()

    def _loop(self, window: Any) -> None:
        self._from_here()
        while window.poll_events():
            if self._playing:
                self._advance(window)
            window.update_renderer()
            time.sleep(0.005)

    def _advance(self, window: Any) -> None:
        """The moment that is due now; after the last one, the first."""
        times = self._scenes.times_s
        now = time.monotonic() - self._since
        due = int(np.searchsorted(times, now, side="right")) - 1
        if now > times[-1] + 0.5:
            self._go(window, 0)
        elif due > self._i:
            self._i = due
            self._put(window)

    def _from_here(self) -> None:
        self._since = time.monotonic() - self._scenes.times_s[self._i]

    def _go(self, window: Any, i: int) -> None:
        self._i = i % len(self._scenes.times_s)
        self._from_here()
        self._put(window)

    def _put(self, window: Any, first: bool = False) -> None:
        """Show the moment."""
        window.clear_geometries()
        for number, mesh in enumerate(self._meshes()):
            window.add_geometry(mesh, reset_bounding_box=first and number == 0)

    def _meshes(self) -> list[Any]:
        shown = self._scenes.show(self._i)
        if isinstance(shown, Path):
            return [self._read(shown)]
        return [self._made(surface) for surface in shown.values()]

    def _read(self, path: Path) -> Any:
        mesh = self._o3d.io.read_triangle_mesh(str(path), enable_post_processing=False)
        if not len(mesh.triangles):
            raise SourceError(f"{path} holds no mesh that Open3D can read: check the file")
        if not self._textured:
            mesh.triangle_uvs, mesh.textures = self._o3d.utility.Vector2dVector(), []
            mesh.paint_uniform_color(SKIN)
        elif pictures := [picture for picture in mesh.textures if not picture.is_empty()]:
            mesh.textures = pictures[:1]  # it also makes an empty one, and shows that
            mesh.triangle_material_ids = self._o3d.utility.IntVector(np.zeros(len(mesh.triangles), np.int32))
        elif not mesh.has_vertex_colors():
            mesh.paint_uniform_color(SKIN)
        mesh.compute_vertex_normals()
        return mesh

    def _made(self, surface: Surface) -> Any:
        vertices = self._o3d.utility.Vector3dVector(surface.vertices.astype(np.float64))
        mesh = self._o3d.geometry.TriangleMesh(vertices, self._o3d.utility.Vector3iVector(surface.triangles))
        if self._textured and surface.uv is not None and surface.texture is not None:
            import cv2

            decoded = cv2.imdecode(np.frombuffer(surface.texture, np.uint8), cv2.IMREAD_COLOR)
            rgb = np.asarray(decoded)[..., ::-1]
            mesh.triangle_uvs = self._o3d.utility.Vector2dVector(surface.uv[surface.triangles].reshape(-1, 2))
            mesh.textures = [self._o3d.geometry.Image(np.ascontiguousarray(rgb))]
            mesh.triangle_material_ids = self._o3d.utility.IntVector(np.zeros(len(surface.triangles), np.int32))
        else:
            mesh.paint_uniform_color(SKIN)
        mesh.compute_vertex_normals()
        return mesh

    def _bind(self, window: Any) -> None:
        def key(code: int, action: Callable[[], None]) -> None:
            def pressed(_: Any) -> bool:
                action()
                return False  # the loop draws anyway

            window.register_key_callback(code, pressed)

        key(ord(" "), self._pause)
        key(RIGHT, lambda: self._step(window, 1))
        key(LEFT, lambda: self._step(window, -1))
        key(ord("T"), lambda: self._texture(window))
        key(ord("S"), lambda: self._save(window))

    def _pause(self) -> None:
        self._playing = not self._playing and len(self._scenes.times_s) > 1
        self._from_here()

    def _step(self, window: Any, by: int) -> None:
        self._playing = False
        self._go(window, self._i + by)

    def _texture(self, window: Any) -> None:
        self._textured = not self._textured
        self._put(window)

    def _save(self, window: Any) -> None:
        self.saved.append(shoot(window, next_free(self._save_to, "view")))


def check_installed(purpose: str) -> None:
    """Raise where Open3D is not there, with the line that installs it."""
    require("open3d", "viewer", purpose)


def open_window(o3d: Any, title: str) -> Any:
    """An empty window that takes keys."""
    window = o3d.visualization.VisualizerWithKeyCallback()
    if not window.create_window(title, *SIZE):
        raise OutputError("no window could be opened: is there a display with OpenGL? (xvfb-run gives one)")
    options = window.get_render_option()
    options.background_color = np.array(BACKGROUND)
    options.mesh_show_back_face = True
    options.mesh_shade_option = o3d.visualization.MeshShadeOption.Color  # smooth
    return window


def shoot(window: Any, path: Path) -> Path:
    """Save what a window shows."""
    for _ in range(LOOKS_BEFORE_SHOT):
        window.poll_events()
        window.update_renderer()
    make_folder(path.parent)
    window.capture_screen_image(str(path), do_render=True)
    if not path.is_file():
        raise OutputError(f"cannot write {path}: name a PNG file in a folder that may be written")
    return path
