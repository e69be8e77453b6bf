"""Command lines that need no trained nets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from realtime3d import cli


@pytest.fixture
def video(without_nets: list[str]) -> Callable[..., int]:
    """Runs `realtime3d video` in this process and returns its exit code."""
    return lambda *words: cli.main(["video", *map(str, words), *without_nets])
