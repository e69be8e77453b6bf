"""A benchmark's result as JSON (what is committed and quoted) and as Markdown (what is read)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from realtime3d.bench.measure import Metric
from realtime3d.bench.scenarios import Result
from realtime3d.errors import UsageError
from realtime3d.outside import from_json

FORMAT = 1
BUSY = 0.5  # processes a core that make a machine too busy to measure on


def plain(what: str, result: Result, seconds: float) -> dict[str, Any]:
    """One scenario as it stands in the JSON."""
    return {
        "what": what,
        "workload": result.workload,
        "seconds": round(seconds, 2),
        "metrics": {
            name: {**asdict(m), "values": [float(f"{v:.6g}") for v in m.values], "median": float(f"{m.median:.6g}")}
            for name, m in result.metrics.items()
        },
        "notes": result.notes,
    }


def metrics(report: Mapping[str, Any]) -> dict[tuple[str, str], Metric]:
    """All metrics of a report by scenario and name."""
    return {
        (scenario, name): Metric(tuple(m["values"]), m["unit"], m["better"])
        for scenario, entry in report["scenarios"].items()
        for name, m in entry["metrics"].items()
    }


def read(path: Path) -> dict[str, Any]:
    """A report that `bench --json` wrote."""
    try:
        report = from_json(path.read_text(encoding="utf-8"))
        if report["format"] != FORMAT:
            raise ValueError(f"format {report['format']}, this version reads {FORMAT}")
        if not all(m.values for m in metrics(report).values()):
            raise ValueError("a metric without values")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no benchmark report ({error}): name a file that `bench --json` wrote") from error
    return report


def markdown(report: Mapping[str, Any]) -> str:
    """The whole report as text: what it ran on, one table a scenario."""
    lines = ["# realtime3d benchmark", "", *(f"- {line}" for line in _facts(report)), ""]
    for name, entry in report["scenarios"].items():
        lines += [f"## {name}", "", entry["what"], ""]
        lines += [f"On: {', '.join(f'{k} {v}' for k, v in entry['workload'].items())}.", ""]
        lines += ["| metric | median | lowest | highest | unit |", "|---|---|---|---|---|"]
        for metric, m in entry["metrics"].items():
            low, high = min(m["values"]), max(m["values"])
            lines.append(f"| {metric} | {m['median']:.4g} | {low:.4g} | {high:.4g} | {m['unit']} |")
        lines += ["", *(f"- {note}" for note in entry["notes"]), *([""] if entry["notes"] else [])]
    return "\n".join(lines).rstrip() + "\n"


def _facts(report: Mapping[str, Any]) -> list[str]:
    machine, backend, models = report["machine"], report["backend"], report["models"]
    changed = " with changes that are not committed" if report["commit"]["changed"] else ""
    return [
        f"{report['started']}, {report['seconds']:.0f} s, effort {report['effort']}",
        f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}",
        f"nets {models['name']} ({models['status']}) on {backend['name']}, {backend['device']}, "
        f"{backend['threads']} threads",
        f"commit {report['commit']['hash'] or 'unknown'}{changed}",
        ", ".join(f"{name} {version}" for name, version in report["software"].items()),
        *warnings(report),
    ]


def warnings(report: Mapping[str, Any]) -> list[str]:
    """What makes the figures doubtful."""
    machine, found = report["machine"], []
    if machine["load_before"] is not None and machine["load_before"] > BUSY * machine["usable_cores"]:
        found.append(f"the machine was busy: {machine['load_before']} processes wanted its cores before the start")
    if report["models"]["status"] != "released":
        found.append(f"the nets are a {report['models']['status']}")
    return found


def machine_lines(report: Mapping[str, Any]) -> list[str]:
    """What was measured on, in two lines."""
    machine, models, backend = report["machine"], report["models"], report["backend"]
    return [
        f"{machine['cpu']}, {machine['usable_cores']} cores",
        f"nets {models['name']} on {backend['name']} ({backend['device']}, {backend['threads']} threads); "
        "medians (lowest to highest)",
    ]


def headline(report: Mapping[str, Any]) -> list[str]:
    """What this machine can do, in a few lines."""
    found = metrics(report)

    def say(scenario: str, name: str, text: str) -> list[str]:
        metric = found.get((scenario, name))
        return [text.format(metric.text())] if metric else []

    return [
        *say("nets", "face_ms", "crop and nets, one face:   {}"),
        *say("nets", "four_over_one", "four faces cost one face's {}"),
        *say("pipeline", "fps", "whole pipeline, one face:  {}"),
        *say("overlay", "fps", "with the overlay drawn:    {}"),
        *say("encoding", "fps", "video in, video out:       {}"),
        *say("latency", "p50_ms", "capture to result, 50 %:   {}"),
        *say("latency", "p95_ms", "capture to result, 95 %:   {}"),
        *say("streams", "streams_at_15_fps", "side by side at 15 fps:    {}"),
        *say("streams", "streams_at_30_fps", "side by side at 30 fps:    {}"),
        *say("memory", "peak", "memory, one face:          {}"),
        *say("peer", "times_as_fast", "against MediaPipe's mesh:  {} the frames a second"),
        *say("peer", "cpu_ratio", "its CPU time over ours:    {}"),
        *say("peers", "openseeface_times_as_fast", "against OpenSeeFace:       {} the frames a second"),
        *say("peers", "3ddfa_times_as_fast", "against 3DDFA_V2:          {} the frames a second"),
        *say("peers", "facelandmarker_times_as_fast", "against Face Landmarker:   {} the frames a second"),
    ]
