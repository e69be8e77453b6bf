"""A folder of three short films and one that is broken, and a way to do them here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realtime3d.batch.driver import BatchSummary
from realtime3d.batch.plan import BatchJob
from realtime3d.batch.run import run_batch
from tests.helpers.batches import HereCrew, boxes_file, quick_job
from tests.helpers.cli_clip import write_clip

pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
FRAMES = {"a": 12, "b": 20, "c": 7}
Batch = Callable[..., BatchSummary]


@pytest.fixture(scope="session")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boxes_file(tmp_path_factory.mktemp("boxes"))


@pytest.fixture(scope="session")
def short_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, frames in FRAMES.items():
        write_clip(folder / f"{name}.mp4", frames)
    return folder


@pytest.fixture
def films(short_films: Path, tmp_path: Path) -> Path:
    """A folder of the test's own."""
    folder = tmp_path / "films"
    folder.mkdir()
    for film in short_films.iterdir():
        (folder / film.name).write_bytes(film.read_bytes())
    return folder


@pytest.fixture
def job(net_folder: Path, boxes: Path, films: Path, tmp_path: Path) -> Callable[..., BatchJob]:
    def make(*inputs: Any, **more: Any) -> BatchJob:
        out = more.pop("out", tmp_path / "out")
        return quick_job(net_folder, boxes, list(inputs) or [films], out, **more)

    return make


@pytest.fixture
def batch(job: Callable[..., BatchJob]) -> Batch:
    """Does a batch in this process."""

    def run(*inputs: Any, crew: Any = None, interrupted: Any = lambda: False, **more: Any) -> BatchSummary:
        wanted = job(*inputs, **more)
        return run_batch(wanted, crew=crew or HereCrew(wanted), interrupted=interrupted)

    return run
