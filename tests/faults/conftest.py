"""Writes the table of the fault matrix: `pytest tests/faults -m "" --fault-table docs/faults.md`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.faults import GROUPS

HEAD = """# What goes wrong, and what you see then

Each row is a test in `tests/faults`. The table is written by a run of them:

<!-- parsed: it takes minutes -->
```bash
python -m pytest tests/faults -m "" --fault-table docs/faults.md
```

Exit codes: 2 wrong usage or configuration, 3 something is missing, 4 the source failed, 5 an output failed,
130 interrupted. "Slow" tests run only when they are asked for.
"""


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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for group, case, sees, slow in _rows_of(report):
            if report.when == "call" or report.outcome != "passed":
                before = self._rows.get((group, case), ("", "holds", False))[1]
                outcome = before if report.outcome == "passed" else _outcome(report)
                self._rows[group, case] = (sees, outcome, slow)

    def pytest_sessionfinish(self) -> None:
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


def _rows_of(report: pytest.TestReport) -> Iterator[Any]:
    return (row for name, row in report.user_properties if name == "fault")


def _outcome(report: pytest.TestReport) -> str:
    if report.outcome != "skipped":
        return "FAILS"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return f"not tried: {reason.removeprefix('Skipped: ')}"
