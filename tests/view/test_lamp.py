"""A lamp that is turned, on meshes with and without maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.sinks.meshes import MeshWriter, Relief
from realtime3d.sinks.png import normal_png, png_bytes
from realtime3d.view.keys import VIEWER_KEYS
from realtime3d.view.lamp import Lamp, LitSurface
from realtime3d.view.scenes import scenes_of
from realtime3d.view.surfaces import Surface, read_obj
from tests.helpers.faces import make_face
from tests.helpers.paths import FACE_MODEL

SIDE = 64


def plate(normal: tuple[float, float, float] = (0, 0, 1)) -> Surface:
    """A square that faces the viewer, grey, with one normal all over its map."""
    corners = np.array([[-1, 1, 0], [1, 1, 0], [-1, -1, 0], [1, -1, 0]], np.float32)
    uv = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    grey = png_bytes(np.full((SIDE, SIDE, 3), 128, np.uint8))
    tilted = np.tile(np.array(normal, np.float32) / np.linalg.norm(normal), (SIDE, SIDE, 1)).astype(np.float32)
    triangles = np.array([[0, 2, 1], [1, 2, 3]], np.int32)
    return Surface(corners, triangles, uv, albedo=grey, normal_map=normal_png(tilted))


def brightness(surface: Surface, lamp: Lamp) -> float:
    return float(LitSurface(surface).by_texel(surface, lamp)[8:-8, 8:-8].mean())


@pytest.mark.parametrize(("normal", "lamp"), [((0.6, 0, 1), Lamp(60, 0)), ((0, 0.6, 1), Lamp(0, 60))])
def test_the_normal_map_turns_skin_to_the_lamp_or_away(normal: tuple[float, float, float], lamp: Lamp) -> None:
    away = (-normal[0], -normal[1], normal[2])
    assert brightness(plate(normal), lamp) > 1.2 * brightness(plate(), lamp) > 1.4 * brightness(plate(away), lamp)


def test_a_lamp_that_is_off_leaves_the_skins_own_colour() -> None:
    assert brightness(plate((0.5, 0, 1)), Lamp(on=False)) == pytest.approx(128, abs=1)


def test_a_lamp_goes_round_and_stops_above() -> None:
    lamp = Lamp(170, 70, on=False).turned(20, 20)
    assert (lamp.across_deg, lamp.up_deg, lamp.on) == (-170, 75, True)
    assert np.linalg.norm(lamp.way) == pytest.approx(1)
    assert Lamp(90, 0).way == pytest.approx([1, 0, 0], abs=1e-6)
    assert Lamp(0, 75).way[1] > 0.9


def test_a_head_without_colours_is_lit_by_its_vertices() -> None:
    head = FaceModel.load(FACE_MODEL).mesh()
    surface = Surface(head.mean * np.array([1, -1, -1], np.float32), head.triangles)
    lit = LitSurface(surface)
    skin = np.abs(surface.vertices[:, 0]) > 40
    right = surface.vertices[skin, 0] > 0
    sides = [lit.by_vertex(surface, Lamp(across, 0))[skin].mean(axis=1) for across in (80, -80)]
    assert sides[0][right].mean() > 1.3 * sides[0][~right].mean()
    assert sides[1][~right].mean() > 1.3 * sides[1][right].mean()


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a head with maps: OBJ with material, GLB."""
    folder = tmp_path_factory.mktemp("mapped")
    model = FaceModel.load(FACE_MODEL)
    face = make_face(Camera.from_fov(320, 240), face_model=model)
    albedo, lit = (np.full((SIDE, SIDE, 3), level, np.uint8) for level in (200, 90))
    normals = normal_png(np.tile(np.array([0.3, 0, 0.95], np.float32), (SIDE, SIDE, 1)))
    for name, data in {"texture": png_bytes(lit), "normal": normals, "albedo": png_bytes(albedo)}.items():
        (folder / f"a_{name}.png").write_bytes(data)
    relief = Relief(albedo, normals, "a_texture.png", "a_normal.png", "a_displacement.png")
    for suffix in (".obj", ".glb"):
        MeshWriter(model).write(folder / f"a{suffix}", face, "expression", None, relief)
    return folder


def test_an_obj_is_read_with_all_its_maps(mapped: Path) -> None:
    surface = read_obj(mapped / "a.obj")
    head = FaceModel.load(FACE_MODEL).solid("full")
    assert surface.uv is not None
    assert len(surface.triangles) == len(head.triangles)
    assert np.ptp(surface.vertices, axis=0) == pytest.approx(np.ptp(head.mean, axis=0), rel=0.1)
    at = surface.uv[surface.triangles]
    assert at == pytest.approx(head.uv[head.uv_triangles], abs=1e-5)
    found = (surface.texture, surface.albedo, surface.normal_map)
    assert found == tuple((mapped / f"a_{name}.png").read_bytes() for name in ("texture", "albedo", "normal"))


def test_a_glb_with_a_normal_map_has_skin_without_light(mapped: Path) -> None:
    surface = scenes_of(mapped / "a.glb").show(0)[0]  # type: ignore[index]
    assert surface.texture is None
    assert surface.normal_map == (mapped / "a_normal.png").read_bytes()
    assert cv2.imdecode(np.frombuffer(surface.albedo, np.uint8), cv2.IMREAD_COLOR).mean() == pytest.approx(200, abs=2)


@pytest.mark.parametrize("text", ["", "v 0 0\nf 1 2 3\n", "v 0 0 0\nf 1 2 9\n", "f a b c\n"])
def test_an_obj_that_holds_no_mesh(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.obj").write_text(text)
    with pytest.raises(SourceError, match="check the file"):
        read_obj(tmp_path / "a.obj")


def test_corners_may_be_counted_from_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\n")
    surface = read_obj(tmp_path / "a.obj")
    assert surface.vertices[surface.triangles[1]].tolist() == [[0, 0, 0], [1, 1, 0], [0, 1, 0]]


@pytest.mark.parametrize("text", ["1", "a,b", "200,0", "0,91"])
def test_places_of_a_lamp_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["view", "a.glb", f"--lamp={text}"])
    assert "no place of a lamp" in capsys.readouterr().err


# -- the window -------------------------------------------------------------------------------------------------------


class Keys:
    """Stands for the window."""

    def __init__(self) -> None:
        self.of: dict[int, Any] = {}

    def register_key_callback(self, code: int, action: Any) -> None:
        self.of[code] = action

    def clear_geometries(self) -> None: ...
    def add_geometry(self, mesh: Any, reset_bounding_box: bool) -> None: ...


def test_keys_turn_the_lamp(mapped: Path) -> None:
    pytest.importorskip("open3d", reason="Open3D is not installed")
    from realtime3d.view.open3d_ import Viewer

    viewer, window = Viewer(scenes_of(mapped / "a.glb"), lamp=Lamp(0, 0)), Keys()
    viewer._bind(window)
    for key, place in (("D", (15, 0)), ("E", (15, 15)), ("A", (0, 15)), ("C", (0, 0))):
        window.of[ord(key)](window)
        assert (viewer._lamp.across_deg, viewer._lamp.up_deg) == place
    window.of[ord("L")](window)
    assert not viewer._lamp.on
    listed = "".join(keys for keys, _ in VIEWER_KEYS)
    assert all(chr(code).lower() in listed for code in window.of if code < 128)


@pytest.mark.parametrize("suffix", [".obj", ".glb"])
def test_the_window_shows_the_lamp(mapped: Path, tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("open3d", reason="Open3D is not installed")
    from realtime3d.view.open3d_ import Viewer

    def halves(across: float) -> list[float]:
        shot = tmp_path / f"{across}.png"
        Viewer(scenes_of(mapped / f"a{suffix}"), lamp=Lamp(across, 10)).run(shot)
        picture = cv2.imread(str(shot)).mean(axis=2)
        return [float(picture[300:420, x : x + 60].mean()) for x in (410, 490)]

    left, right = halves(-80), halves(80)
    assert left[0] > 1.3 * left[1]
    assert right[1] > 1.3 * right[0]
