"""Whether two identities are one person's: what is taken, what is refused, and that the figures told are measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.tracking.likeness import CALIBRATIONS, SHIPPED, Calibration, same_person
from realtime3d.tracking.profile import fingerprint, save_profile
from realtime3d.types import IdentityState
from tests.helpers.faces import make_face, model
from tests.helpers.identity_scene import small_model
from tests.helpers.paths import ROOT

RNG = np.random.default_rng(4)
ONE, OTHER = (RNG.normal(size=99).astype(np.float32) for _ in range(2))


def face(shape: np.ndarray) -> FaceState:
    return make_face(Camera.from_fov(320, 240), shape=shape)


def test_the_shipped_face_model_is_the_calibrated_one() -> None:
    assert fingerprint(model()) == SHIPPED


def test_one_person_and_two() -> None:
    same = same_person(ONE, ONE * 1.1)
    assert same.cosine == pytest.approx(1) and same.same
    assert same.probability == pytest.approx(CALIBRATIONS[SHIPPED].probability(1.0)) and same.probability > 0.8
    two = same_person(ONE, OTHER)
    assert abs(two.cosine) < 0.5 and not two.same and two.probability < 0.01
    assert same_person(ONE, OTHER) == same_person(OTHER, ONE)


def test_faces_profiles_and_arrays_are_the_same(tmp_path: Path) -> None:
    save_profile(tmp_path / "one.json", IdentityState(ONE, True, 40, 5), model())
    kinds = [face(ONE), tmp_path / "one.json", str(tmp_path / "one.json"), ONE, ONE.tolist()]
    cosines = [same_person(kind, OTHER).cosine for kind in kinds]
    assert cosines == pytest.approx([cosines[0]] * len(kinds), abs=1e-5)
    assert same_person(kinds[0], kinds[1]).same


@pytest.mark.parametrize(
    "wrong", [np.zeros(99), np.full(99, np.nan), ONE[:50], np.ones((2, 99)), None, [["a"]], 3.0], ids=str
)
def test_what_is_no_identity_is_refused(wrong: object) -> None:
    with pytest.raises(UsageError):
        same_person(ONE, wrong)  # type: ignore[arg-type]


def test_other_face_models_are_not_mixed_and_not_guessed(tmp_path: Path) -> None:
    other = replace(model(), mean=model().mean + 1)
    stranger = replace(face(ONE), model=other)
    with pytest.raises(UsageError, match="different face models"):
        same_person(face(ONE), stranger)
    with pytest.raises(UsageError, match="nobody has measured"):
        same_person(stranger, stranger)
    save_profile(tmp_path / "small.json", IdentityState(np.ones(small_model().n_shape), True, 1, 5), small_model())
    with pytest.raises(UsageError, match="different face models"):
        same_person(tmp_path / "small.json", face(ONE))
    with pytest.raises(UsageError, match="does not exist"):
        same_person(tmp_path / "nobody.json", ONE)


def test_the_figures_that_are_told_are_those_measured() -> None:
    result = json.loads((ROOT / "benchmarks" / "results" / "likeness.json").read_text())
    told = result["calibration"]
    errors = [result[nets]["kept_out"] for nets in ("compact", "accurate")]
    worst = [max(error[name] for error in errors) for name in ("false_match", "false_non_match")]
    assert CALIBRATIONS[SHIPPED] == Calibration(told["threshold"], told["slope"], told["offset"], *worst)
    assert {result[nets]["face_model"] for nets in ("compact", "accurate")} == {SHIPPED}
    texts = [same_person.__doc__ or "", (ROOT / "docs" / "how-to" / "python.md").read_text(encoding="utf-8")]
    for models in ("compact", "accurate"):
        kept_out = result[models]["kept_out"]
        said = [f"{kept_out['auc']:.2f} with `{models}`", f"{kept_out['false_match']:.0%}".replace("%", " %"),
                f"{kept_out['false_non_match']:.0%}".replace("%", " %")]  # fmt: skip
        for text in texts:
            assert all(figure in " ".join(text.split()) for figure in said), said
