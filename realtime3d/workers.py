"""Processes of this machine that do tasks. One that dies costs its own task and is replaced.

    with Workers(partial(open_worker, job), 4) as workers:
        workers.give(task)
        for ended in workers.wait():
            print(ended.task, ended.result)

A worker opens what it needs once: `opener()` gives a context manager, and what that gives is called with each task.
Opener, tasks and results are pickled.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeAlias

from realtime3d.errors import Realtime3dError
from realtime3d.process import hush_native_code

if TYPE_CHECKING:
    from typing_extensions import Self

Opener: TypeAlias = "Callable[[], AbstractContextManager[Callable[[Any], Any]]]"
END_S = 5.0  # that a worker without a task gets to end by itself
_context = multiprocessing.get_context("spawn")  # the libraries do not survive a fork


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a task. One of `result`, `error` and `died` says it."""

    task: Any
    result: Any = None
    error: Exception | None = None  # an error of ours, or of a library
    trace: str = ""  # where that happened, for a bug
    died: bool = False  # the process ended in the middle of it
    opening: bool = False  # before the task began, while the worker opened what it needs


@dataclass(eq=False, slots=True)
class _Worker:
    process: Any
    pipe: Connection
    task: Any = None
    busy: bool = False
    ready: bool = False  # it has opened what it needs
    since: float = field(default_factory=time.monotonic)  # of its task


class Workers:
    """At most `size` processes; each is started when there is a task for it."""

    def __init__(self, opener: Opener, size: int) -> None:
        self._opener, self.size = opener, size
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def free(self) -> int:
        """How many tasks can be given now."""
        return self.size - sum(worker.busy for worker in self._workers)

    @property
    def processes(self) -> list[int]:
        """The processes that live, by number."""
        return [worker.process.pid for worker in self._workers]

    def give(self, task: Any) -> None:
        """Start a task in a worker that has none. There must be one, see `free`."""
        while True:
            worker = next((worker for worker in self._workers if not worker.busy), None) or self._started()
            worker.task, worker.busy, worker.since = task, True, time.monotonic()
            try:
                worker.pipe.send(task)
                return
            except OSError:  # it died while it had nothing to do
                self._remove(worker)

    def wait(self, timeout_s: float | None = None) -> list[Ended]:
        """The tasks that have ended; waits for the first one, at most so long."""
        busy = {worker.pipe: worker for worker in self._workers if worker.busy}
        ended = []
        for pipe in wait(list(busy), timeout_s) if busy else ():
            worker = busy[pipe]  # type: ignore[index]
            try:
                answer = worker.pipe.recv()
            except (EOFError, OSError):
                ended.append(Ended(worker.task, died=True, opening=not worker.ready))
                self._remove(worker)
                continue
            if answer is None:
                worker.ready = True
                continue
            result, error, trace = answer
            ended.append(Ended(worker.task, result, error, trace, opening=not worker.ready))
            worker.task, worker.busy = None, False
            if not worker.ready:  # it could not open what it needs, and has ended
                self._remove(worker)
        return ended

    def stop(self, task: Any) -> None:
        """Kill the worker that does this task: `wait` then says that it died."""
        for worker in self._workers:
            if worker.busy and worker.task is task:
                worker.process.kill()

    def close(self) -> None:
        """End all: those without a task by themselves, the others at once."""
        for worker in self._workers:
            if worker.busy:
                worker.process.kill()
            worker.pipe.close()  # what it waits for ends
        for worker in self._workers:
            worker.process.join(END_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers.clear()

    def _started(self) -> _Worker:
        here, there = _context.Pipe()
        process = _context.Process(target=_work, args=(there, self._opener), daemon=True)
        process.start()
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.kill()
        worker.process.join()
        worker.process.close()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(pipe: Connection, opener: Opener) -> None:
    """The life of a worker."""
    quiet_worker()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # whoever started this process has no more tasks, or has ended
        task = pipe.recv()
        try:
            manager = opener()
            do = manager.__enter__()
        except Exception as error:
            pipe.send((None, plain(error), traceback.format_exc()))
            return
        pipe.send(None)
        try:
            while True:
                pipe.send(tried(do, task))
                task = pipe.recv()
        finally:
            manager.__exit__(None, None, None)


def quiet_worker() -> None:
    """Ctrl-C goes to all processes, and who started this one decides; what is to be said was said there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("realtime3d").setLevel(logging.ERROR)
    hush_native_code()


def tried(do: Callable[[Any], Any], task: Any) -> tuple[Any, Exception | None, str]:
    """Result, error and trace of a task."""
    try:
        return do(task), None, ""
    except Exception as error:
        return None, plain(error), traceback.format_exc()


def plain(error: Exception) -> Exception:
    """An error that another process can read: errors of ours as they are, of others their text."""
    if isinstance(error, Realtime3dError):
        return type(error)(str(error))
    return RuntimeError(f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """A process that was killed cannot end its helpers: they would go on for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
