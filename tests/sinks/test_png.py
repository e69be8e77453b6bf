"""PNG files with numbers in them, read back by Pillow, which knows nothing of ours."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from realtime3d.sinks.png import displacement_mm, displacement_png, normal_png, png_bytes, read_text


def test_displacement_comes_back_with_its_unit() -> None:
    mm = np.linspace(-1, 1, 64 * 48).reshape(48, 64).astype(np.float32)
    data = displacement_png(mm)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode in ("I;16", "I")
        levels, text = np.asarray(image), dict(image.text)
    assert text["unit"] == "mm"
    assert float(text["range_mm"]) == 4.0
    assert int(text["middle"]) == 32768
    back = (levels.astype(np.float64) - int(text["middle"])) / 32768 * float(text["range_mm"])
    assert np.abs(back - mm).max() < 1e-4
    assert np.abs(displacement_mm(levels.astype(np.uint16)) - mm).max() < 1e-4
    assert read_text(data) == text


def test_what_is_deeper_than_the_range_is_cut_and_does_not_wrap_round() -> None:
    with Image.open(io.BytesIO(displacement_png(np.array([[-9.0, 0.0, 9.0]], np.float32)))) as image:
        assert np.asarray(image).tolist() == [[0, 32768, 65535]]


def test_normals_have_red_to_the_right_and_green_up() -> None:
    normals = np.zeros((1, 3, 3), np.float32)
    normals[0] = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    with Image.open(io.BytesIO(normal_png(normals))) as image:
        assert np.asarray(image)[0].tolist() == [[255, 128, 128], [128, 255, 128], [128, 128, 255]]


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_pictures_without_text(shape: tuple[int, ...]) -> None:
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    with Image.open(io.BytesIO(png_bytes(image))) as opened:
        assert np.array_equal(np.asarray(opened)[..., ::-1] if len(shape) == 3 else np.asarray(opened), image)
