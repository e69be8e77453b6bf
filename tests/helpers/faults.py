"""Rows of the fault matrix: what can go wrong, and what the user sees then. `docs/faults.md` is made of them.

@fault("files", "the output exists", "refused with exit code 5; the file stays as it is")
def test_an_existing_file_is_kept(...): ...

@pytest.mark.parametrize("text", cases("configuration", "one line, exit code 2", {"an empty file": "", ...}))
def test_a_broken_file(text): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from realtime3d.errors import Realtime3dError

GROUPS = (
    "sources",
    "files",
    "disks",
    "processes",
    "time",
    "models",
    "configuration",
    "tables",
    "network",
    "memory",
    "pictures",
    "avatars",
    "page",
    "detail",
    "batch",
)  # in the order of the table
ONE_LINE = "one line that names the file"


def fault(group: str, case: str, sees: str) -> pytest.MarkDecorator:
    """Marks a test as the proof of one row: the group, what goes wrong, what the user sees."""
    if group not in GROUPS:
        raise ValueError(f"{group!r} is no group of the fault matrix: {', '.join(GROUPS)}")
    return pytest.mark.fault(group, case, sees)


def cases(group: str, sees: str, values: Mapping[str, Any]) -> list[Any]:
    """Parameters of one test that proves a row for each of them: {case: value}; a tuple gives several values."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=fault(group, case, sees), id=case)
        for case, value in values.items()
    ]


def refused(read: Callable[[], object], kind: type[Realtime3dError], name: str) -> None:
    """Reading ends in such an error, in one line with this name in it."""
    with pytest.raises(kind) as caught:
        read()
    assert name in str(caught.value) and "\n" not in str(caught.value)
