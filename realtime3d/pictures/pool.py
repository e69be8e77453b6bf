"""Pictures done by several processes, in order. A process that dies costs the picture that killed it, not the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from realtime3d.pictures.plan import PicturesJob, Problem, Task
from realtime3d.pictures.work import Done, PictureWorker
from realtime3d.workers import Ended, Workers

AHEAD = 8  # pictures for each process that may be done before an earlier one
DIED = "the process that worked on it died: the picture may be too large for the memory"


@contextmanager
def _open_worker(job: PicturesJob, planned: Collection[str]) -> Iterator[Callable[[Task], Done]]:
    with PictureWorker(job, planned) as worker:
        yield worker.do


class Pool:
    """Several processes, each with a tracker of its own."""

    def __init__(self, job: PicturesJob, planned: Collection[str]) -> None:
        one = job.config.updated({"models": {"threads": 1}})  # a core each
        self._opener = partial(_open_worker, replace(job, config=one), planned)
        self._size = job.workers

    def map(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """The same as doing one task after the other."""
        waiting, order = deque(tasks), deque(tasks)
        done: dict[str, Done] = {}
        with Workers(self._opener, self._size) as workers:
            while order:
                while waiting and workers.free and len(order) - len(waiting) < AHEAD * self._size:
                    workers.give(waiting.popleft())
                for ended in workers.wait():
                    done[ended.task.id] = _result(ended)
                while order and order[0].id in done:
                    yield done.pop(order.popleft().id)


def _result(ended: Ended) -> Done:
    """What became of a picture; an error, as of a full disk, is the run's."""
    if ended.error is not None:
        raise ended.error
    if ended.died:
        task: Task = ended.task
        return Done(task, problems=(Problem(task.id, task.file, task.where, DIED),))
    result: Done = ended.result
    return result
