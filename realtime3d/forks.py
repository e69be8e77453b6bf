"""Forked processes: the threads of the inference libraries do not come along, and who asks for them hangs or aborts."""

from __future__ import annotations

import os

from realtime3d.errors import UsageError

_users: set[int] = set()  # processes that used the libraries: this one, and those it was forked from


def refuse_after_use() -> None:
    """Note that this process uses the libraries; UsageError in one that was forked from a process that did."""
    _users.add(os.getpid())
    if len(_users) > 1:
        raise UsageError(
            "this process was forked from one that had used a FaceTracker, and its libraries do not survive that: "
            "start processes with multiprocessing.get_context('spawn')"
        )
