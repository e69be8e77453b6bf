"""Frames of a face model that knows less than ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from realtime3d.view.web.messages import FrameMessage
from realtime3d.view.web.show import encode
from tests.helpers.avatars import moment, shipped_model, tracked
from tests.helpers.page_server import check, unpack


def test_a_model_without_actions_and_eyes_gives_frames_without_weights_and_gaze() -> None:
    ours = shipped_model()
    plain = replace(ours, arkit_names=(), extra_basis=np.zeros((0, *ours.mean.shape), np.float32))
    for model, weights in ((ours, 52), (plain, 0)):
        face = replace(tracked({"jawOpen": 0.5}), model=model, extras=np.zeros(model.n_extras, np.float32))
        result = moment(0.0, face)
        header, _ = unpack(FrameMessage(result, {"fps": 0, "p50_ms": 0, "p95_ms": 0, "dropped": 0, "frames": 1}, encode)
                           .bytes_for(True, False))  # fmt: skip
        check(header)
        (face,) = header["faces"]
        assert len(face["weights"]) == weights and ("gaze" in face) == bool(weights)
