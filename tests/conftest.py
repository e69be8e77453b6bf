"""Fixtures that many tests share. Nothing here needs trained nets, a GPU, a camera or a display."""

from __future__ import annotations

import logging
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime3d.backends import engines
from realtime3d.face.model import FaceModel
from tests.helpers.cli_clip import write_clip
from tests.helpers.exact_scene import Scene
from tests.helpers.paths import FACE_MODEL
from tests.helpers.tiny_nets import SHAPE_WIDTHS, TRACK_WIDTHS, write_list, write_net


@pytest.fixture(autouse=True)
def own_messages() -> Iterator[None]:
    """The command line takes over the package's log; the next test gets it back as it was."""
    log = logging.getLogger("realtime3d")
    before = log.handlers[:], log.propagate, log.level
    yield
    log.handlers[:], log.propagate = before[:2]
    log.setLevel(before[2])


@pytest.fixture(scope="session", autouse=True)
def own_interrupts() -> None:
    """A shell that starts its jobs in the background lets them ignore Ctrl-C; tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Engines and verdicts of the parity gate that tests make are not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(engines.FOLDER_VARIABLE, str(tmp_path_factory.mktemp("engines")))
        yield


@pytest.fixture(scope="session")
def model() -> FaceModel:
    """The face model that ships."""
    return FaceModel.load(FACE_MODEL)


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
    shutil.copy(FACE_MODEL, folder / "face_model.npz")
    write_list(folder)
    return folder


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")


@pytest.fixture(scope="session")
def without_nets(net_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that put one face into every frame: a back end that answers without nets, boxes from a file."""
    boxes = tmp_path_factory.mktemp("boxes") / "boxes.csv"
    rows = [f"{frame},120,70,80,90" for frame in range(1000)]
    boxes.write_text("\n".join(["frame,box_x,box_y,box_w,box_h", *rows, ""]))
    return ["--models", str(net_folder), "--backend", "fake", "--boxes", str(boxes)]
