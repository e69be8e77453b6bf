"""What is computed of a face model once, and not for every stream: films of a second would pay for it each."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from realtime3d.face.model import FaceModel

T = TypeVar("T")


def per_model(function: Callable[[FaceModel], T]) -> Callable[[FaceModel], T]:
    """The same answer for the same model, for as long as the model lives. Nobody may change what it holds."""
    known: dict[int, tuple[weakref.ref[FaceModel], T]] = {}

    @wraps(function)
    def once(model: FaceModel) -> T:
        number = id(model)
        entry = known.get(number)
        if entry is None or entry[0]() is not model:
            entry = weakref.ref(model, lambda gone: known.pop(number, None) and None), function(model)
            known[number] = entry
        return entry[1]

    return once
