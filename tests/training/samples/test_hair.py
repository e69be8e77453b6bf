"""Drawn hair: over the head, never over what the nets must see, the same for the same seed."""

import numpy as np
import pytest

from realtime3d.training.samples.hair import Hair
from realtime3d.training.samples.photo import normals

DRAWN = 40


@pytest.fixture(scope="module")
def heads(model) -> list[Hair]:
    return [Hair.draw(model, np.random.default_rng(seed)) for seed in range(DRAWN)]


def test_every_head_of_hair_covers_the_crown_and_no_feature(model, heads):
    points = model.landmarks("mediapipe478", model.mean)
    features = points[[4, 13, 14, 33, 133, 159, 145, 263, 362, 386, 374, 61, 291]]
    for hair in heads:
        covered = model.mean[hair.rows]
        away = np.linalg.norm(covered[:, None] - features[None], axis=-1).min()
        assert away > 12  # mm from eyes, nose and mouth
        assert covered[:, 1].min() == model.mean[:, 1].min()  # the highest vertex


def test_hair_lies_outside_the_head_and_rises_from_the_skin(model, heads):
    outwards = normals(model.mean, model.triangles)
    for hair in heads:
        shell = hair.over(model.mean, outwards)
        off = ((shell - model.mean[hair.rows]) * outwards[hair.rows]).sum(1)
        assert off.min() >= 0 and 1 < off.max() < 90
        assert hair.triangles.max() < len(hair.rows) and len(hair.triangles) > 300


def test_hair_differs_and_is_seeded(model, heads):
    again = Hair.draw(model, np.random.default_rng(3))
    assert np.array_equal(again.lift, heads[3].lift) and np.array_equal(again.colours, heads[3].colours)
    assert len({len(hair.rows) for hair in heads}) > DRAWN / 2
    hanging = [model.mean[hair.rows][:, 1].max() for hair in heads]
    assert min(hanging) < 40 and max(hanging) > 80  # short and long, mm below the eyes


def test_strands_change_brightness_around_one(heads):
    strands = heads[0].strands(96, np.random.default_rng(0))
    assert strands.shape == (96, 96, 1) and abs(strands.mean() - 1) < 0.1 and strands.std() > 0.01
