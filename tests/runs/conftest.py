"""A tracker on a scene with known truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime3d import FaceTracker
from realtime3d.backends.fake import FakeBackend
from tests.helpers.exact_scene import Scene, head


@pytest.fixture
def backend(scene: Scene) -> Iterator[FakeBackend]:
    with scene.installed() as installed:
        yield installed


@pytest.fixture
def tracker(scene: Scene, backend: FakeBackend, net_folder: Path) -> Iterator[FaceTracker]:
    with FaceTracker(models=net_folder, backend=backend, boxes=scene) as opened:
        yield opened


@pytest.fixture
def steady(scene: Scene, net_folder: Path) -> Iterator[FaceTracker]:
    """A tracker in front of one head, without smoothing."""
    scene.heads = [head()]
    with (
        scene.installed() as backend,
        FaceTracker(models=net_folder, backend=backend, boxes=scene, smooth=False) as opened,
    ):
        yield opened
