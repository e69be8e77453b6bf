"""Composites: labels follow exactly what was pasted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.geometry import Camera
from realtime3d.surface.mask import CLASSES, GLASSES, HAIR, OCCLUDER, SKIN
from realtime3d.training.mask.composites import CHANCES, Assets, Composer, paste
from realtime3d.training.mask.hands import Hand, hand_bank
from realtime3d.training.mask.labels import UNKNOWN, frame_of
from realtime3d.training.mask.prepare import Portraits
from realtime3d.training.mask.things import DRAWN, Brush, Layer
from tests.helpers.faces import make_face
from tests.helpers.hand_file import write_hand

SIZE = 96
SKIN_BGR = (120, 150, 200)


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    folder = tmp_path_factory.mktemp("assets")
    mask = np.zeros((100, 120, 4), np.uint8)
    mask[10:90, 10:110] = (230, 200, 180, 255)
    cv2.imwrite(str(folder / "mask.png"), mask)
    return Assets.load(write_hand(folder / "hand.glb"), [folder / "mask.png"], 3, seed=1)


def portraits() -> Portraits:
    """One face of one colour, all of it labelled skin."""
    points = frame_of(make_face(Camera.from_fov(500, 500, 22), (0, 0, 0), (0, 0, 900)).landmarks("mediapipe478")).points
    image = np.full((256, 256, 3), SKIN_BGR, np.uint8)
    labels = np.full((256, 256), SKIN, np.uint8)
    coded = (cv2.imencode(end, part)[1].tobytes() for end, part in ((".jpg", image), (".png", labels)))
    picture, label = coded
    return Portraits(("a.jpg",), (picture,), (label,), points[None].astype(np.float32))


def composer(assets: Assets, seed: int = 0) -> Composer:
    return Composer(portraits(), assets, SIZE, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [kind for kind in CHANCES if kind != "nothing"])
def test_pixels_are_labelled_by_what_covers_them(assets: Assets, kind: str) -> None:
    made, rng, seen = composer(assets), np.random.default_rng(1), 0
    for _ in range(12):
        image, labels, points = made.face(0)
        layer = made.layer(kind, image, labels, points)
        assert layer is not None
        out, named = paste(image, labels, layer, rng)
        wanted = {"glasses": GLASSES, "strands": HAIR}.get(kind, OCCLUDER)
        assert set(np.unique(named)) <= {SKIN, UNKNOWN, wanted}
        covered = named == wanted
        assert (layer.alpha[covered] > 0.5).all()
        far = cv2.dilate((layer.alpha > 0.01).astype(np.uint8), np.ones((31, 31))) == 0  # beyond shadows
        assert np.abs(out[far].astype(int) - image[far]).max(initial=0) <= 1
        seen += int(covered.sum())
    assert seen > 12 * 20


def test_samples_have_known_classes_only_and_differ(assets: Assets) -> None:
    made = composer(assets)
    pairs = [made.sample() for _ in range(8)]
    for image, labels in pairs:
        assert image.shape == (SIZE, SIZE, 3) and image.dtype == np.uint8
        assert set(np.unique(labels)) <= {*range(len(CLASSES)), UNKNOWN}
    assert any((pairs[0][0] != image).any() for image, _ in pairs[1:])


def test_the_same_seed_makes_the_same_samples(assets: Assets) -> None:
    (a, b), (c, d) = composer(assets, 5).sample("hand"), composer(assets, 5).sample("hand")
    assert (a == c).all() and (b == d).all()


def test_clear_glass_leaves_the_label_of_what_is_behind() -> None:
    alpha = np.full((8, 8), 0.9, np.float32)
    named = np.full((8, 8), 254, np.uint8)
    named[:4] = GLASSES
    layer = Layer(np.zeros((8, 8, 3), np.float32), alpha, GLASSES, named)
    labels = paste(np.zeros((8, 8, 3), np.uint8), np.full((8, 8), SKIN, np.uint8), layer, np.random.default_rng(0))[1]
    assert (labels[:4] == GLASSES).all() and (labels[4:] == SKIN).all()


@pytest.mark.parametrize("kind", DRAWN)
def test_things_are_drawn_smoothly_and_inside(kind: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(6):
        layer = DRAWN[kind](Brush(SIZE, rng))
        assert layer.colour.shape == (SIZE, SIZE, 3) and np.isfinite(layer.colour).all()
        assert layer.colour.min() >= 0 and layer.colour.max() <= 255
        assert layer.alpha.min() >= 0 and layer.alpha.max() <= 1


def test_fingers_bend_and_the_arm_leaves_the_picture(tmp_path: Path) -> None:
    hand, rng = Hand(write_hand(tmp_path / "hand.glb")), np.random.default_rng(0)
    reach = []
    for _ in range(12):
        points, triangles, arm = hand.posed(rng)
        assert np.isfinite(points).all() and triangles.max() < len(points)
        reach.append(float(points[~arm][:, 2].max()))
    assert max(reach) > 1.15 * min(reach)  # a fist is shorter than a flat hand
    picture = hand_bank(tmp_path / "hand.glb", 1, 3, 128)[0]
    assert picture.alpha[-1].any() and 0.02 < picture.alpha.mean() < 0.6


def test_what_is_no_hand_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.glb").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"x\.glb"):
        Hand(tmp_path / "x.glb")
