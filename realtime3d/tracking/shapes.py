"""Who looks like whom: shapes of single frames against the identities that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.tracking.life import Life, ShapeDistance
from realtime3d.types import FaceCoeffs

SHAPE_COST = 20.0  # of a face twice as far in shape as usual, in squared multiples of the usual spread of places


@dataclass(frozen=True, slots=True)
class Shapes:
    """Compares answers of the nets with lives."""

    distance: ShapeDistance

    def comparable(self, life: Life, answer: FaceCoeffs) -> bool:
        """Whether shapes can tell if this is the same person."""
        return answer.shape is not None and self.distance(life.id, answer.shape) is not None

    def cost(self, lives: Sequence[Life], answers: Sequence[FaceCoeffs], rivals: list[int]) -> NDArray[np.float64]:
        """How much less each answer (M) looks like a life (N) than like the others it may be mixed up with: (N, M).

        `rivals` are the indices of the lives that may be mixed up."""
        cost = np.zeros((len(lives), len(answers)))
        for i in rivals:
            cost[i] = [SHAPE_COST * self._strangeness(lives[i], answer) for answer in answers]
        if rivals:
            cost[rivals] -= cost[rivals].min(0)
        return cost

    def _strangeness(self, life: Life, answer: FaceCoeffs) -> float:
        """By how much the shape distance exceeds the usual one; 0 where it is not known."""
        distance = None if answer.shape is None else self.distance(life.id, answer.shape)
        return 0.0 if distance is None else min(max(distance - 1, 0.0), 2.0)
