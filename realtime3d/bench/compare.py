"""Two reports side by side, with a verdict that knows noise.

A difference counts when no value of one report lies within the range of the other's (which with 9 repeats each happens
by chance once in 24 000 times, with 3 each once in 10) and when the medians differ by at least `SMALL`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from realtime3d.bench import report
from realtime3d.bench.measure import Metric

SMALL = 0.03  # of the median: less is nobody's concern
Verdict = Literal["better", "worse", "same", "unclear"]


@dataclass(frozen=True, slots=True)
class Line:
    """One metric in both reports."""

    scenario: str
    name: str
    before: Metric
    after: Metric
    verdict: Verdict

    @property
    def change(self) -> float:
        """After over before, minus one; 0 where before is 0."""
        return self.after.median / self.before.median - 1 if self.before.median else 0.0


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """Every metric that both reports have and that can be better or worse."""
    old, new = report.metrics(before), report.metrics(after)
    return [
        Line(*key, old[key], new[key], judge(old[key], new[key]))
        for key in old
        if key in new and new[key].better != "neither"
    ]


def judge(before: Metric, after: Metric) -> Verdict:
    """ "unclear" where there are too few values to know the noise."""
    if min(len(before.values), len(after.values)) < 3:
        return "unclear"
    apart = after.low > before.high or after.high < before.low
    if not apart or abs(after.median - before.median) < SMALL * abs(before.median):
        return "same"
    return "better" if (after.median < before.median) == (after.better == "lower") else "worse"


def doubts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Why the two reports may not be comparable."""
    found = [f"{which}: {text}" for which, r in (("A", before), ("B", after)) for text in report.warnings(r)]
    for what, path in (("cpu", ("machine", "cpu")), ("cores", ("machine", "usable_cores")), ("effort", ("effort",)),
                       ("back end", ("backend", "name")), ("device", ("backend", "device")),
                       ("threads", ("backend", "threads")), ("nets", ("models", "files")),
                       ("clip", ("clip",))):  # fmt: skip
        a, b = _at(before, path), _at(after, path)
        if a != b:
            found.append(f"different {what}" + ("" if isinstance(a, dict) else f": {a} and {b}"))
    return found


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = values
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def table(lines: list[Line]) -> str:
    """All of it as Markdown, the verdict last."""
    rows = ["| scenario | metric | A | B | change | verdict |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {x.scenario} | {x.name} | {x.before.text()} | {x.after.text()} | {100 * x.change:+.1f} % | {x.verdict} |"
        for x in lines
    ]
    return "\n".join(rows)


def verdict(lines: list[Line]) -> str:
    """One line."""
    if not lines:
        return "the reports share no metric"
    counts = {kind: sum(x.verdict == kind for x in lines) for kind in ("better", "worse", "same", "unclear")}
    return f"B against A: {', '.join(f'{n} {kind}' for kind, n in counts.items() if n)}"
