"""Tasks done by several processes, in order. A process that dies costs the picture that killed it, not the run."""

from __future__ import annotations

import logging
import multiprocessing
import signal
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from realtime3d.pictures.plan import PicturesJob, Problem, Task
from realtime3d.pictures.work import Done, PictureWorker
from realtime3d.process import hush_native_code

AHEAD = 2  # tasks for each process, so that none waits
DIED = "the process that worked on it died: the picture may be too large for the memory"

_worker: PictureWorker | None = None  # of a process of the pool


def _open_worker(job: PicturesJob, planned: Collection[str]) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; who started this process decides
    logging.getLogger("realtime3d").setLevel(logging.ERROR)  # what is to be said of nets and settings is said already
    hush_native_code()
    _worker = PictureWorker(job, planned).__enter__()


def _do(task: Task) -> Done:
    assert _worker is not None
    return _worker.do(task)


class Pool:
    """Several processes, each with a tracker of its own."""

    def __init__(self, job: PicturesJob, planned: Collection[str]) -> None:
        threads = job.config.updated({"models": {"threads": 1}})  # a core each
        self._job, self._planned = replace(job, config=threads), planned
        self._executor: ProcessPoolExecutor | None = None

    def map(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """The same as doing one task after the other."""
        waiting = deque(tasks)
        running: deque[tuple[Task, Future[Done]]] = deque()
        try:
            while waiting or running:
                try:
                    while waiting and len(running) < AHEAD * self._job.workers:
                        running.append((waiting[0], self._started().submit(_do, waiting[0])))
                        waiting.popleft()
                    done = running[0][1].result()
                except BrokenProcessPool:
                    suspects = [task for task, _ in running]
                    running.clear()
                    yield from self._one_by_one(suspects)
                    continue
                running.popleft()
                yield done
        finally:
            self.close()

    def _one_by_one(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """What was under way when a process died: each alone, so that it is known which one kills."""
        self.close()
        for task in tasks:
            try:
                yield self._started().submit(_do, task).result()
            except BrokenProcessPool:
                self.close()
                yield Done(task, problems=(Problem(task.id, task.file, task.where, DIED),))

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._job.workers,
                mp_context=multiprocessing.get_context("spawn"),  # the libraries do not survive a fork
                initializer=_open_worker,
                initargs=(self._job, self._planned),
            )
        return self._executor

    def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
