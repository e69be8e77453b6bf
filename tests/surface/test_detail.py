"""Detail against the truth: grooves that are only in the picture, and maps and meshes that must agree."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.errors import UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.raster import vertex_normals
from realtime3d.sinks.png import displacement_mm, displacement_png
from realtime3d.surface.complete import BLUR_MM, GAIN
from realtime3d.surface.detail import VARIANTS, Detail
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.layout import tangents
from tests.helpers.faces import grey, make_face
from tests.helpers.faults import fault
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.plain_model import KINDS, model_file

CAMERA = Camera.from_fov(560, 560, 22)


@cache
def maker(name: str) -> DetailMaker:
    return DetailMaker(FaceModel.load(model_file(name)))


def face_of(name: str, **changes: object) -> FaceState:
    settings = {"t": (0, -25, 640), "face_model": maker(name).model, **changes}
    return make_face(CAMERA, **settings)  # type: ignore[arg-type]


@cache
def grooved(name: str) -> Detail:
    """A turned head with a line on its forehead."""
    face = face_of(name, angles_deg=(4, 12, 3))
    relief = groove(head_pixels(face)[0], 0.35, 2.5)
    return maker(name).make(face, photograph(face, relief))


def in_layout(detail: Detail) -> np.ndarray:
    """(h, w, 3) of the window: where each texel is in the head's frame."""
    return detail.layout.on_front(detail.face.vertices_at(detail.layout.level))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("lamp", [(0.1, -0.9, -0.5), (0.2, 0.8, -0.6)])
def test_a_groove_comes_back(name: str, lamp: tuple[float, float, float]) -> None:
    """Lit from above and from below, where the dark side of a groove is another one."""
    face = face_of(name)
    truth = groove(head_pixels(face)[0], 0.4, 3.0)
    detail = maker(name).make(face, photograph(face, truth, lamp))
    at = in_layout(detail)
    found = detail.displacement_mm[detail.layout.window]
    middle = detail.layout.inside & (np.abs(at[..., 0]) < 25)
    line = middle & (np.abs(at[..., 1] + 42) < 0.8)
    beside = middle & (np.abs(at[..., 1] + 42) > 8) & (at[..., 1] < -30) & (at[..., 1] > -58)
    assert found[line].mean() < -0.06
    assert abs(found[beside].mean()) < 0.02
    assert found[line].mean() < -4 * found[beside].std()


@pytest.mark.parametrize("name", KINDS)
def test_smooth_skin_stays_smooth(name: str) -> None:
    face = face_of(name, angles_deg=(0, 20, 0))
    detail = maker(name).make(face, photograph(face, noise=2.0))
    shown = (detail.seen > 200) & detail.layout.front
    assert shown.sum() > 50_000
    assert np.sqrt((detail.displacement_mm[shown] ** 2).mean()) < 0.05


@pytest.mark.parametrize("name", KINDS)
def test_meshes_have_the_same_vertices_for_every_face(name: str) -> None:
    one, other = grooved(name), maker(name).make(face_of(name, shape=np.full(99, 0.3)), grey(560, 560))
    for variant in VARIANTS:
        mesh = one.mesh(variant)
        assert len(mesh.vertices) == len(other.mesh(variant).vertices) == len(mesh.normals)
        assert np.isfinite(mesh.vertices).all()
        assert mesh.triangles.max() < len(mesh.vertices)
    assert np.array_equal(one.mesh("final").triangles, other.mesh("final").triangles)
    assert len(one.mesh("withBump").triangles) < len(one.mesh("final").triangles)
    assert len(one.mesh("foundation").vertices) == len(one.mesh("sparseFull").vertices)
    assert np.array_equal(one.topology.of(one.layout.head.mean)[: one.topology.n], one.layout.head.mean)


@pytest.mark.parametrize("name", KINDS)
def test_the_displacement_file_on_the_foundation_is_the_final_mesh(name: str) -> None:
    cv2 = pytest.importorskip("cv2")
    detail = grooved(name)
    levels = cv2.imdecode(np.frombuffer(displacement_png(detail.displacement_mm), np.uint8), cv2.IMREAD_UNCHANGED)
    top, foundation = detail.topology, detail.mesh("foundation")
    normals = top.of(foundation.normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    at = np.clip((top.uv * detail.layout.size).astype(int), 0, detail.layout.size - 1)
    moved = top.of(foundation.vertices) + normals * displacement_mm(levels)[at[:, 1], at[:, 0]][:, None]
    apart = np.linalg.norm(moved - detail.mesh("final").vertices, axis=1)
    assert np.sqrt((apart**2).mean()) < 0.01
    assert np.abs(detail.displacement_mm).max() > 0.05


@pytest.mark.parametrize("name", KINDS)
def test_aligned_meshes_lie_on_the_picture(name: str) -> None:
    detail = grooved(name)
    face = detail.face
    for variant in VARIANTS:
        frontal, aligned = detail.mesh(variant), detail.mesh(variant, aligned=True)
        there = face.camera.project((frontal.vertices * Y_UP) @ face.pose.R.T + face.pose.t)
        assert np.abs(face.camera.project(aligned.vertices * Y_UP) - there).max() < 0.01


@pytest.mark.parametrize("name", KINDS)
def test_the_normal_map_turns_the_foundation_as_the_final_mesh_is_turned(name: str) -> None:
    detail = grooved(name)
    layout, final = detail.layout, detail.mesh("final")
    head = layout.head
    points = detail.mesh("foundation").vertices
    frame = tangents(head, points)[layout.first_row]
    n = vertex_normals(points, head.triangles)
    mapped = layout.sampled(detail.normals, head.uv[layout.first_row])
    b = np.cross(n, frame[:, :3]) * frame[:, 3:]
    turned = frame[:, :3] * mapped[:, :1] + b * mapped[:, 1:2] + n * mapped[:, 2:]
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6)
    raised = np.abs(mapped[:, :2]).max(axis=1) > 0.02
    cosine = (turned * final.normals[: len(n)]).sum(axis=1)[raised]
    apart, flat = np.degrees(np.arccos(np.clip(cosine, -1, 1))), (n * final.normals[: len(n)]).sum(axis=1)[raised]
    assert raised.sum() > 20
    assert np.median(apart) < 3
    assert apart.mean() < np.degrees(np.arccos(np.clip(flat, -1, 1))).mean()


@pytest.mark.parametrize("name", KINDS)
def test_a_hidden_half_gets_what_is_usual_and_the_other_ones_mirror_image(name: str) -> None:
    face = face_of(name)
    points = head_pixels(face)[0]
    picture = photograph(face, groove(points, 0.4, 3.0))
    mask = np.nan_to_num(points[..., 0]) < 2
    detail = maker(name).make(face, picture, mask)
    layout, window = detail.layout, detail.layout.window
    at, usual = in_layout(detail), maker(name).usual
    hidden = layout.inside & (at[..., 0] > 15) & (np.abs(at[..., 1] + 42) < 0.8) & (at[..., 0] < 30)
    expected = np.zeros(layout.inside.shape, np.float32) if usual is None else usual.of(face, layout)
    rest = layout.mirrored(np.ascontiguousarray(detail.displacement_mm[window] - expected))
    other = cv2.GaussianBlur(rest, (0, 0), BLUR_MM / layout.texel_mm)
    assert detail.seen[window][hidden].max() == 0
    assert np.abs(detail.seen_mm[window][hidden]).max() == 0
    lent = detail.displacement_mm[window][hidden] - expected[hidden]
    assert lent.mean() == pytest.approx(GAIN * other[hidden].mean(), rel=0.25)
    assert lent.mean() < -0.01


def test_the_texture_of_a_hidden_half_has_the_pictures_light() -> None:
    """A dark spot on one cheek is on both, and the side that the lamp does not reach stays the darker one."""
    face = face_of("shipped")
    points = head_pixels(face)[0]
    spot = np.where(np.hypot(np.nan_to_num(points[..., 0]) + 40, np.nan_to_num(points[..., 1]) - 35) < 5, 0.5, 1.0)
    picture = photograph(face, lamp=(-0.8, -0.2, -0.6), paint=spot)
    detail = maker("shipped").make(face, picture, np.nan_to_num(points[..., 0]) < 2)
    at, texture = in_layout(detail), detail.texture[detail.layout.window].astype(float).mean(axis=-1)
    albedo = detail.albedo[detail.layout.window].astype(float).mean(axis=-1)

    def near(image: np.ndarray, x: float, y: float) -> float:
        return float(image[detail.layout.inside & (np.hypot(at[..., 0] - x, at[..., 1] - y) < 3)].mean())

    assert near(albedo, 40, 35) < 0.85 * near(albedo, 40, 22)
    assert near(albedo, 40, 22) == pytest.approx(near(albedo, -40, 22), rel=0.12)
    assert near(texture, 40, 22) < 0.9 * near(texture, -40, 22)


def test_a_grey_picture_is_said_to_be_grey() -> None:
    face = face_of("shipped")
    picture = photograph(face).mean(axis=-1, keepdims=True).repeat(3, axis=-1).astype(np.uint8)
    assert not maker("shipped").make(face, picture).colour
    assert grooved("shipped").colour


@fault("detail", "a picture of one colour", "no relief is made up")
@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("name", KINDS)
def test_pictures_of_nothing_give_no_detail(name: str, value: int) -> None:
    detail = maker(name).make(face_of(name), grey(560, 560, value))
    assert np.sqrt((detail.displacement_mm[detail.layout.front] ** 2).mean()) < 0.02
    assert np.isfinite(detail.normals).all()


@fault("detail", "a face beside the picture or behind the camera", "refused with the reason")
@pytest.mark.parametrize("t", [(0, 0, 5), (4000, 0, 640), (0, 0, -500), (150, 0, 640)])
def test_faces_beside_the_picture_and_behind_the_camera(t: tuple[float, float, float]) -> None:
    detail = maker("plain").make(face_of("plain", t=t), grey(560, 560))
    assert np.isfinite(detail.displacement_mm).all()
    assert detail.seen.dtype == np.uint8


@fault("detail", "a face of too few pixels", "refused with the reason")
def test_a_small_face_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"the face is about 3. px wide, detail needs"):
        maker("plain").make(face_of("plain", t=(0, 0, 6000)), grey(560, 560))


@fault("detail", "a mask of another size than the picture", "refused with the reason")
def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="as large as its picture"):
        maker("plain").make(face_of("plain"), grey(560, 560), np.ones((10, 10)))


def test_the_tracker_gives_detail(net_folder: object) -> None:
    face = face_of("plain")
    with r3d.FaceTracker(models=str(net_folder), backend="fake") as tracker:
        detail = tracker.detail(photograph(face), face)
        assert isinstance(detail, Detail)
        with pytest.raises(ValueError, match=r"3. px wide"):
            tracker.detail(grey(560, 560), face_of("plain", t=(0, 0, 6000)))
