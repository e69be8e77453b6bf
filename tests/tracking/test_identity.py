"""The identity cache: steadier than single frames, frozen once, kept for those who return."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime3d.geometry import euler_to_matrix
from realtime3d.tracking.identity import MAX_VIEWS, IdentityCache, IdentitySettings, frame_weight
from realtime3d.types import FaceCoeffs, IdentityState, Pose
from tests.helpers.identity_scene import frames, small_model

MODEL = small_model()
TRUTH = np.random.default_rng(7).normal(size=MODEL.n_shape)
SECOND = 1_000_000_000


def face(shape: np.ndarray | None, yaw: float = 0.0, presence: float = 1.0, sigma: float = 0.0) -> FaceCoeffs:
    pose = Pose(euler_to_matrix(0, np.radians(yaw), 0), np.array([0, 0, 600.0]))
    zeros = np.zeros(6, np.float32), np.zeros(5, np.float32)
    return FaceCoeffs(pose, *zeros, presence, sigma, None if shape is None else shape.astype(np.float32))


def learn(stream: list[tuple[FaceCoeffs, int]], cache: IdentityCache | None = None) -> IdentityState:
    cache = cache or IdentityCache(MODEL)
    for coeffs, t_ns in stream:
        state = cache.update(0, coeffs if cache.wants_shape(0) else replace(coeffs, shape=None), t_ns)
        if state.frozen:
            return state
    raise AssertionError("never froze")


def spread(shapes: list[np.ndarray]) -> float:
    """Mean distance of pairs, mm."""
    mm = np.sqrt((MODEL.shape_basis**2).sum(-1).mean(-1))
    x = np.array(shapes) * mm
    return float(np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(len(x), 1)].mean())


@pytest.mark.parametrize("turning", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_ten_frozen_shapes_differ_less_than_single_frames(turning: bool, seed: int) -> None:
    clip = list(frames(TRUTH, 40, seed=seed, turning=turning))
    starts = np.linspace(0, len(clip) - 300, 10).astype(int)
    frozen = [learn(clip[start:]).shape for start in starts]
    single = [clip[start][0].shape for start in np.linspace(0, len(clip) - 1, 200).astype(int)]
    assert spread(single) > 2.5 * spread(frozen)


def test_a_third_of_wild_frames_does_not_move_the_mean() -> None:
    rng = np.random.default_rng(0)
    cache = IdentityCache(MODEL)
    for n in range(60):
        shape = rng.normal(3, 3, MODEL.n_shape) if n % 3 == 0 else TRUTH + rng.normal(0, 0.1, MODEL.n_shape)
        state = cache.update(0, face(shape), n * SECOND // 3)
    assert np.abs(state.shape - TRUTH).max() < 0.15


def test_a_standing_picture_does_not_freeze_early() -> None:
    """Thirty copies of one frame are one piece of evidence."""
    cache = IdentityCache(MODEL)
    states = [cache.update(0, face(TRUTH), n * SECOND // 30) for n in range(30 * 12)]
    assert 7.5 < sum(not state.frozen for state in states) / 30 < 9
    burst = IdentityCache(MODEL)
    assert not any(burst.update(0, face(TRUTH, yaw=n % 30), n * SECOND // 500).frozen for n in range(500))


def test_frozen_is_final_and_needs_no_shape_any_more() -> None:
    cache = IdentityCache(MODEL)
    clip = list(frames(TRUTH, 20))
    state = learn(clip, cache)
    assert not cache.wants_shape(0)
    assert state.frozen_at_ns is not None and 2 * SECOND < state.frozen_at_ns < 9 * SECOND
    assert cache.update(0, face(TRUTH + 9), 15 * SECOND) is state
    assert cache.get(0) is state


def test_first_frame_gives_its_own_shape_and_no_shape_gives_the_mean_face() -> None:
    cache = IdentityCache(MODEL)
    assert cache.update(0, face(TRUTH), 0).shape == pytest.approx(TRUTH, abs=1e-5)
    assert not cache.update(1, face(None), 0).shape.any()
    assert not cache.update(2, face(np.full(MODEL.n_shape, np.nan)), 0).shape.any()
    assert cache.wants_shape(1) and cache.wants_shape(77) and cache.wants_shape(-1)
    assert cache.update(1, face(None), 1).shape.dtype == np.float32


@pytest.mark.parametrize("doubt", [{"presence": 0.45}, {"yaw": 55}, {"sigma": 25}])
def test_good_frames_count_more(doubt: dict[str, float]) -> None:
    assert frame_weight(face(TRUTH, **doubt)) < 0.35 * frame_weight(face(TRUTH))
    cache = IdentityCache(MODEL)
    cache.update(0, face(TRUTH), 0)
    state = cache.update(0, face(TRUTH + 1, **doubt), SECOND)
    assert np.abs(state.shape - TRUTH).max() < 0.3


def test_a_face_only_seen_from_the_side_is_looked_at_less_often_and_memory_stays_bounded() -> None:
    cache = IdentityCache(MODEL)
    looks = 0
    for n in range(30 * 60):
        wanted = cache.wants_shape(0)
        looks += wanted
        state = cache.update(0, face(TRUTH if wanted else None, yaw=80), n * SECOND // 30)
    assert not state.frozen
    assert looks < 30 * 60 / 5
    assert len(cache._learners[0].views) <= MAX_VIEWS
    assert state.shape == pytest.approx(TRUTH, abs=1e-4)


def test_neutral_is_computed_once_per_shape() -> None:
    cache = IdentityCache(MODEL)
    learn(list(frames(TRUTH, 20)), cache)
    mesh = cache.neutral(0)
    state = cache.get(0)
    assert state is not None
    assert mesh == pytest.approx(MODEL.neutral(state.shape))
    cache.update(0, face(None), 20 * SECOND)
    assert cache.neutral(0) is mesh
    cache.relearn(0)
    cache.update(0, face(TRUTH + 1), 21 * SECOND)
    assert cache.neutral(0) is not mesh


def test_dropped_identities_return_within_time() -> None:
    cache = IdentityCache(MODEL, IdentitySettings(keep_s=3))
    state = learn(list(frames(TRUTH, 20)), cache)
    cache.drop(0, 20 * SECOND)
    assert cache.update(0, face(None), 22 * SECOND) is state
    cache.update(1, face(TRUTH), 40 * SECOND)
    assert cache.get(0) is state
    cache.drop(0, 40 * SECOND)
    cache.update(1, face(TRUTH), 44 * SECOND)
    assert cache.get(0) is None
    cache.drop(99, 45 * SECOND)


def test_relearning_starts_again_from_the_present_shape() -> None:
    cache = IdentityCache(MODEL)
    state = learn(list(frames(TRUTH, 20)), cache)
    cache.relearn(0)
    assert cache.wants_shape(0)
    assert cache.update(0, face(None), 20 * SECOND).shape == pytest.approx(state.shape)
    assert cache.update(0, face(-TRUTH), 21 * SECOND).shape == pytest.approx(-TRUTH, abs=1e-5)
    cache.relearn(5)


def test_distance_tells_the_person_from_another() -> None:
    cache = IdentityCache(MODEL)
    clip = list(frames(TRUTH, 20, white=0.25, slow=0.2, posed=0.2, outliers=0))
    assert cache.distance(0, TRUTH.astype(np.float32)) is None
    learn(clip, cache)

    def distances(shapes: list[np.ndarray]) -> list[float]:
        found = [cache.distance(0, shape.astype(np.float32)) for shape in shapes]
        return [distance for distance in found if distance is not None]

    same = distances([coeffs.shape for coeffs, _ in clip[-200:] if coeffs.shape is not None])
    other = distances(list(np.random.default_rng(3).normal(size=(200, MODEL.n_shape))))
    assert len(same) == len(other) == 200
    assert np.quantile(same, 0.9) < 1.7 < np.quantile(other, 0.1)


def test_a_profile_is_given_to_whom_it_fits_and_to_nobody_else() -> None:
    profile = TRUTH.astype(np.float32)
    cache = IdentityCache(MODEL, profile=profile)
    stranger = cache.update(0, face(TRUTH + 2), 0)
    person = cache.update(1, face(TRUTH + 0.05), 0)
    twin = cache.update(2, face(TRUTH), 1)
    assert not stranger.frozen and not twin.frozen
    assert person.frozen and person.shape == pytest.approx(profile)
    assert not cache.wants_shape(1)


def test_the_profiles_person_gets_it_again_after_a_long_absence() -> None:
    cache = IdentityCache(MODEL, profile=TRUTH.astype(np.float32))
    assert cache.update(0, face(TRUTH), 0).frozen
    cache.drop(0, SECOND)
    assert cache.update(3, face(TRUTH), 60 * SECOND).frozen
    assert not cache.update(4, face(TRUTH), 61 * SECOND).frozen


def test_relearning_the_profiles_person_does_not_take_the_profile_again() -> None:
    cache = IdentityCache(MODEL, profile=TRUTH.astype(np.float32))
    assert cache.update(0, face(TRUTH), 0).frozen
    cache.relearn(0)
    assert not cache.update(0, face(TRUTH), SECOND).frozen
    assert learn([(c, t + SECOND) for c, t in frames(TRUTH, 20)][1:], cache).frozen
