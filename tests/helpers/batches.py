"""Batches in tests: short films, nets that answer without looking, workers that are no processes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from realtime3d.batch.plan import BatchJob
from realtime3d.batch.work import open_worker
from realtime3d.config import Config
from realtime3d.jobs import Job
from realtime3d.workers import Ended, tried


def quick_job(net_folder: Path, boxes: Path | None, inputs: list[Any], out: Path, **more: Any) -> BatchJob:
    """A batch whose films have a face in every frame, without nets."""
    config = Config().updated({"models": {"set": str(net_folder), "backend": "fake", "threads": 1}})
    more = {"backoff_s": 0.0, "workers": 1, **more}
    return BatchJob([str(name) for name in inputs], out, each=Job("", config=config, boxes=boxes), **more)


def boxes_file(folder: Path, frames: int = 2000) -> Path:
    """One box for every frame of any film."""
    path = folder / "boxes.csv"
    rows = [f"{frame},120,70,80,90" for frame in range(frames)]
    path.write_text("\n".join(["frame,box_x,box_y,box_w,box_h", *rows, ""]))
    return path


class HereCrew:
    """One worker in this process: each task is done when it is asked for."""

    def __init__(self, job: BatchJob) -> None:
        self._opener = partial(open_worker, job.alone())
        self._manager: AbstractContextManager[Any] | None = None
        self._task: Any = None
        self.given: list[Any] = []

    size = 1

    @property
    def free(self) -> int:
        return int(self._task is None)

    def give(self, task: Any) -> None:
        self._task = task
        self.given.append(task)

    def wait(self, timeout_s: float) -> list[Ended]:
        task, self._task = self._task, None
        if self._manager is None:
            self._manager = self._opener()
            self._do = self._manager.__enter__()
        return [Ended(task, *tried(self._do, task))]

    def stop(self, task: Any) -> None:
        raise AssertionError("nothing hangs here")

    def __enter__(self) -> HereCrew:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._manager is not None:
            self._manager.__exit__(None, None, None)

    close = __exit__
