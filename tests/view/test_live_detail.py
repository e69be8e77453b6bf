"""The look at detail beside a live run: the newest picture wins, nobody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera
from realtime3d.surface.preview import preview_of
from realtime3d.types import Frame, Image
from realtime3d.view.live_detail import GAP_PX, LiveDetail
from tests.helpers.faces import grey, make_face
from tests.helpers.faults import fault
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.paths import FACE_MODEL

CAMERA = Camera.from_fov(320, 240)


def result(number: int, *faces: FaceState) -> FrameResult:
    return FrameResult(Frame(number, number, np.full((240, 320, 3), number, np.uint8)), faces)


def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("it never came to this")


def test_the_newest_picture_is_taken_and_the_others_left_out() -> None:
    go, seen = threading.Event(), []

    def slow(face: FaceState, image: Image) -> Image:
        seen.append(int(image[0, 0, 0]))
        go.wait(20)
        return grey(10, 10)

    face = make_face(CAMERA)
    with LiveDetail(slow, most_fps=1000) as live:
        live.see(result(1, face))
        until(lambda: len(seen) == 1)
        for number in range(2, 9):
            live.see(result(number, face))  # returns although the thread is at work
        go.set()
        until(lambda: live.made == 2)
    assert seen == [1, 8]


def test_the_largest_face_is_looked_at_and_held_ones_are_not() -> None:
    seen = []

    def look(face: FaceState, image: Image) -> Image:
        seen.append(face.id)
        return grey(10, 10)

    small, large = make_face(CAMERA, t=(0, 0, 900), id=1), make_face(CAMERA, t=(0, 0, 500), id=2)
    held = make_face(CAMERA, t=(0, 0, 300), id=3, status="held")
    with LiveDetail(look, most_fps=1000) as live:
        live.see(result(1, small, large, held))
        until(lambda: live.made == 1)
    assert seen == [2]


def test_it_is_drawn_in_the_corner_and_goes_with_the_last_face() -> None:
    picture = np.zeros((240, 320, 3), np.uint8)
    with LiveDetail(lambda face, image: grey(40, 40, 200), most_fps=1000) as live:
        live.draw(picture)
        assert not picture.any()
        live.see(result(1, make_face(CAMERA)))
        until(lambda: live.made == 1)
        live.draw(picture)
        assert picture[240 - GAP_PX - 5, 320 - GAP_PX - 5].tolist() == [200, 200, 200]
        assert not picture[:100].any()
        tiny = np.zeros((12, 12, 3), np.uint8)
        live.draw(tiny)
        live.see(result(2))
        after = np.zeros_like(picture)
        live.draw(after)
        assert not after.any()


@fault("detail", "the look at detail of a live run fails", "the error is told where results are given")
def test_a_bug_is_raised_where_results_are_given() -> None:
    def broken(face: FaceState, image: Image) -> Image:
        raise KeyError("a bug")

    face = make_face(CAMERA)
    with LiveDetail(broken) as live:
        live.see(result(1, face))
        until(lambda: live._bug is not None)
        with pytest.raises(KeyError, match="a bug"):
            live.see(result(2, face))


def test_a_groove_is_seen_in_the_look() -> None:
    camera = Camera.from_fov(560, 560, 22)
    face = make_face(camera, t=(0, -25, 640), face_model=FaceModel.load(FACE_MODEL))
    relief = groove(head_pixels(face)[0], 0.5, 4.0)
    flat, folded = (preview_of(face, photograph(face, r, lamp=(0.1, -0.9, -0.5))) for r in (None, relief))
    assert flat is not None and folded is not None
    assert max(flat.shape[:2]) <= 192
    change = np.abs(folded.astype(int) - flat).mean(axis=2)
    row = change.mean(axis=1).argmax() / len(change)
    assert change.max() > 8
    assert 0 < row < 0.35  # on the forehead


@fault("detail", "faces too small for a look, live", "no look; the run goes on")
def test_faces_that_are_too_small_give_no_look() -> None:
    assert preview_of(make_face(CAMERA, t=(0, 0, 6000)), grey()) is None
