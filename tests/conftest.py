"""Fixtures that many tests share. Nothing here needs trained nets, a GPU, a camera or a display."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from exact_scene import Scene
from tiny_nets import SHAPE_WIDTHS, TRACK_WIDTHS, write_list, write_net

from realtime3d import engines, modelset
from realtime3d.facemodel import FaceModel


@pytest.fixture(autouse=True)
def own_messages() -> Iterator[None]:
    """The command line takes over the package's log; the next test gets it back as it was."""
    log = logging.getLogger("realtime3d")
    before = log.handlers[:], log.propagate, log.level
    yield
    log.handlers[:], log.propagate = before[:2]
    log.setLevel(before[2])


@pytest.fixture(scope="session", autouse=True)
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines and verdicts of the parity gate that tests make are not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(engines.FOLDER_VARIABLE, str(tmp_path_factory.mktemp("engines")))
        yield


@pytest.fixture(scope="session")
def model() -> FaceModel:
    """The face model that ships."""
    return FaceModel.load(Path(modelset.__file__).parents[1] / "models" / "face_model.npz")


@pytest.fixture
def scene(model: FaceModel) -> Scene:
    """An empty room with exact nets and detector."""
    return Scene(model)


@pytest.fixture(scope="session")
def net_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model set `tiny`: real ONNX files with the nets' contract and untrained weights."""
    folder = tmp_path_factory.mktemp("nets")
    write_net(folder / "track.onnx", TRACK_WIDTHS, seed=1)
    write_net(folder / "shape.onnx", SHAPE_WIDTHS, seed=2)
    shutil.copy(Path(modelset.__file__).parents[1] / "models" / "face_model.npz", folder / "face_model.npz")
    write_list(folder)
    return folder
