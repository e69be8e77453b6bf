"""What is computed once for each face model."""

from __future__ import annotations

import gc

from realtime3d.face.model import FaceModel
from realtime3d.tracking.expression_axes import ExpressionAxes
from realtime3d.tracking.per_model import per_model
from tests.helpers.paths import FACE_MODEL


def test_once_for_each_model_and_no_longer_than_it_lives(model: FaceModel) -> None:
    asked = []

    @per_model
    def count(model: FaceModel) -> int:
        asked.append(id(model))
        return len(asked)

    other = FaceModel.load(FACE_MODEL)
    assert [count(model), count(model), count(other), count(other), count(model)] == [1, 1, 2, 2, 1]
    del other
    gc.collect()
    third = FaceModel.load(FACE_MODEL)  # perhaps where the other one was
    assert count(third) == 3


def test_axes_are_shared(model: FaceModel) -> None:
    assert ExpressionAxes.for_model(model) is ExpressionAxes.for_model(model)
