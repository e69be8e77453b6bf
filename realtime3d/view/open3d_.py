"""A window in which meshes are turned, in Open3D's plain `Visualizer`: its newer one crashed when it was tried."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from realtime3d.errors import OutputError, SourceError, require
from realtime3d.files import make_folder
from realtime3d.sinks.pictures import next_free
from realtime3d.view.lamp import STEP_DEG, Lamp, LitSurface, decoded, smaller
from realtime3d.view.scenes import Scenes
from realtime3d.view.surfaces import Surface

SIZE = (960, 720)
BACKGROUND = (0.13, 0.13, 0.14)
RIGHT, LEFT = 262, 263  # GLFW's numbers of the arrow keys
Look = Literal["skin", "picture", "colours", "relief"]  # under the lamp; as photographed (two); without colours
LOOKS_BEFORE_SHOT = 5  # the first pictures of a window are black


class Viewer:
    """Shows scenes until the window is closed."""

    def __init__(self, scenes: Scenes, save_to: Path = Path(), lamp: Lamp | None = None, look: int = 0) -> None:
        self._o3d: Any = require("open3d", "viewer", "the 3D viewer")
        self._scenes, self._save_to = scenes, save_to
        self._i, self._playing = 0, len(scenes.times_s) > 1
        self._look, self._lamp = look, lamp or Lamp()
        self._lit: dict[int, LitSurface] = {}
        self._since = 0.0  # when the moment on show would have been, were it the first one
        self.saved: list[Path] = []

    def run(self, screenshot: Path | None = None) -> None:
        """Open the window; with `screenshot`, save what it shows at first and end."""
        window = open_window(self._o3d, "realtime3d")
        window.get_render_option().light_on = False  # the lamp is in the colours
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
        surfaces = {0: self._read(shown)} if isinstance(shown, Path) else shown
        return [self._made(key, surface) for key, surface in surfaces.items()]

    def _read(self, path: Path) -> Surface:
        mesh = self._o3d.io.read_triangle_mesh(str(path), enable_post_processing=False)
        if not len(mesh.triangles):
            raise SourceError(f"{path} holds no mesh that Open3D can read: check the file")
        colours = np.asarray(mesh.vertex_colors, np.float32) if mesh.has_vertex_colors() else None
        vertices = np.asarray(mesh.vertices, np.float32)
        normals = np.asarray(mesh.vertex_normals, np.float32) if mesh.has_vertex_normals() else None
        return Surface(vertices, np.ascontiguousarray(mesh.triangles, np.int32), normals=normals, colours=colours)

    def _made(self, key: int, surface: Surface) -> Any:
        vertices = self._o3d.utility.Vector3dVector(surface.vertices.astype(np.float64))
        mesh = self._o3d.geometry.TriangleMesh(vertices, self._o3d.utility.Vector3iVector(surface.triangles))
        looks = looks_of(surface)
        look, lit = looks[self._look % len(looks)], self._lit_of(key, surface)
        if look == "colours":
            mesh.vertex_colors = self._o3d.utility.Vector3dVector(np.asarray(surface.colours, np.float64))
        elif surface.uv is None or (look == "relief" and surface.normal_map is None):
            mesh.vertex_colors = self._o3d.utility.Vector3dVector(lit.by_vertex(surface, self._lamp))
        else:
            assert surface.uv is not None
            if look == "picture":
                assert surface.texture is not None
                texture = smaller(decoded(surface.texture))
            else:
                texture = lit.by_texel(surface, self._lamp, plain=look == "relief")
            mesh.triangle_uvs = self._o3d.utility.Vector2dVector(surface.uv[surface.triangles].reshape(-1, 2))
            mesh.textures = [self._o3d.geometry.Image(np.ascontiguousarray(texture[..., ::-1]))]
            mesh.triangle_material_ids = self._o3d.utility.IntVector(np.zeros(len(surface.triangles), np.int32))
        mesh.compute_vertex_normals()
        return mesh

    def _lit_of(self, key: int, surface: Surface) -> LitSurface:
        known = self._lit.get(key)
        if known is None or not known.fits(surface):
            known = self._lit[key] = LitSurface(surface)
        return known

    def _bind(self, window: Any) -> None:
        def key(code: int, action: Callable[[], None]) -> None:
            def pressed(_: Any) -> bool:
                action()
                return False  # the loop draws anyway

            window.register_key_callback(code, pressed)

        key(ord(" "), self._pause)
        key(RIGHT, lambda: self._step(window, 1))
        key(LEFT, lambda: self._step(window, -1))
        key(ord("T"), lambda: self._next_look(window))
        key(ord("L"), lambda: self._light(window, replace(self._lamp, on=not self._lamp.on)))
        for letter, across, up in (("A", -1, 0), ("D", 1, 0), ("E", 0, 1), ("C", 0, -1)):
            key(ord(letter), partial(self._turn_lamp, window, across * STEP_DEG, up * STEP_DEG))
        key(ord("S"), lambda: self._save(window))

    def _pause(self) -> None:
        self._playing = not self._playing and len(self._scenes.times_s) > 1
        self._from_here()

    def _step(self, window: Any, by: int) -> None:
        self._playing = False
        self._go(window, self._i + by)

    def _next_look(self, window: Any) -> None:
        self._look += 1
        self._put(window)

    def _turn_lamp(self, window: Any, across_deg: float, up_deg: float) -> None:
        self._light(window, self._lamp.turned(across_deg, up_deg))

    def _light(self, window: Any, lamp: Lamp) -> None:
        self._lamp = lamp
        self._put(window)

    def _save(self, window: Any) -> None:
        self.saved.append(shoot(window, next_free(self._save_to, "view")))


def looks_of(surface: Surface) -> tuple[Look, ...]:
    """The ways in which a surface can be shown, the first one first."""
    looks: list[Look] = []
    if surface.uv is not None and (surface.albedo is not None or surface.normal_map is not None):
        looks.append("skin")
    if surface.uv is not None and surface.texture is not None:
        looks.append("picture")
    if surface.colours is not None:
        looks.append("colours")
    return (*looks, "relief")


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
