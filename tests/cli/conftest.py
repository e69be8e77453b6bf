"""Command lines that need no trained nets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from realtime3d import cli
from tests.helpers.picture_lists import HEADER, photo


@pytest.fixture
def video(without_nets: list[str]) -> Callable[..., int]:
    """Runs `realtime3d video` in this process and returns its exit code."""
    return lambda *words: cli.main(["video", *map(str, words), *without_nets])


@pytest.fixture
def images(net_folder: Path, tmp_path: Path) -> Callable[..., int]:
    """Runs `realtime3d images` with nets that answer a frontal face everywhere."""
    out = str(tmp_path / "out")
    nets = ["--models", str(net_folder), "--backend", "fake", "-q"]
    return lambda *words: cli.main(["images", *map(str, words), "--out", out, *nets])


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A list of five boxes."""
    lines = []
    for i in range(5):
        photo(tmp_path / "in" / f"p{i}.png", 60 + 30 * i)
        lines.append(f"id{i},p{i}.png,100,60,90,100\n")
    path = tmp_path / "in" / "list.csv"
    path.write_text(HEADER + "".join(lines))
    return path
