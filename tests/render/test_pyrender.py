"""The OpenGL renderer against the software renderer, picture by picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from realtime3d.errors import MissingError, extra_line
from realtime3d.face.state import FrameResult
from realtime3d.geometry import Camera
from realtime3d.render.base import OverlayStyle, Renderer
from realtime3d.render.choose import create_renderer
from realtime3d.types import Image
from tests.helpers.faces import grey, make_face, result_of, speckled

STYLE = OverlayStyle(mode="shaded", box=False, label=False, axes=False, bars=False)


@pytest.fixture(scope="module")
def opengl() -> Iterator[Renderer]:
    pytest.importorskip("pyrender", reason="the extra render is not installed")
    renderer = create_renderer("pyrender", STYLE)
    image = grey(64, 48)
    try:
        renderer.draw(image, result_of(image, make_face(Camera.from_fov(64, 48))))
    except MissingError as error:
        pytest.skip(str(error))
    yield renderer
    renderer.close()


def two_faces(camera: Camera, image: Image | None = None) -> FrameResult:
    image = grey(camera.width, camera.height) if image is None else image
    near, far = make_face(camera, (5, 20, 3), (-60, 0, 450)), make_face(camera, (0, -30, 0), (60, 10, 600), id=2)
    return result_of(image, near, far)


def both(opengl: Renderer, style: OverlayStyle, result: FrameResult) -> tuple[Image, Image]:
    opengl.style = style
    return opengl.draw(result.frame.image, result), create_renderer("software", style).draw(result.frame.image, result)


@pytest.mark.parametrize(
    ("mode", "mean", "soft"),
    [("shaded", 0.3, 14), ("transparent", 0.2, 8), ("wire", 0.6, 20)],
)
@pytest.mark.parametrize("lens", [(), (-0.2, 0.05, 0.0, 0.0)])
def test_same_look_as_the_software_renderer(
    opengl: Renderer, mode: str, mean: float, soft: float, lens: tuple[float, ...]
) -> None:
    camera = replace(Camera.from_fov(640, 480), distortion=lens)
    result = two_faces(camera)
    one, other = both(opengl, replace(STYLE, mode=mode), result)  # type: ignore[arg-type]
    drawn = np.abs(other.astype(int) - result.frame.image).mean()
    assert drawn > 1  # there is something to compare
    assert np.abs(one.astype(int) - other).mean() < mean
    blurred = [cv2.GaussianBlur(picture, (0, 0), 3).astype(int) for picture in (one, other)]
    assert np.abs(blurred[0] - blurred[1]).max() < soft  # outlines and lines differ by their smoothing only


@pytest.mark.parametrize("mode", ["texture", "mask"])
def test_what_is_made_of_the_picture_is_the_same(opengl: Renderer, mode: str) -> None:
    image = speckled(640, 480)
    one, other = both(opengl, replace(STYLE, mode=mode), two_faces(Camera.from_fov(640, 480), image))  # type: ignore[arg-type]
    # Something is drawn. A layout that holds the face finely gives the picture back nearly as it was.
    assert np.abs(other.astype(int) - image).mean() > 0.2
    # The head's own lids, lips and outlines are drawn by different pixels; in the mask most of them are left out.
    assert np.abs(one.astype(int) - other).mean() < (0.25 if mode == "texture" else 0.15)


def test_dots_are_in_the_same_places(opengl: Renderer) -> None:
    result = two_faces(Camera.from_fov(640, 480))
    one, other = both(opengl, replace(STYLE, mode="points"), result)
    blurred = [cv2.GaussianBlur(p.astype(np.float32) - 128, (0, 0), 4)[..., 1] for p in (one, other)]
    assert np.corrcoef(blurred[0].ravel(), blurred[1].ravel())[0, 1] > 0.97


@pytest.mark.parametrize(("width", "height"), [(33, 47), (1280, 64)])
def test_pictures_may_change_size(opengl: Renderer, width: int, height: int) -> None:
    result = two_faces(Camera.from_fov(width, height))
    one, other = both(opengl, STYLE, result)
    assert one.shape == (height, width, 3)
    assert np.abs(one.astype(int) - other).mean() < 2.0


def test_faces_in_unlikely_places_do_no_harm(opengl: Renderer) -> None:
    camera = Camera.from_fov(320, 240)
    image = grey()
    for t in ((900, 0, 600), (0, 0, 60), (0, 0, 2), (0, 0, -600), (np.nan, 0, 600)):
        opengl.style = STYLE
        assert opengl.draw(image, result_of(image, make_face(camera, (10, 40, 20), t))).shape == image.shape


def test_without_pyrender_the_error_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrender", None)
    renderer = create_renderer("pyrender", STYLE)
    image = grey()
    with pytest.raises(MissingError, match=re.escape(extra_line("render"))):
        renderer.draw(image, result_of(image, make_face(Camera.from_fov(320, 240))))
    renderer.close()


def test_without_gl_libraries_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_egl(*_: object) -> None:
        raise MissingError("pyrender does not load") from ImportError("Unable to load EGL library", "EGL")

    monkeypatch.setattr("realtime3d.render.pyrender_.require", no_egl)
    image = grey()
    with pytest.raises(MissingError, match=r"Unable to load EGL library\): install .* libegl1"):
        create_renderer("pyrender", STYLE).draw(image, result_of(image, make_face(Camera.from_fov(320, 240))))
