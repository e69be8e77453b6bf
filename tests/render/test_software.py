"""The software renderer on faces with known poses."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.render.base import MASK_LIGHT, MODES, Mode, OverlayStyle, next_mode
from realtime3d.render.choose import create_renderer
from realtime3d.render.software import SoftwareRenderer
from tests.helpers.faces import grey, make_face, result_of, speckled

CAMERA = Camera.from_fov(320, 240)
BARE = OverlayStyle(mode="shaded", box=False, label=False, axes=False, bars=False)
DRAWN: tuple[Mode, ...] = ("wire", "shaded", "transparent", "points")


def changed(image: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    return (np.abs(image.astype(int) - drawn) > 8).any(axis=2)


@pytest.mark.parametrize("mode", DRAWN)
def test_each_mode_draws_the_face_where_it_is_and_leaves_the_input_alone(mode: Mode) -> None:
    image, face = grey(), make_face(CAMERA, (5, 20, 0), (40, -10, 600))
    drawn = SoftwareRenderer(replace(BARE, mode=mode)).draw(image, result_of(image, face))
    assert (image == 128).all()
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    mask = changed(image, drawn)
    x0, y0, x1, y1 = face.box
    inside = mask[int(y0) : int(y1), int(x0) : int(x1)]
    assert inside.mean() > (0.7 if mode in ("shaded", "transparent") else 0.12)
    ys, xs = np.nonzero(mask)
    assert xs.min() > x0 - 25 and xs.max() < x1 + 25 and ys.max() < y1 + 12 and ys.min() > y0 - 0.6 * (y1 - y0)


def inner(face: FaceState) -> tuple[slice, slice]:
    """The middle of a face: no outline, no hidden part."""
    x0, y0, x1, y1 = face.box
    across, down = (x1 - x0) / 4, (y1 - y0) / 4
    return slice(int(y0 + down), int(y1 - down)), slice(int(x0 + across), int(x1 - across))


def test_the_texture_lies_where_its_colours_come_from() -> None:
    camera = Camera.from_fov(640, 480)
    image, face = speckled(640, 480), make_face(camera, (0, 0, 0), (0, 0, 450))
    drawn = SoftwareRenderer(replace(BARE, mode="texture")).draw(image, result_of(image, face))
    assert np.abs(drawn[inner(face)].astype(int) - image[inner(face)]).mean() < 6
    assert (drawn != image).any()


def test_the_texture_stays_with_the_face_and_comes_from_the_frame_that_shows_it_best() -> None:
    camera = Camera.from_fov(640, 480)
    renderer = SoftwareRenderer(replace(BARE, mode="texture"))
    red, green = np.full((480, 640, 3), (0, 0, 200), np.uint8), np.full((480, 640, 3), (0, 200, 0), np.uint8)
    renderer.draw(red, result_of(red, make_face(camera, (0, 0, 0), (0, 0, 450))))
    turned = make_face(camera, (0, 35, 0), (60, 0, 500))
    drawn = renderer.draw(green, result_of(green, turned))
    assert drawn[inner(turned)].reshape(-1, 3).mean(axis=0)[2] > 180  # as it was seen from the front
    gone = replace(result_of(green), lost=(1,))
    np.testing.assert_array_equal(renderer.draw(green, gone), green)
    drawn = renderer.draw(green, result_of(green, turned))
    assert drawn[inner(turned)].reshape(-1, 3).mean(axis=0)[1] > 180  # somebody new


def test_a_mask_leaves_the_faces_and_darkens_the_rest() -> None:
    image = speckled()
    faces = make_face(CAMERA, (0, 0, 0), (-70, 0, 600)), make_face(CAMERA, (0, 20, 0), (70, 0, 600), id=2)
    drawn = SoftwareRenderer(replace(BARE, mode="mask")).draw(image, result_of(image, *faces))
    for face in faces:
        np.testing.assert_allclose(drawn[inner(face)], image[inner(face)], atol=3)
    np.testing.assert_allclose(drawn[:20], image[:20] * MASK_LIGHT, atol=1)
    nobody = SoftwareRenderer(replace(BARE, mode="mask")).draw(image, result_of(image))
    np.testing.assert_allclose(nobody, image * MASK_LIGHT, atol=1)


def test_off_draws_no_mesh() -> None:
    image = grey()
    drawn = SoftwareRenderer(replace(BARE, mode="off")).draw(image, result_of(image, make_face(CAMERA)))
    assert (drawn == image).all()


def test_a_read_only_and_strided_picture_is_fine() -> None:
    image = np.full((240, 640, 3), 90, np.uint8)[:, ::2]
    image.setflags(write=False)
    drawn = SoftwareRenderer(BARE).draw(image, result_of(image, make_face(CAMERA)))
    assert changed(image, drawn).any()


def test_the_nearer_face_hides_the_farther_in_either_order() -> None:
    image = grey()
    near, far = make_face(CAMERA, t=(0, 0, 500), id=1), make_face(CAMERA, t=(110, 0, 800), id=2)
    renderer = SoftwareRenderer(BARE)
    alone = renderer.draw(image, result_of(image, near))
    both = renderer.draw(image, result_of(image, near, far))
    swapped = renderer.draw(image, result_of(image, far, near))
    np.testing.assert_array_equal(both, swapped)
    solid = changed(image, alone)
    core = solid & np.roll(solid, 3, 0) & np.roll(solid, -3, 0) & np.roll(solid, 3, 1) & np.roll(solid, -3, 1)
    core[:110] = False  # the forehead's soft border lets the other one through
    np.testing.assert_array_equal(alone[core], both[core])
    assert changed(alone, both).any()


def irises(drawn: np.ndarray) -> int:
    """How many irises are seen: nothing else on a green face is that blue."""
    blue = (drawn[..., 0].astype(int) - drawn[..., 2] > 25).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(blue)[2]
    return int((stats[1:, cv2.CC_STAT_AREA] > 4).sum())


def test_hidden_parts_and_backs_are_not_drawn() -> None:
    image, camera = grey(640, 480), Camera.from_fov(640, 480)
    drawn = [
        SoftwareRenderer(BARE).draw(image, result_of(image, make_face(camera, (0, yaw, 0), (0, 0, 400))))
        for yaw in (0, 75, -75, 179)
    ]
    assert [irises(picture) for picture in drawn] == [2, 1, 1, 0]
    areas = [changed(image, picture).sum() for picture in drawn]
    assert areas[3] < 0.01 * areas[0]


def test_pictures_do_not_leak_into_each_other() -> None:
    image, renderer = grey(), SoftwareRenderer(BARE)
    first = renderer.draw(image, result_of(image, make_face(CAMERA, (0, 30, 0), (50, 0, 500))))
    renderer.draw(image, result_of(image, make_face(CAMERA, (0, -30, 0), (-50, 0, 400))))
    again = renderer.draw(image, result_of(image, make_face(CAMERA, (0, 30, 0), (50, 0, 500))))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "t",
    [(900, 0, 600), (160, 120, 300), (0, 0, 60), (0, 0, 2), (0, 0, -600), (0, 0, 1e7), (1e8, 0, 600), (np.nan, 0, 600)],
)
def test_faces_in_unlikely_places_do_no_harm(mode: Mode, t: tuple[float, float, float]) -> None:
    image = grey()
    face = make_face(CAMERA, (10, 40, 20), t)
    drawn = SoftwareRenderer(OverlayStyle(mode=mode)).draw(image, result_of(image, face))
    assert drawn.shape == image.shape


def test_a_face_behind_the_camera_is_not_drawn() -> None:
    image = grey()
    drawn = SoftwareRenderer().draw(image, result_of(image, make_face(CAMERA, (0, 180, 0), (0, 0, -600))))
    np.testing.assert_array_equal(drawn, image)


@pytest.mark.filterwarnings("ignore:.*(invalid value|overflow).*:RuntimeWarning")
def test_wild_coefficients_do_no_harm() -> None:
    image = grey()
    for value in (np.nan, np.inf, 1e20):
        face = make_face(CAMERA, expression=np.full(29, value))
        assert SoftwareRenderer(BARE).draw(image, result_of(image, face)).shape == image.shape


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 5), (16, 1000), (1919, 33)])
def test_odd_picture_sizes(width: int, height: int) -> None:
    image, camera = grey(width, height), Camera.from_fov(width, height)
    for mode in MODES:
        result = result_of(image, make_face(camera), make_face(camera, t=(80, 0, 700), id=2, status="held"))
        assert SoftwareRenderer(OverlayStyle(mode=mode)).draw(image, result).shape == image.shape


def test_an_empty_picture_and_no_faces() -> None:
    empty = np.zeros((0, 0, 3), np.uint8)
    assert SoftwareRenderer().draw(empty, result_of(empty, make_face(CAMERA))).shape == (0, 0, 3)
    image = grey()
    np.testing.assert_array_equal(SoftwareRenderer().draw(image, result_of(image)), image)


def test_lens_distortion_moves_the_mesh_and_folds_nothing_back() -> None:
    lens = replace(CAMERA, distortion=(-0.3, 0.1, 0.0, 0.0))
    image, renderer = grey(), SoftwareRenderer(BARE)
    straight = changed(image, renderer.draw(image, result_of(image, make_face(CAMERA, t=(150, 60, 500)))))
    bent = changed(image, renderer.draw(image, result_of(image, make_face(lens, t=(150, 60, 500)))))
    assert np.nonzero(bent)[1].mean() < np.nonzero(straight)[1].mean() - 2
    outside = renderer.draw(image, result_of(image, make_face(lens, t=(1500, 0, 400))))
    np.testing.assert_array_equal(outside, image)


def test_close_may_come_at_any_time_and_draw_opens_anew() -> None:
    image = grey()
    renderer = SoftwareRenderer(BARE)
    renderer.close()
    first = renderer.draw(image, result_of(image, make_face(CAMERA)))
    renderer.close()
    renderer.close()
    np.testing.assert_array_equal(renderer.draw(image, result_of(image, make_face(CAMERA))), first)


def test_names_of_renderers_and_modes_are_checked() -> None:
    with pytest.raises(UsageError, match="software, pyrender"):
        create_renderer("opengl")
    with pytest.raises(UsageError, match="wire, shaded"):
        OverlayStyle(mode="solid")  # type: ignore[arg-type]
    assert {next_mode(mode) for mode in MODES} == set(MODES)
