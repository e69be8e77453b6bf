"""Composites: the truth that is drawn, what counts, and the file that keeps them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.refine import MIDDLE, PLANES
from realtime3d.surface.relief import Relief
from realtime3d.training.detail.composites import MOST_MM, Composite, Composites, composite
from realtime3d.training.detail.drawing import stains, stubble, wrinkles
from realtime3d.training.detail.photographs import chosen, enlarged
from tests.helpers.faces import make_face
from tests.helpers.lit_heads import photograph
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(400, 400, 22)
SKIN = np.ones((200, 240), bool)


@cache
def plain() -> Relief:
    face = make_face(CAMERA, t=(0, -25, 760), face_model=FaceModel.load(FACE_MODEL))
    found = DetailMaker(face.model, 256).relief(face, photograph(face))
    assert found is not None
    return found


def test_wrinkles_are_grooves_and_stains_are_dark() -> None:
    rng = np.random.default_rng(0)
    depth = wrinkles(rng, SKIN, 0.4)
    assert -0.65 < depth.min() < -0.1 and depth.max() < 0.2
    assert stains(rng, SKIN, 0.4).min() >= 0 and stubble(rng, SKIN, 0.4).min() >= 0


def test_the_truth_of_a_composite_is_seen_in_it() -> None:
    """Over several pictures the solve's answer goes the way of what was drawn."""
    made = [composite(np.random.default_rng(seed), plain()) for seed in range(4)]
    solved, truth, counts = (
        np.concatenate([part(item).ravel().astype(np.float32) for item in made])
        for part in (lambda c: c.levels[..., 6], lambda c: c.truth, lambda c: c.counts)
    )
    a, b = (solved - MIDDLE) * counts, (truth - 128) * counts
    assert (a * b).sum() > 0.25 * np.sqrt((a * a).sum() * (b * b).sum())
    assert np.abs(truth - 128).max() * MOST_MM / 127 < 0.7
    assert made[0].levels.shape == (*made[0].truth.shape, PLANES) and 0.4 < counts.mean() / 255 < 1


def test_they_come_back_from_their_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    items = tuple(
        Composite(*(rng.integers(0, 255, (*shape, *more), dtype=np.uint8) for more in ((PLANES,), (), ())))
        for shape in ((5, 7), (9, 4))
    )
    Composites(items).save(tmp_path / "c.npz")
    again = Composites.load(tmp_path / "c.npz")
    for a, b in zip(items, again.items, strict=True):
        assert (a.levels == b.levels).all() and (a.truth == b.truth).all() and (a.counts == b.counts).all()
    (tmp_path / "d.npz").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="made again"):
        Composites.load(tmp_path / "d.npz")


def test_people_who_are_kept_out_give_nothing(tmp_path: Path) -> None:
    """Also in a folder that holds only some of the people."""
    folders = tmp_path / "all", tmp_path / "some"
    for folder, numbers in zip(folders, (range(1, 17), (1, 2, 3)), strict=True):
        folder.mkdir()
        for number in numbers:
            (folder / f"london_{number:03d}_neutral.jpg").touch()
    names = [(file.parent.name, int(file.name[7:10])) for file in chosen(folders, 100)]
    assert [n for place, n in names if place == "some"] == [2, 3]
    assert not {n for _, n in names} & {1, 5, 9, 13}


def test_an_enlarged_face_is_where_it_was() -> None:
    face = make_face(CAMERA, t=(10, -25, 760), face_model=FaceModel.load(FACE_MODEL))
    larger, image = enlarged(face, np.zeros((400, 400, 3), np.uint8), 1.5)
    assert image.shape == (600, 600, 3)
    moved = (face.landmarks("ibug68") + 0.5) * 1.5 - 0.5
    assert np.abs(larger.landmarks("ibug68") - moved).max() < 0.01
