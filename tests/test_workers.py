"""Processes that do tasks: what each says, what becomes of one that dies, and that none is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from realtime3d.errors import MissingError, SourceError
from realtime3d.workers import Ended, Workers

LIMIT_S = 120.0


@contextmanager
def opener() -> Iterator[Callable[[object], object]]:
    yield answer


def answer(task: object) -> object:
    if task == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "hang":
        time.sleep(600)
    if task == "broken":
        raise SourceError("there is no film")
    if task == "bug":
        raise ZeroDivisionError("a bug")
    return os.getpid() if task == "who" else ("done", task)


@contextmanager
def cannot_open() -> Iterator[Callable[[object], object]]:
    raise MissingError("no nets here")
    yield answer


@contextmanager
def dies_opening() -> Iterator[Callable[[object], object]]:
    os._exit(3)
    yield answer


def all_of(workers: Workers, count: int) -> list[Ended]:
    ended: list[Ended] = []
    limit = time.monotonic() + LIMIT_S
    while len(ended) < count and time.monotonic() < limit:
        ended += workers.wait(1.0)
    return ended


def test_tasks_are_shared_and_a_worker_that_dies_costs_its_own() -> None:
    with Workers(opener, 2) as workers:
        assert workers.free == 2
        workers.give("a")
        workers.give("die")
        assert workers.free == 0
        ended = {one.task: one for one in all_of(workers, 2)}
        assert ended["a"].result == ("done", "a")
        assert ended["die"].died
        assert not ended["die"].opening
        workers.give("b")
        workers.give("c")
        assert {one.result for one in all_of(workers, 2)} == {("done", "b"), ("done", "c")}


def test_errors_come_back_as_what_they_are() -> None:
    with Workers(opener, 1) as workers:
        workers.give("broken")
        (ended,) = all_of(workers, 1)
        assert isinstance(ended.error, SourceError)
        workers.give("bug")
        (ended,) = all_of(workers, 1)
        assert str(ended.error) == "ZeroDivisionError: a bug"
        assert "answer" in ended.trace


@pytest.mark.parametrize(("opens", "died"), [(cannot_open, False), (dies_opening, True)])
def test_a_worker_that_cannot_open(opens: Callable[[], object], died: bool) -> None:
    with Workers(opens, 1) as workers:  # type: ignore[arg-type]
        workers.give("a")
        (ended,) = all_of(workers, 1)
        assert (ended.opening, ended.died) == (True, died)
        assert died or isinstance(ended.error, MissingError)
        assert workers.processes == []


def test_a_task_that_hangs_is_stopped() -> None:
    with Workers(opener, 1) as workers:
        workers.give("who")  # it is there
        all_of(workers, 1)
        workers.give("hang")
        workers.stop("hang")
        (ended,) = all_of(workers, 1)
        assert ended.died


def test_one_that_died_with_nothing_to_do_is_replaced() -> None:
    with Workers(opener, 1) as workers:
        workers.give("who")
        (ended,) = all_of(workers, 1)
        os.kill(ended.result, signal.SIGKILL)
        workers.give("a")
        (ended,) = all_of(workers, 1)
        assert ended.result == ("done", "a") or ended.died  # the kill may be noticed only with the next task
        workers.give("b")
        (ended,) = all_of(workers, 1)
        assert ended.result == ("done", "b")


def test_none_is_left_behind() -> None:
    with Workers(opener, 2) as workers:
        workers.give("who")
        (ended,) = all_of(workers, 1)
        workers.give("hang")
    assert not Path(f"/proc/{ended.result}").exists() or os.name == "nt"
