"""A server with the nets that ship, and a browser, for each module that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime3d.config import Config
from realtime3d.demo import clip_path
from realtime3d.jobs import Job
from tests.helpers.browser import Tab, browser, mjpeg, needed
from tests.helpers.page_server import Served, served


@pytest.fixture(scope="module")
def page_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Shows the bundled clip."""
    needed()
    with served(Job("", config=Config()), clip_path(), tmp_path_factory.mktemp("saved")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """With a fake camera that shows the bundled clip; a context has to permit it."""
    film = mjpeg(clip_path(), tmp_path_factory.mktemp("camera") / "camera.mjpeg")
    with browser("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}") as running:
        yield running


@pytest.fixture
def tab(page_server: Served, chromium: Any) -> Iterator[Tab]:
    """The page with the bundled clip, whatever the test before has left."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    yield Tab(context.new_page()).open(page_server.page)
    context.close()


@pytest.fixture
def job(without_nets: list[str]) -> Job:
    models, _, boxes = (without_nets[i] for i in (1, 3, 5))
    return Job("", config=Config().with_options({"models": models, "backend": "fake"}), boxes=boxes)


@pytest.fixture
def server(job: Job, clip: Path, tmp_path: Path) -> Iterator[Served]:
    with served(job, clip, tmp_path, need_page=False) as running:
        yield running
