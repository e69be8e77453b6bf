"""Expression axes: nothing is lost, lids come first, then lips, noise is one along each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime3d.tracking.expression_axes import NOISE_SD, ExpressionAxes, usual_noise
from tests.helpers.identity_scene import small_model

MODEL = small_model(n_expression=20, n_vertices=200)


def moved_mm(axes: ExpressionAxes, region: str) -> np.ndarray:
    """How far a step of one noise along each axis moves a region, rms mm."""
    part = MODEL.expression_basis[:, MODEL.region == MODEL.region_names.index(region)]
    return np.sqrt(((np.einsum("kz,kvc->zvc", axes.inward, part)) ** 2).sum(-1).mean(-1))


def test_outward_and_inward_undo_each_other() -> None:
    axes = ExpressionAxes.for_model(MODEL)
    assert axes.inward @ axes.outward == pytest.approx(np.eye(20), abs=1e-9)
    assert sum(axes.sizes) == 20 and len(axes.sizes) == 3


def test_usual_noise_is_one_along_every_axis() -> None:
    axes = ExpressionAxes.for_model(MODEL)
    noise = usual_noise(MODEL.expression_basis.astype(np.float64))
    assert axes.outward @ np.diag(noise**2) @ axes.outward.T == pytest.approx(np.eye(20), abs=1e-9)
    assert noise.min() == pytest.approx(NOISE_SD[0]) and noise.max() < NOISE_SD[1]


def test_lids_come_first_then_lips() -> None:
    """Regions move independently in this model: where one group's axes move, the others' hardly do."""
    basis = MODEL.expression_basis.copy()
    for region, rows in (("eyelids", slice(0, 3)), ("lips", slice(3, 10)), ("face", slice(10, 20))):
        others = np.flatnonzero(MODEL.region != MODEL.region_names.index(region))
        basis[rows, others] = 0
    model = replace(MODEL, expression_basis=basis)
    axes = ExpressionAxes.for_model(model)
    lids, lips, rest = np.split(axes.inward, np.cumsum(axes.sizes)[:-1], axis=1)
    assert np.abs(lids[3:]).max() < 1e-9
    assert np.abs(lips[:3]).max() < 1e-9 and np.abs(lips[10:]).max() < 1e-9
    assert np.abs(rest[:10]).max() < 1e-9


def test_first_axis_of_the_lids_moves_them_most() -> None:
    mm = moved_mm(ExpressionAxes.for_model(MODEL), "eyelids")
    assert mm.argmax() == 0


@pytest.mark.parametrize("names", [("skin",) * 4, ("face", "lips", "x", "y")])
def test_models_without_such_regions_have_axes_too(names: tuple[str, ...]) -> None:
    axes = ExpressionAxes.for_model(replace(MODEL, region_names=names))
    assert axes.inward @ axes.outward == pytest.approx(np.eye(20), abs=1e-9)
    assert sum(axes.sizes) == 20


def test_a_model_with_one_coefficient() -> None:
    model = replace(MODEL, expression_basis=MODEL.expression_basis[:1])
    axes = ExpressionAxes.for_model(model)
    assert axes.inward @ axes.outward == pytest.approx(np.eye(1))
    assert all(axes.sizes)
