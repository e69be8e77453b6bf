"""Both levels of detail of the face model, and their texture layout."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.spatial import cKDTree

from realtime3d.errors import MissingError
from realtime3d.face.mesh import HeadMesh, packed, unpacked
from realtime3d.face.model import FaceModel
from realtime3d.raster import rasterize
from tests.helpers.paths import FACE_MODEL
from tests.helpers.plain_model import plain_model_file

FRONT = ("face", "lips", "eyelids")


def coefficients(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, 99), rng.normal(0, 1, 29), rng.uniform(-0.5, 0.5, 5)


def front(model: FaceModel, mesh: HeadMesh) -> np.ndarray:
    return np.isin(mesh.region, [model.region_names.index(name) for name in FRONT])


def signed_areas(mesh: HeadMesh) -> np.ndarray:
    a, b, c = (mesh.uv[mesh.uv_triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    return (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2


def test_sizes_of_both_levels(model: FaceModel) -> None:
    live, full = model.mesh("live"), model.mesh("full")
    assert len(live.mean) <= 5000
    assert len(full.mean) > 20_000
    assert (full.faces[:, 3] >= 0).mean() > 0.95  # quads
    assert FACE_MODEL.stat().st_size < 12e6
    for mesh, level in ((live, "live"), (full, "full")):
        assert mesh.shape_basis.shape == (99, len(mesh.mean), 3), level
        assert mesh.triangles.max() == len(mesh.mean) - 1
        assert set(np.unique(mesh.triangles)) == set(range(len(mesh.mean)))
    present = {model.region_names[k] for k in np.unique(live.region)}
    assert {"eyes", "eyelids", "teeth", "mouth_inside", "tongue", "lips"} <= present
    assert {model.region_names[k] for k in np.unique(full.region)} == set(model.region_names)


@pytest.mark.parametrize("seed", range(3))
def test_both_levels_are_one_face(model: FaceModel, seed: int) -> None:
    alpha, eta, extras = coefficients(seed)
    live, full = (m.deform(m.neutral(alpha), eta, extras) for m in (model.mesh("live"), model.mesh("full")))
    np.testing.assert_allclose(full[: len(live)], live, atol=0.02)
    for name in model.landmark_sets:
        apart = np.linalg.norm(model.landmarks(name, full) - model.landmarks(name, live), axis=1)
        assert apart.max() < 0.1, name


@pytest.mark.parametrize("seed", range(3))
def test_the_live_face_lies_on_the_full_one(model: FaceModel, seed: int) -> None:
    """In a front view, along the full surface's normals: half a millimetre but for a hundredth, at folds."""
    alpha, eta, _ = coefficients(seed)
    views = []
    for level in ("live", "full"):
        mesh = model.mesh(level)
        use = front(model, mesh)
        head = mesh.deform(mesh.neutral(0.8 * alpha), 0.5 * eta)
        triangles = mesh.triangles[use[mesh.triangles].all(axis=1)]
        ids, _, depth = rasterize(head[:, :2] * 4 + 400, head[:, 2] + 1000, triangles, 800, 800)
        a, b, c = (head[triangles[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        views.append((ids, depth, np.abs(normal[:, 2]) / np.linalg.norm(normal, axis=1)))
    (live_ids, live, _), (ids, full, facing) = views
    both = (live_ids >= 0) & (ids >= 0)
    apart = np.abs(live[both] - full[both]) * facing[ids[both]]
    assert both.sum() > 100_000
    assert apart.mean() < 0.1
    assert (apart > 0.5).mean() < 0.01


def test_the_layout_is_a_mirror_image_of_itself(model: FaceModel) -> None:
    for level in ("live", "full"):
        mesh = model.mesh(level)
        apart, row = cKDTree(mesh.uv).query(mesh.uv * (-1, 1) + (1, 0))
        assert apart.max() < 1e-6, level
        there, here = mesh.mean[mesh.uv_vertex[row]] * (-1, 1, 1), mesh.mean[mesh.uv_vertex]
        assert np.linalg.norm(there - here, axis=1).max() < 0.05, "the same places of the head"


def test_the_layout_has_no_overlaps_and_three_quarters_are_the_face(model: FaceModel) -> None:
    for level in ("live", "full"):
        mesh = model.mesh(level)
        assert mesh.uv.min() >= 0
        assert mesh.uv.max() <= 1
        areas = signed_areas(mesh)
        assert (areas < 0).sum() >= len(areas) - 2, "all triangles show the same side"
        size = 2048
        covered = rasterize(mesh.uv * size, np.ones(len(mesh.uv)), mesh.uv_triangles, size, size)[0] >= 0
        assert np.abs(areas).sum() - covered.mean() < 5e-4  # twice covered would be missing
        face = front(model, mesh)[mesh.triangles].all(axis=1)
        assert np.abs(areas[face]).sum() > 0.75, level


def test_seams_split_vertices_that_stay_one_in_space(model: FaceModel) -> None:
    for level in ("live", "full"):
        mesh = model.mesh(level)
        assert (mesh.uv_vertex[mesh.uv_triangles] == mesh.triangles).all()
        assert len(mesh.mean) < len(mesh.uv) < 1.2 * len(mesh.mean)


def test_the_licence_travels_with_the_model() -> None:
    with np.load(FACE_MODEL) as data:
        licence = str(data["licence"])
    assert "MIT License" in licence
    assert "USC Institute for Creative Technologies" in licence


def test_a_plain_model_has_a_live_head_alone() -> None:
    model = FaceModel.load(plain_model_file())
    assert model.levels == ("live",)
    mesh = model.mesh("live")
    alpha, eta, extras = coefficients(0)
    np.testing.assert_array_equal(
        mesh.deform(mesh.neutral(alpha), eta, extras), model.deform(model.neutral(alpha), eta, extras)
    )
    assert (mesh.uv_vertex[mesh.uv_triangles] == mesh.triangles).all()
    with pytest.raises(MissingError, match="live head only"):
        model.mesh("full")
    with pytest.raises(ValueError, match="no level 'fine'; there are live"):
        model.mesh("fine")


def test_a_full_head_that_is_gone_is_one_clear_line(tmp_path) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(FACE_MODEL.read_bytes())
    model = FaceModel.load(path)
    path.write_bytes(FACE_MODEL.read_bytes()[:2_000_000])
    with pytest.raises(MissingError, match=r"model\.npz is no face model") as caught:
        model.mesh("full")
    assert "\n" not in str(caught.value)
    path.write_bytes(plain_model_file().read_bytes())
    with pytest.raises(MissingError, match="is no face model"):
        model.mesh("full")
    with np.load(FACE_MODEL) as data:
        arrays = {key: data[key] for key in data.files}
    np.savez(path, **{**arrays, "full_mean": arrays["full_mean"][:-5]})
    with pytest.raises(MissingError, match="is no face model"):
        model.mesh("full")


def test_packing_loses_half_a_step_at_most() -> None:
    basis = np.random.default_rng(0).normal(0, 60, (3, 500, 3))  # far apart: neighbours' steps wrap round
    found = unpacked(packed(basis, 0.008), 0.008)
    assert found.shape == basis.shape
    assert np.abs(found - basis).max() <= 0.0041


@pytest.mark.parametrize(("level", "most_ms"), [("live", 0.5), ("full", 5.0)])
def test_posing_is_fast_enough_to_track(model: FaceModel, level: str, most_ms: float) -> None:
    mesh = model.mesh(level)
    alpha, eta, extras = coefficients(0)
    neutral = mesh.neutral(alpha)
    times = []
    for _ in range(40):
        start = time.perf_counter()
        mesh.deform(neutral, eta, extras)
        times.append(1e3 * (time.perf_counter() - start))
    assert np.min(times) < most_ms


def test_what_files_hold_has_no_strips_before_the_eyes(model: FaceModel) -> None:
    """Lashes are flat strips that need a texture with transparency: files and maps have their vertices, no faces."""
    full, solid = model.mesh("full"), model.solid("full")
    lashes = full.region == list(model.region_names).index("lashes")
    assert lashes.any() and lashes[full.triangles].any() and not lashes[solid.triangles].any()
    assert solid.mean is full.mean and len(solid.triangles) == (~lashes[full.triangles].any(1)).sum()
    assert np.array_equal(solid.uv_vertex[solid.uv_triangles], solid.triangles)
    assert model.solid("live") is model.mesh("live")
