"""What every renderer promises (`render.base.Renderer`); a new one is tested by adding its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from realtime3d.errors import MissingError
from realtime3d.geometry import Camera
from realtime3d.render.base import MODES, Mode, OverlayStyle, Renderer
from realtime3d.render.choose import RENDERERS, create_renderer
from tests.helpers.faces import grey, make_face, result_of

CAMERA = Camera.from_fov(320, 240)
BARE = OverlayStyle(mode="shaded", box=False, label=False, axes=False, bars=False)


@pytest.fixture(scope="module", params=sorted(RENDERERS))
def renderer(request: pytest.FixtureRequest) -> Iterator[Renderer]:
    made = create_renderer(request.param)  # cheap: opens nothing
    image = grey()
    try:
        made.draw(image, result_of(image, make_face(CAMERA)))
    except MissingError as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_new_picture_of_the_same_size_and_the_input_untouched(renderer: Renderer, mode: Mode) -> None:
    renderer.style = OverlayStyle(mode=mode)
    image = grey()
    image.setflags(write=False)
    drawn = renderer.draw(image, result_of(image, make_face(CAMERA)))
    assert drawn is not image and drawn.shape == image.shape and drawn.dtype == np.uint8 and drawn.flags.writeable
    assert (image == 128).all() and (drawn != image).any()


def test_the_style_may_change_between_pictures(renderer: Renderer) -> None:
    image = grey()
    pictures = []
    for style in (BARE, replace(BARE, mode="wire"), replace(BARE, whole_head=True), BARE):
        renderer.style = style
        pictures.append(renderer.draw(image, result_of(image, make_face(CAMERA))))
    assert (pictures[0] != pictures[1]).any() and (pictures[0] != pictures[2]).any()
    np.testing.assert_array_equal(pictures[0], pictures[3])


def test_nothing_to_draw_gives_the_picture_back(renderer: Renderer) -> None:
    renderer.style = OverlayStyle()
    image = grey()
    np.testing.assert_array_equal(renderer.draw(image, result_of(image)), image)
    behind = make_face(CAMERA, (0, 180, 0), (0, 0, -600))
    np.testing.assert_array_equal(renderer.draw(image, result_of(image, behind)), image)
    assert renderer.draw(image[:0], result_of(image[:0], make_face(CAMERA))).shape == (0, 320, 3)


def test_close_at_any_time_and_draw_again(renderer: Renderer) -> None:
    renderer.style = BARE
    image = grey()
    first = renderer.draw(image, result_of(image, make_face(CAMERA)))
    renderer.close()
    renderer.close()
    np.testing.assert_array_equal(renderer.draw(image, result_of(image, make_face(CAMERA))), first)


def test_a_renderer_that_never_drew_can_be_closed(renderer: Renderer) -> None:
    type(renderer)().close()
