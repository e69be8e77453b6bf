"""`realtime3d images --mask`: the file, its palette and its legend."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.sinks.palette_png import palette_png
from realtime3d.sinks.png import read_text
from realtime3d.surface.mask import CLASSES, COLOURS, OCCLUDER
from tests.helpers.mask_nets import GREEN, add_green_net


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A grey picture with something green in it, and a box."""
    image = np.full((400, 400, 3), 140, np.uint8)
    image[210:260, 150:250] = GREEN
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    path = tmp_path / "list.csv"
    path.write_text("ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\nwho,photo.png,120,110,160,180\n")
    return path


def images(listed: Path, nets: Path, *words: str) -> int:
    out = listed.parent / "out"
    return cli.main(["images", str(listed), "--out", str(out), "--models", str(nets), "-q", "--formats", "obj", *words])


def test_the_mask_is_a_palette_picture_with_a_legend(net_folder: Path, listed: Path) -> None:
    nets = listed.parent / "nets"
    shutil.copytree(net_folder, nets)
    add_green_net(nets)
    assert images(listed, nets, "--backend", "onnxruntime", "--mask") == 0
    folder = listed.parent / "out" / "who"
    data = (folder / "who_mask.png").read_bytes()
    assert data[25] == 3  # indexed
    assert read_text(data)["classes"].startswith("0 background, 1 skin, ")
    colours = cv2.imread(str(folder / "who_mask.png"))[..., ::-1]
    assert colours.shape == (400, 400, 3)
    facts = json.loads((folder / "who.json").read_text(encoding="utf-8"))["mask"]
    assert facts["classes"] == {str(k): name for k, name in enumerate(CLASSES)}
    hits = (colours == facts["colours"]["occluder"]).all(axis=-1)
    assert hits.sum() == facts["pixels"]["occluder"] > 500
    beside = np.ones(hits.shape, bool)
    beside[195:275, 135:265] = False
    assert not hits[beside].any()


def test_without_the_option_there_is_no_such_file(net_folder: Path, listed: Path) -> None:
    assert images(listed, net_folder, "--backend", "fake") == 0
    folder = listed.parent / "out" / "who"
    assert not (folder / "who_mask.png").exists()
    assert "mask" not in json.loads((folder / "who.json").read_text(encoding="utf-8"))


def test_a_set_without_the_net_says_so(net_folder: Path, listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert images(listed, net_folder, "--backend", "fake", "--mask") == 3
    assert "no net for masks" in capsys.readouterr().err


def test_other_programs_read_the_numbers() -> None:
    image = pytest.importorskip("PIL.Image")
    import io

    labels = np.arange(24, dtype=np.uint8).reshape(4, 6) % len(CLASSES)
    read = image.open(io.BytesIO(palette_png(labels, COLOURS)))
    assert read.mode == "P" and (np.asarray(read) == labels).all()
    assert tuple(read.convert("RGB").getpixel((OCCLUDER, 0))) == COLOURS[OCCLUDER]
