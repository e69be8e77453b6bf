"""A run that goes on where another one was killed has the faces of one that was not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.seam import Replay, frozen_identities
from realtime3d.sinks.known import REPLAY_S, Known, replay_start
from realtime3d.sources.base import SourceInfo, SourceStatus
from realtime3d.types import Frame
from tests.helpers.exact_scene import Head, Scene, head

FPS = 30
FRAMES = 850
SHAPES = np.random.default_rng(5).normal(size=(3, 99)).astype(np.float32) * 0.6


def heads_at(number: int) -> list[Head]:
    """Who is there: one goes and comes back, one comes and goes, one stays."""
    turn = 25 * np.sin(number / 40)
    found = [head(x=-160, yaw=turn, shape=SHAPES[0])]
    if number < 300 or number >= 340:
        found.append(head(x=0, y=40, yaw=-turn, shape=SHAPES[1]))
    if 450 < number < 800:
        found.append(head(x=170, pitch=turn / 2, shape=SHAPES[2]))
    return found


class Play:
    """The scene as a film, from a frame on."""

    def __init__(self, scene: Scene, start_s: float = 0.0) -> None:
        self._scene, self._start = scene, int(np.ceil(start_s * FPS - 1e-3))
        self.info = SourceInfo("scene", 640, 480, FPS, FRAMES, FRAMES / FPS)
        self.status = SourceStatus()

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self._start, FRAMES):
            self._scene.heads = heads_at(number)
            yield Frame(number, round(number / FPS * 1e9), self._scene.image)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(scope="module")
def whole(model: FaceModel, net_folder: Path) -> list[FrameResult]:
    """The run that nobody disturbs."""
    scene = Scene(model)
    with scene.installed() as backend, FaceTracker(models=net_folder, backend=backend, boxes=scene) as tracker:
        return [tracker.process_frame(frame) for frame in Play(scene)]


def table(results: list[FrameResult], seam: int) -> list[Known]:
    """What a table holds of the frames before the seam."""
    known = []
    for result in results[:seam]:
        for face in result.faces:
            left, top, right, bottom = face.box
            box = np.array([left, top, right - left, bottom - top], np.float32)
            recent = result.frame.index >= seam - REPLAY_S * FPS
            time_s = round(result.frame.t_ns / 1e9, 6)
            known.append(Known(result.frame.index, time_s, face.id, box if recent else None, face.shape))
    return known


@pytest.mark.parametrize("seam", [5, 120, 310, 345, 463, 700, 805])
def test_ids_identities_and_poses_go_on(
    seam: int, whole: list[FrameResult], scene: Scene, tracker: FaceTracker
) -> None:
    known, seam_s = table(whole, seam), round(seam / FPS, 6)
    start_s = replay_start(known, seam_s, 1, tracker.config.track.detect_every)
    assert start_s is not None
    noted = {
        face.id: (face.identity.frozen_at_ns / 1e9, face.identity.frames)
        for face in whole[seam - 1].faces
        if face.identity.frozen and face.identity.frozen_at_ns is not None
    }
    tracker.reset()
    replay = Replay(Play(scene, start_s), tracker, seam_s, known, frozen_identities(known, noted, 0))
    results = [tracker.process_frame(item) for item in replay if isinstance(item, Frame)]
    assert [r.frame.index for r in results] == list(range(seam, FRAMES))
    for found, wanted in zip(results, whole[seam:], strict=True):
        assert [(f.id, f.status) for f in found.faces] == [(f.id, f.status) for f in wanted.faces]
        assert found.lost == wanted.lost
        for a, b in zip(found.faces, wanted.faces, strict=True):
            assert np.abs(a.pose.R - b.pose.R).max() < 0.002
            assert a.identity.frozen >= b.identity.frozen
            if a.id in noted:
                assert a.shape == pytest.approx(b.shape, abs=1e-6)


def test_rows_behind_the_seam_use_up_no_id(whole: list[FrameResult], scene: Scene, tracker: FaceTracker) -> None:
    known = table(whole, 440)
    tracker.reset()
    replay = Replay(Play(scene, 10.0), tracker, 440 / FPS, known, {})
    results = [tracker.process_frame(item) for item in replay if isinstance(item, Frame)]
    assert [[face.id for face in r.faces] for r in results] == [[face.id for face in r.faces] for r in whole[440:]]


def test_without_a_table_the_film_is_followed_from_its_start(
    whole: list[FrameResult], scene: Scene, tracker: FaceTracker
) -> None:
    tracker.reset()
    replay = Replay(Play(scene), tracker, 500 / FPS, None, {})
    results = [tracker.process_frame(item) for item in replay if isinstance(item, Frame)]
    assert [[face.id for face in r.faces] for r in results] == [[face.id for face in r.faces] for r in whole[500:]]
