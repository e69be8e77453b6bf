"""Writes the table of the fault matrix: `pytest tests/faults tests -m fault --fault-table docs/faults.md`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from realtime3d import cli
from tests.helpers.faults import GROUPS

HEAD = """# What goes wrong, and what you see then

Each row is a test: most are in `tests/faults`, the others beside what they are about. A run of them writes the table:

<!-- parsed: it takes minutes -->
```bash
python -m pytest tests/faults tests -m fault --fault-table docs/faults.md
```

A run of some tests replaces their rows only.

Exit codes: 2 wrong usage or configuration, 3 something is missing, 4 the source failed, 5 an output failed,
130 interrupted. "Slow" tests run only when they are asked for.
"""


@dataclass
class Answer:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def is_one_line(self, code: int, *says: str) -> None:
        """The contract's exit code and one clear line that says these words."""
        assert (self.code, self.err.count("\n")) == (code, 1), self.err
        assert self.err.startswith("realtime3d: ")
        assert all(word in self.err for word in says), self.err
        assert "bug" not in self.err and "Traceback" not in self.err


@pytest.fixture
def video(without_nets: list[str], capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Runs `realtime3d video` in this process."""

    def run(*words: object) -> Answer:
        capfd.readouterr()
        code = cli.main(["video", "-q", *without_nets, *map(str, words)])
        return Answer(code, *capfd.readouterr())

    return run


@pytest.fixture
def program(without_nets: list[str]) -> Callable[..., subprocess.Popen[str]]:
    """Starts `realtime3d video` as a process of its own."""

    def start(*words: object, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "realtime3d", "video", "-q", *without_nets, *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": os.environ} | more
        return subprocess.Popen(command, **pipes)

    return start


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-table", metavar="F.md", help="write the table of the fault matrix")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("fault"):
            row = [*mark.args, item.get_closest_marker("slow") is not None]
            item.user_properties.append(("fault", row))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fault-table", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(Path(config.getoption("--fault-table"))))


class Table:
    """Collects what became of each row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[tuple[str, str], tuple[str, str, bool]] = {}  # (group, case) -> (what is seen, outcome, slow)
        self._before = _read(path)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for group, case, sees, slow in _rows_of(report):
            if report.when == "call" or report.outcome != "passed":
                before = self._rows.get((group, case), ("", "holds", False))[1]
                outcome = before if report.outcome == "passed" else _outcome(report)
                self._rows[group, case] = (sees, outcome, slow)

    def pytest_sessionfinish(self) -> None:
        self._rows = {**self._before, **self._rows}  # those that were not run stay as they were found
        self._path.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        lines = [HEAD]
        for group in GROUPS:
            rows = {case: row for (of, case), row in self._rows.items() if of == group}
            if not rows:
                continue
            lines += [f"## {group.capitalize()}\n", "| what goes wrong | what you see | |", "|---|---|---|"]
            for case, (sees, outcome, slow) in rows.items():
                lines.append(f"| {case} | {sees} | {outcome}{', slow' if slow else ''} |")
            lines.append("")
        held = sum(outcome == "holds" for _, outcome, _ in self._rows.values())
        lines.append(f"{held} of {len(self._rows)} cases hold.")
        return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[tuple[str, str], tuple[str, str, bool]]:
    """The rows of the table as it is."""
    rows, group = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        if line.startswith("## "):
            group = line[3:].lower()
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[2] and not cells[2].startswith("---"):
            rows[group, cells[0]] = (cells[1], cells[2].removesuffix(", slow"), cells[2].endswith(", slow"))
    return rows


def _rows_of(report: pytest.TestReport) -> Iterator[Any]:
    return (row for name, row in report.user_properties if name == "fault")


def _outcome(report: pytest.TestReport) -> str:
    if report.outcome != "skipped":
        return "FAILS"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return f"not tried: {reason.removeprefix('Skipped: ')}"
