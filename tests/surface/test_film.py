"""Detail over a film: the person's own is told from that of expressions, where both are known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.surface.activations import ACTIVATIONS, activations, share_of
from realtime3d.surface.best_frames import MOST, BestFrames
from realtime3d.surface.detail_maker import DetailMaker, Look
from realtime3d.surface.film import FilmDetail, detail_of_film, separated
from realtime3d.surface.film_file import detail_file, load_film, save_film
from realtime3d.surface.light import Light
from tests.helpers.faces import make_face
from tests.helpers.faults import fault
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(320, 320, 22)
NAMES = list(ACTIVATIONS)
FRAMES = 16


@cache
def maker() -> DetailMaker:
    return DetailMaker(FaceModel.load(FACE_MODEL))


def field(row: int, depth: float) -> np.ndarray:
    """(h, w) mm: one line across the window."""
    out = np.zeros(maker().layout.inside.shape, np.float32)
    out[row - 2 : row + 3] = -depth
    return out


def looks_of(shown: np.ndarray, person: np.ndarray, folds: dict[str, np.ndarray], noise: float = 0.01) -> list[Look]:
    rng, layout = np.random.default_rng(1), maker().layout
    colour = np.full((layout.size, layout.size, 3), 150, np.uint8)
    sight, light = np.zeros((layout.size, layout.size), np.uint8), Light(np.eye(9, dtype=np.float32)[0])
    out = []
    for row in shown:
        d = person + sum(row[NAMES.index(name)] * fold for name, fold in folds.items())
        d = d + rng.normal(0, noise, d.shape).astype(np.float32)
        out.append(
            Look(d.astype(np.float32), layout.inside.astype(np.float32), colour, colour, sight, light, True, 0.5)
        )
    return out


def acted() -> np.ndarray:
    shown = np.zeros((FRAMES, len(NAMES)), np.float32)
    shown[:, NAMES.index("brows_up")] = np.linspace(0.1, 0.9, FRAMES)
    shown[:, NAMES.index("smile")] = np.abs(np.sin(np.arange(FRAMES)))
    shown[:, NAMES.index("open")] = 0.02
    return shown


@cache
def known() -> FilmDetail:
    shown = acted()
    looks = looks_of(shown, field(300, 0.2), {"brows_up": field(100, 0.3)})
    looks[3] = replace(looks[3], raw=looks[3].raw + 2)  # a frame that is off
    return separated(maker().layout, looks, shown, looks[0].albedo)


def middle(values: np.ndarray, row: int) -> float:
    inside = maker().layout.inside[row]
    return float(np.median(values[row][inside]))


def test_what_is_always_there_and_what_an_expression_folds() -> None:
    film = known()
    assert middle(film.person, 300) == pytest.approx(-0.2, abs=0.02)
    assert middle(film.folds[NAMES.index("brows_up")], 100) == pytest.approx(
        -0.24, abs=0.05
    )  # -0.3, drawn to 0 a little
    assert abs(middle(film.folds[NAMES.index("brows_up")], 300)) < 0.02
    assert abs(middle(film.folds[NAMES.index("smile")], 100)) < 0.02
    assert "brows_up" in film.known
    assert "open" not in film.known  # hardly moved


def test_an_expression_is_held_to_what_the_film_showed() -> None:
    film, row = known(), np.zeros(len(NAMES), np.float32)
    row[NAMES.index("brows_up")] = 5.0
    most = row.copy()
    most[NAMES.index("brows_up")] = 0.9
    assert film.at(row) == pytest.approx(film.at(most))
    assert middle(film.at(most), 100) == pytest.approx(-0.24, abs=0.06)
    assert middle(film.at(row, held=False), 100) < -1


def test_a_second_film_adds_to_the_first() -> None:
    layout = maker().layout
    still = np.zeros((4, len(NAMES)), np.float32)
    looks = looks_of(still, field(300, 0.2), {})
    both = separated(layout, looks, still, looks[0].albedo, known())
    assert both.frames == FRAMES + 4
    assert middle(both.folds[NAMES.index("brows_up")], 100) == pytest.approx(-0.24, abs=0.05)
    assert middle(both.at(still[0]), 300) == pytest.approx(-0.2, abs=0.03)
    assert both.high[NAMES.index("brows_up")] == pytest.approx(0.9)


def test_it_is_kept_in_a_file(tmp_path: Path) -> None:
    path, film = detail_file(tmp_path / "me.json"), known()
    assert path.name == "me.detail.npz"
    assert load_film(path, maker().layout, "a") is None
    save_film(path, film, "a")
    again = load_film(path, maker().layout, "a")
    assert again is not None
    assert again.person == pytest.approx(film.person, abs=2e-4)
    assert again.folds == pytest.approx(film.folds, abs=2e-4)
    assert np.array_equal(again.albedo, film.albedo)
    assert again.known == film.known
    with pytest.raises(UsageError, match="another face model"):
        load_film(path, maker().layout, "b")


@fault("detail", "a file of a person's folds that is cut or damaged", "one line")
@pytest.mark.parametrize("cut", [0, 10, 5000, -30])
def test_a_damaged_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "me.detail.npz"
    save_film(path, known(), "a")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UsageError, match=r"me\.detail\.npz"):
        load_film(path, maker().layout, "a")


# -- the frames that are looked at ------------------------------------------------------------------------------------


def raising(amount: float, **more: object) -> FaceState:
    model = maker().model
    assert model.arkit_to_motion is not None
    weights = np.array([amount * (name in ACTIVATIONS["brows_up"]) for name in model.arkit_names])
    eta = (model.arkit_to_motion @ weights)[: model.n_expression]
    settings = {"t": (0, -25, 640), "expression": eta, "face_model": model, **more}
    return make_face(CAMERA, **settings)  # type: ignore[arg-type]


def test_activations_are_means_of_weights() -> None:
    weights = dict.fromkeys(maker().model.arkit_names, 0.0) | {"mouthSmileLeft": 1.0, "jawOpen": 0.5}
    found = activations(weights)
    assert found[NAMES.index("smile")] == 0.5
    assert found[NAMES.index("open")] == 0.5
    row = np.array(list(weights.values()), np.float32)
    assert share_of(list(weights)).T @ row == pytest.approx(found)


def test_frames_of_many_expressions_are_kept_and_blurred_ones_replaced() -> None:
    import cv2

    sharp = photograph(raising(0.0))
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 3), np.uint8)
    kept = BestFrames(most=6)
    for _ in range(10):
        kept.see(raising(0.0), blurred)
    for amount in (0.3, 0.6, 0.9):
        kept.see(raising(amount), blurred)
    kept.see(raising(0.0), sharp)
    amounts = sorted(float(shot.activations[0]) for shot in kept.shots)
    assert len(amounts) <= 6
    assert amounts[-1] > 0.7
    assert any(0.45 < amount < 0.7 for amount in amounts)
    assert kept.shots[0].activations[0] < 0.1  # the sharp one
    first = kept.shots[0]
    assert first.image.shape[1] <= 320
    assert first.face.landmarks().max() < max(first.image.shape)  # its camera is that of the part


@fault("detail", "frames of a film that show little of the face", "left out")
@pytest.mark.parametrize("change", [{"status": "held"}, {"angles_deg": (0, 60, 0)}, {"t": (0, -25, 9000)}])
def test_frames_that_show_little_are_left_out(change: dict[str, object]) -> None:
    kept = BestFrames()
    face = raising(0.0, **change)
    kept.see(face, photograph(raising(0.0)))
    assert not kept.shots
    assert MOST > 10


def test_folds_of_a_film_come_back() -> None:
    """A line on the forehead that is as deep as the brows are high."""
    kept = BestFrames()
    for i in range(12):
        face = raising(0.9 * (i % 4) / 3, angles_deg=(0, 3 * (i % 3 - 1), 0))
        points = head_pixels(face)[0]
        kept.see(face, photograph(face, groove(points, 0.5 * (i % 4) / 3, 4.0), lamp=(0.1, -0.9, -0.5)))
    film = detail_of_film(maker(), kept.shots, raising(0.0))
    assert film.known == ("brows_up",)
    assert film.folds[0].min() < -0.05
    deepest = np.unravel_index(int(film.folds[0].argmin()), film.folds[0].shape)
    layout = maker().layout
    at = layout.on_front(raising(0.5).vertices_at(layout.level))[deepest]
    assert at[1] == pytest.approx(-42, abs=4)


@fault("detail", "a film with too few frames for a person's folds", "refused with the reason")
def test_too_few_frames_are_refused() -> None:
    with pytest.raises(UsageError, match="0 frames show this face well enough, detail over a film needs 3"):
        detail_of_film(maker(), [], raising(0.0))
