"""Verdicts, reports and what makes them doubtful."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime3d.bench import compare, report
from realtime3d.bench.compare import judge
from realtime3d.bench.measure import Metric
from realtime3d.bench.scenarios import Result
from realtime3d.cli import main
from realtime3d.errors import UsageError


def metric(*values: float, better: Any = "lower") -> Metric:
    return Metric(values, "ms", better)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (metric(10, 11, 12), metric(5, 6, 7), "better"),
        (metric(10, 11, 12), metric(20, 21, 22), "worse"),
        (metric(10, 11, 12, better="higher"), metric(20, 21, 22, better="higher"), "better"),
        (metric(10, 11, 12, better="higher"), metric(5, 6, 7, better="higher"), "worse"),
        (metric(10, 11, 30), metric(12, 13, 14), "same"),  # noise
        (metric(100, 100.1, 100.2), metric(101, 101.1, 101.2), "same"),  # nobody's concern
        (metric(10, 11), metric(5, 6, 7), "unclear"),
        (metric(0, 0, 0), metric(0, 0, 0), "same"),
        (metric(0, 0, 0), metric(1, 1, 1), "worse"),
    ],
)
def test_verdicts(before: Metric, after: Metric, expected: str) -> None:
    assert judge(before, after) == expected


def made(scale: float = 1.0, **changes: Any) -> dict[str, Any]:
    metrics = {
        "frame_ms": Metric((1.0 * scale, 1.1 * scale, 1.2 * scale), "ms"),
        "faces": Metric((1.0,), "faces", "neither"),
    }
    result = Result({"picture": "640x480"}, metrics, ["a note"])
    return {
        "format": 1,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 12.0,
        "effort": "full",
        "clip": "bundled",
        "machine": {"cpu": "X", "cores": 2, "usable_cores": 2, "memory_gb": 4.0, "system": "S", "load_before": 0.1},
        "software": {"python": "3.11"},
        "commit": {"hash": "abc", "changed": False},
        "models": {"name": "compact", "status": "released", "files": {"track": "1"}},
        "backend": {"name": "onnxruntime", "device": "cpu", "threads": 2},
        "settings": {},
        "scenarios": {"pipeline": report.plain("One face.", result, 1.0)},
        "missing": {},
        **changes,
    }


def test_reports_are_compared_metric_by_metric() -> None:
    lines = compare.compare(made(), made(0.5))
    assert [(x.scenario, x.name, x.verdict) for x in lines] == [("pipeline", "frame_ms", "better")]
    assert lines[0].change == pytest.approx(-0.5)
    assert compare.verdict(lines) == "B against A: 1 better"
    assert "| pipeline | frame_ms | 1.1 ms (1 to 1.2) | 0.55 ms (0.5 to 0.6) | -50.0 % | better |" in compare.table(
        lines
    )
    assert compare.verdict(compare.compare(made(), made(scenarios={}))) == "the reports share no metric"


def test_doubts_are_named() -> None:
    assert compare.doubts(made(), made()) == []
    other = made(
        machine=made()["machine"] | {"cpu": "Y", "load_before": 3.0},
        models={"name": "compact", "status": "preview", "files": {"track": "2"}},
        backend={"name": "torch", "device": "cpu", "threads": 2},
    )
    found = compare.doubts(made(), other)
    assert found == [
        "B: the machine was busy: 3.0 processes wanted its cores before the start",
        "B: the nets are a preview",
        "different cpu: X and Y",
        "different back end: onnxruntime and torch",
        "different nets",
    ]


def test_a_report_as_text() -> None:
    text = report.markdown(made())
    assert "| frame_ms | 1.1 | 1 | 1.2 | ms |" in text and "- a note" in text and "commit abc\n" in text
    assert "not committed" in report.markdown(made(commit={"hash": "abc", "changed": True}))


def test_reports_on_disk_are_compared_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_text(json.dumps(made()))
    b.write_text(json.dumps(made(2.0)))
    assert main(["bench", "--compare", str(a), str(b)]) == 0
    assert capsys.readouterr().out.strip().endswith("B against A: 1 worse")
    b.write_text("{}")
    assert main(["bench", "--compare", str(a), str(b)]) == 2
    assert "b.json is no benchmark report" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "null", '{"format": 2}', '{"format": 1}'])
def test_what_is_no_report(tmp_path: Path, content: str) -> None:
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(UsageError, match="no benchmark report"):
        report.read(tmp_path / "r.json")


def test_a_metric_without_values_is_no_report(tmp_path: Path) -> None:
    broken = made()
    broken["scenarios"]["pipeline"]["metrics"]["frame_ms"]["values"] = []
    (tmp_path / "r.json").write_text(json.dumps(broken))
    with pytest.raises(UsageError, match="without values"):
        report.read(tmp_path / "r.json")
