"""A clip, boxes for its faces, and command lines that need no trained nets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_clip import write_clip

from realtime3d import cli


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


@pytest.fixture
def video(without_nets: list[str]) -> Callable[..., int]:
    """Runs `realtime3d video` in this process and returns its exit code."""
    return lambda *words: cli.main(["video", *map(str, words), *without_nets])
