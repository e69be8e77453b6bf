"""What frames hold: of a face model that knows less than ours, and of what lies before a face."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from realtime3d.view.web.hidden import Hidden
from realtime3d.view.web.messages import FrameMessage, Wants
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
                           .bytes_for(Wants(vertices=False)))  # fmt: skip
        check(header)
        (face,) = header["faces"]
        assert len(face["weights"]) == weights and ("gaze" in face) == bool(weights)


class HalfHidden:
    """A mask's net that sees something before the left half of every picture."""

    closed = False

    def mask(self, image: np.ndarray, face: object) -> SimpleNamespace:
        before = np.zeros(image.shape[:2], np.float32)
        before[:, : image.shape[1] // 2] = 1
        return SimpleNamespace(before_mesh=before)

    def close(self) -> None:
        self.closed = True


def test_what_lies_before_a_face_is_told_by_vertex_to_those_who_ask() -> None:
    face, net, hidden = tracked(), HalfHidden(), Hidden()
    hidden.use(SimpleNamespace(masker=lambda: net))
    rates = {"fps": 0, "p50_ms": 0, "p95_ms": 0, "dropped": 0, "frames": 1}
    message = FrameMessage(moment(0.0, face), rates, encode, hidden.parts)
    assert set(unpack(message.bytes_for(Wants(picture=False)))[1]) == {"vertices_0"}
    header, parts = unpack(message.bytes_for(Wants(picture=False, vertices=False, hidden=True)))
    check(header)
    values = np.frombuffer(parts["hidden_0"], np.uint8)
    x = face.camera.project(face.vertices())[:, 0]
    assert len(values) == len(face.model.mean)
    assert (values[x < 318] == 255).all() and (values[x > 321] == 0).all()
    hidden.close()
    assert net.closed and hidden.parts(moment(0.0, face)) == {}
