"""A crew on Ray: one actor for each worker, on whichever machine of the cluster has room.

Only addresses and notes travel through Ray. The retries are the driver's, as with processes of one machine. An actor
that dies, with its machine or alone, is replaced wherever there is room.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from realtime3d.errors import SourceError, first_line, require
from realtime3d.workers import Ended, Opener, cores, plain, quiet_worker, tried

LOCAL = "local"
KNOCK_S = 10.0  # that a cluster gets to answer
_log = logging.getLogger(__name__)


def send_nothing() -> None:
    """Ray reports its use over the internet unless this was said before it is loaded."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"


class Member:
    """What runs in an actor's process."""

    def __init__(self, opener: Opener) -> None:
        quiet_worker()
        self._opener = opener
        self._do: Callable[[Any], Any] | None = None
        self._manager: Any = None  # kept, or what it opened would be closed

    def do(self, task: Any) -> tuple[Any, Exception | None, str, bool]:
        """Result, error, trace, and whether that was while opening what it needs."""
        try:
            do = self._do = self._do or self._opened()
        except Exception as error:
            return None, plain(error), traceback.format_exc(), True
        return *tried(do, task), False

    def _opened(self) -> Callable[[Any], Any]:
        self._manager = self._opener()
        return self._manager.__enter__()


@dataclass(eq=False, slots=True)
class _Actor:
    handle: Any
    task: Any = None
    answer: Any = None  # where the result will be
    started: bool = False  # it has done something already


def _knock(address: str) -> None:
    """An OSError where nobody answers: Ray itself tries for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


class RayCrew:
    """Workers on a cluster. Ray is started, or joined, with the first task."""

    def __init__(self, opener: Opener, size: int, address: str, gpu_share: float = 0.0) -> None:
        """`size`: at most so many actors; 0: one a core of the cluster. `address`: of the cluster, or "local"."""
        send_nothing()
        self._ray: Any = require("ray", "batch", "--ray")
        self._opener, self._gpu_share = opener, gpu_share
        self._actors: list[_Actor] = []
        self._own = not self._ray.is_initialized()
        if self._own:
            self._join(address, size)
        self.size = size or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        options = {"num_cpus": 1, "num_gpus": gpu_share, "max_restarts": 0, "max_task_retries": 0}
        self._member = self._ray.remote(**options)(Member)

    def _join(self, address: str, size: int) -> None:
        quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            _knock(address)
            if address == LOCAL:
                self._ray.init(address=LOCAL, num_cpus=size or cores(), include_dashboard=False, **quiet)
            else:
                self._ray.init(address=address, **quiet)
        except Exception as error:  # Ray has no common class of errors
            raise SourceError(
                f"there is no Ray cluster at {address} ({first_line(error)}): start one with `ray start --head`, or "
                "take --ray local"
            ) from error

    def __enter__(self) -> RayCrew:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def free(self) -> int:
        return self.size - sum(actor.answer is not None for actor in self._actors)

    def give(self, task: Any) -> None:
        actor = next((actor for actor in self._actors if actor.answer is None), None)
        if actor is None:
            actor = _Actor(self._member.remote(self._opener))
            self._actors.append(actor)
        actor.task, actor.answer = task, actor.handle.do.remote(task)

    def wait(self, timeout_s: float) -> list[Ended]:
        busy = {actor.answer: actor for actor in self._actors if actor.answer is not None}
        if not busy:
            time.sleep(timeout_s)
            return []
        done, _ = self._ray.wait(list(busy), num_returns=1, timeout=timeout_s)
        if done:  # whoever else has ended by now
            done, _ = self._ray.wait(list(busy), num_returns=len(busy), timeout=0)
        return [self._ended(busy[answer]) for answer in done]

    def _ended(self, actor: _Actor) -> Ended:
        task, answer = actor.task, actor.answer
        try:
            result, error, trace, opening = self._ray.get(answer)
        except self._ray.exceptions.RayError as lost:
            self._actors.remove(actor)
            _log.debug("a worker ended: %s", lost)
            return Ended(task, died=True, opening=not actor.started)
        actor.task = actor.answer = None
        actor.started = True
        return Ended(task, result, error, trace, opening=opening)

    def stop(self, task: Any) -> None:
        for actor in self._actors:
            if actor.answer is not None and actor.task is task:
                self._ray.kill(actor.handle)

    def close(self) -> None:
        """End all actors; a Ray that was started here ends, too."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        if self._own:
            self._ray.shutdown()
