"""The smoother: calm when still, awake when something moves, each face for itself, real seconds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime3d.geometry import euler_to_matrix, geodesic_deg
from realtime3d.tracking.expression_axes import ExpressionAxes, usual_noise
from realtime3d.tracking.smooth import Smoother, SmoothSettings
from realtime3d.types import EyesSeen, FaceCoeffs, Pose
from tests.helpers.identity_scene import small_model

MODEL = small_model(n_expression=10)
MS = 1_000_000


def coeffs(
    pitch: float = 0.0,
    yaw: float = 0.0,
    roll: float = 0.0,
    t: tuple[float, float, float] = (0, 0, 600),
    expression: np.ndarray | float = 0.0,
    extras: float = 0.0,
) -> FaceCoeffs:
    pose = Pose(euler_to_matrix(*np.radians([pitch, yaw, roll])), np.array(t, dtype=np.float64))
    face = np.zeros(MODEL.n_expression, np.float32) + np.asarray(expression, np.float32)
    return FaceCoeffs(pose, face, np.full(MODEL.n_extras, extras, np.float32), 0.9, 3.0)


def noisy(rng: np.random.Generator, loud: float = 1.0, **values: float) -> FaceCoeffs:
    turn = rng.normal(0, 0.6 * loud, 3)
    place = np.array([0, 0, 600.0]) + rng.normal(0, [2 * loud, 2 * loud, 6 * loud])
    face = rng.normal(size=MODEL.n_expression) * usual_noise(MODEL.expression_basis.astype(np.float64)) * loud
    pitch = values.pop("pitch", 0.0)
    return coeffs(pitch + turn[0], turn[1], turn[2], tuple(place), face + values.get("expression", 0.0))


def smooth(stream: list[FaceCoeffs], fps: float = 30.0, **settings: float) -> list[FaceCoeffs]:
    smoother = Smoother.for_model(MODEL, SmoothSettings(**settings))
    return [smoother(0, c, round(n * 1e9 / fps)) for n, c in enumerate(stream)]


def step_deg(stream: list[FaceCoeffs]) -> float:
    R = np.array([c.pose.R for c in stream[30:]])
    return float(np.sqrt((geodesic_deg(R[1:], R[:-1]) ** 2).mean()))


def step_of(stream: list[FaceCoeffs], name: str) -> float:
    values = np.array([c.pose.t if name == "t" else getattr(c, name) for c in stream[30:]])
    return float(np.sqrt((np.diff(values, axis=0) ** 2).mean()))


@pytest.mark.parametrize("loud", [0.5, 1.0, 2.0])
def test_a_still_face_jitters_five_times_less_whatever_the_noise(loud: float) -> None:
    rng = np.random.default_rng(0)
    raw = [noisy(rng, loud) for _ in range(400)]
    out = smooth(raw)
    assert step_deg(raw) > 5 * step_deg(out)
    assert step_of(raw, "t") > 5 * step_of(out, "t")
    assert step_of(raw, "expression") > 4.5 * step_of(out, "expression")


def test_outliers_too_small_to_be_seen_do_not_pass() -> None:
    """A good picture has next to no noise; what is far beyond it can still be far below what anybody sees."""
    rng = np.random.default_rng(0)
    raw = [noisy(rng, 0.12 if rng.random() < 0.06 else 0.02) for _ in range(400)]
    out = smooth(raw)
    assert step_deg(raw) > 5 * step_deg(out)
    assert step_of(raw, "expression") > 5 * step_of(out, "expression")


def test_noise_that_frames_share_and_that_differs_between_signals_is_calmed_too() -> None:
    """As nets err: pitch more than roll, hardly sideways, and each frame half of what the last one did."""
    rng = np.random.default_rng(0)
    error, raw = np.zeros(6), []
    for _ in range(400):
        error = 0.5 * error + rng.normal(0, [0.3, 0.15, 0.1, 0.08, 0.08, 0.6])
        raw.append(coeffs(*error[:3], t=tuple(error[3:] + np.array([0, 0, 600]))))
    out = smooth(raw)
    assert step_deg(raw[60:]) > 2.8 * step_deg(out[60:])
    assert step_of(raw[60:], "t") > 3.5 * step_of(out[60:], "t")


def test_a_nod_that_goes_on_is_not_taken_for_noise() -> None:
    rng = np.random.default_rng(0)
    true = 10 * np.sin(4 * np.pi * np.arange(450) / 30)
    raw = [noisy(rng, 0.3, pitch=x) for x in true]
    pitch = np.degrees([[np.arctan2(-c.pose.R[1, 2], c.pose.R[2, 2]) for c in s][300:] for s in (raw, smooth(raw))])
    error = np.sqrt(((pitch - true[300:]) ** 2).mean(1))
    assert error[1] < 1.3 * error[0]


def test_a_fast_nod_comes_less_than_a_frame_late() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(300) / 30
    out = smooth([noisy(rng, pitch=10 * np.sin(4 * np.pi * x)) for x in t])
    pitch = np.degrees([np.arctan2(-c.pose.R[1, 2], c.pose.R[2, 2]) for c in out])[30:]
    late = [((pitch - 10 * np.sin(4 * np.pi * (t[30:] - tau))) ** 2).sum() for tau in np.arange(0, 0.1, 0.002)]
    assert np.argmin(late) * 2 < 33
    assert pitch.max() > 9


def test_a_step_is_followed_at_once_without_overshoot() -> None:
    stream = [coeffs()] * 60 + [coeffs(yaw=30, t=(80, -40, 900), expression=3.0, extras=0.8)] * 3
    out = smooth(stream)
    assert geodesic_deg(out[-1].pose.R, stream[-1].pose.R) < 0.5
    assert out[-1].pose.t == pytest.approx(stream[-1].pose.t, abs=3)
    assert out[-1].expression == pytest.approx(stream[-1].expression, abs=0.15)
    assert out[-1].extras == pytest.approx(stream[-1].extras, abs=0.05)
    target = ExpressionAxes.for_model(MODEL).outward @ stream[-1].expression
    way = [ExpressionAxes.for_model(MODEL).outward @ c.expression / target for c in out]
    assert np.max(way) < 1.0001 and np.min(way) > -0.0001


def test_brows_stay_calm_while_the_lids_blink() -> None:
    """Motion along one axis opens this axis, not the noise of the others."""
    axes = ExpressionAxes.for_model(MODEL)
    rng = np.random.default_rng(1)
    blink = axes.inward[:, 0]
    raw = [noisy(rng, expression=blink * (8.0 if n % 30 in (0, 1, 2, 3) else 0.0)) for n in range(600)]  # type: ignore[arg-type]
    out = smooth(raw)
    along = np.array([[axes.outward @ c.expression for c in stream][30:] for stream in (raw, out)])
    assert along[1, :, 0].max() > 7.2
    jitter = np.sqrt((np.diff(along, axis=1) ** 2).mean(1))
    rest = slice(sum(axes.sizes[:-1]), None)
    assert (jitter[0, rest] > 2.5 * jitter[1, rest]).all()


def test_rotations_beyond_any_euler_angle_stay_rotations() -> None:
    stream = [coeffs(yaw=3.0 * n, pitch=2.0 * n, roll=170 - n) for n in range(120)]
    for raw, out in zip(stream, smooth(stream), strict=True):
        assert pytest.approx(np.eye(3), abs=1e-9) == out.pose.R @ out.pose.R.T
        assert geodesic_deg(raw.pose.R, out.pose.R) < 8


def test_slow_motion_is_not_swallowed() -> None:
    out = smooth([coeffs(yaw=0.2 * n) for n in range(200)])
    yaw = np.degrees([np.arctan2(c.pose.R[0, 2], c.pose.R[0, 0]) for c in out])
    assert np.abs(yaw - 0.2 * np.arange(200)).max() < 1.5


def test_depth_is_smoothed_by_ratio_and_sideways_in_millimetres_at_the_heads_depth() -> None:
    def left_over(scale: float) -> np.ndarray:
        rng = np.random.default_rng(0)
        places = [np.array([0, 0, 600.0]) + rng.normal(0, [2, 2, 6]) for _ in range(90)]
        return np.array([c.pose.t / scale for c in smooth([coeffs(t=tuple(p * scale)) for p in places])])[:, 2]

    assert np.abs(left_over(1.0) - left_over(3.0)).mean() < 0.3


def test_the_same_seconds_give_the_same_result_at_any_frame_rate() -> None:
    """Cutoffs are in hertz of real time: after a small step, as much is left at 30 as at 60 frames a second."""

    def after_half_a_second(fps: int) -> float:
        return float(smooth([coeffs()] * fps + [coeffs(yaw=0.5)] * (fps // 2), fps)[-1].pose.R[0, 2])

    assert after_half_a_second(30) == pytest.approx(after_half_a_second(60), rel=0.05)


def test_first_frame_passes_and_a_gap_starts_afresh() -> None:
    smoother = Smoother.for_model(MODEL)
    first, later = coeffs(yaw=5), coeffs(yaw=6)
    assert smoother(0, first, 0) is first
    assert smoother(0, later, 33 * MS) is not later
    after_gap = coeffs(yaw=40)
    assert smoother(0, after_gap, 700 * MS) is after_gap


def test_tracks_do_not_touch_each_other_and_dropped_ones_start_afresh() -> None:
    smoother = Smoother.for_model(MODEL)
    smoother(0, coeffs(yaw=5), 0)
    other = coeffs(yaw=-50)
    assert smoother(1, other, 33 * MS) is other
    smoother.drop(0)
    smoother.drop(7)
    again = coeffs(yaw=9)
    assert smoother(0, again, 66 * MS) is again


def test_inputs_are_not_changed_and_the_rest_is_kept() -> None:
    smoother = Smoother.for_model(MODEL)
    shape = np.ones(MODEL.n_shape, np.float32)
    a, b = coeffs(), replace(coeffs(yaw=0.5, expression=0.2), shape=shape)
    R, t, expression = b.pose.R.copy(), b.pose.t.copy(), b.expression.copy()
    smoother(0, a, 0)
    out = smoother(0, b, 33 * MS)
    assert np.array_equal(R, b.pose.R) and np.array_equal(t, b.pose.t) and np.array_equal(expression, b.expression)
    assert out.shape is shape and out.presence == b.presence and out.pose_sigma_deg == b.pose_sigma_deg
    assert out.expression.dtype == out.extras.dtype == np.float32 and out.pose.R.dtype == np.float64


def test_it_is_deterministic() -> None:
    def once() -> np.ndarray:
        rng = np.random.default_rng(3)
        return np.array([c.expression for c in smooth([noisy(rng) for _ in range(100)])])

    assert np.array_equal(once(), once())


def test_a_held_face_that_repeats_itself_does_not_teach_silence() -> None:
    rng = np.random.default_rng(0)
    noise = [noisy(rng) for _ in range(700)]
    held = [*noise[:200], *[noise[199]] * 200, *noise[200:]]
    assert step_deg(smooth(held)[400:]) < 1.6 * step_deg(smooth(noise)[200:])


def test_an_answer_that_is_not_finite_passes_and_is_forgotten() -> None:
    smoother = Smoother.for_model(MODEL)
    smoother(0, coeffs(), 0)
    broken = coeffs(expression=np.nan)
    assert smoother(0, broken, 33 * MS) is broken
    assert np.isfinite(smoother(0, coeffs(), 66 * MS).expression).all()


def test_time_must_rise() -> None:
    smoother = Smoother.for_model(MODEL)
    smoother(0, coeffs(), 5)
    with pytest.raises(ValueError, match="time must rise"):
        smoother(0, coeffs(), 5)


def test_a_model_without_extras_is_smoothed_too() -> None:
    smoother = Smoother(ExpressionAxes.of_noise(np.full(4, 0.3)), n_extras=0)
    face = FaceCoeffs(coeffs().pose, np.ones(4, np.float32), np.zeros(0, np.float32), 1.0, 1.0)
    smoother(0, face, 0)
    assert smoother(0, face, 33 * MS).expression == pytest.approx(np.ones(4))


def with_eyes(upper: float, certainty: float, look: float, **values: float) -> FaceCoeffs:
    pair = [np.full(2, v, np.float32) for v in (upper, 0.1, certainty, 1.0)]
    return replace(coeffs(extras=look, **values), eyes=EyesSeen(*pair))


def test_a_blink_shuts_the_lids_at_once_and_does_not_turn_the_gaze() -> None:
    rng = np.random.default_rng(4)
    calm = [with_eyes(0.18 + rng.normal(0, 0.005), 1.0, 0.3 + rng.normal(0, 0.02)) for _ in range(60)]
    blink = [with_eyes(-0.08, 0.0, -0.8) for _ in range(4)]
    out = smooth(calm + blink + calm)
    lids = np.array([c.eyes.upper[0] for c in out if c.eyes is not None])
    assert lids[62] < -0.04  # the third frame of it
    assert lids[66] > 0.12
    assert abs(lids[30:60].std()) < 0.003
    looks = np.array([c.extras[0] for c in out])
    assert np.abs(looks[58:70] - 0.3).max() < 0.05


def test_eyes_that_come_later_start_where_they_are_and_stay_when_nobody_looks() -> None:
    out = smooth([coeffs()] * 10 + [with_eyes(0.2, 1.0, 0.0)] * 2 + [coeffs()] * 5)
    assert out[9].eyes is None
    for late in out[10:]:
        assert late.eyes is not None
        np.testing.assert_allclose(late.eyes.upper, 0.2, atol=1e-6)
