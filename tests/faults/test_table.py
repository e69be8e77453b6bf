"""The table in the documentation has a row for every case that is tried here."""

from __future__ import annotations

import pytest

from tests.helpers.paths import ROOT


def test_every_case_has_its_row(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--fault-table", None):
        pytest.skip("the table is being written")
    table = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = [mark.args for item in request.session.items for mark in item.iter_markers("fault")]
    missing = [case for _, case, sees in rows if f"| {case} | {sees} |" not in table]
    command = "python -m pytest tests/faults tests -m fault --fault-table docs/faults.md"
    assert not missing, f"write the table anew: {command}"
