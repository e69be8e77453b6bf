"""A benchmark's result as one picture: what a frame is made of, how it scales, how it compares."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from realtime3d.bench import report
from realtime3d.bench.measure import Metric
from realtime3d.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Metrics = Mapping[tuple[str, str], Metric]
Panel = Callable[["Axes", Metrics], None]

WIDTH, DPI = 16.0, 100  # inches and dots an inch: 1600 px
ROW = 3.9  # inches
COLUMNS = 3
INK, SOFT, OURS, THEIRS = "#1f2933", "#7b8794", "#2563a8", "#c8813a"
BEHIND = {"color": "white", "pad": 1.5}  # of text that lies on a line
STAGES = ("detect", "track", "crop", "nets", "shape", "smooth")
PEERS = {"openseeface": "OpenSeeFace", "3ddfa": "3DDFA_V2", "facelandmarker": "Face Landmarker"}


def png(found: Mapping[str, Any]) -> bytes:
    """The picture of a report; scenarios that were not measured have no panel."""
    require("matplotlib", "", "a PNG report")
    from matplotlib.figure import Figure

    metrics = report.metrics(found)
    panels = [(title, draw) for title, (needs, draw) in PANELS.items() if any(needs(key) for key in metrics)]
    rows = max(1, -(-len(panels) // COLUMNS))
    height = 1.5 + ROW * rows
    figure = Figure((WIDTH, height), dpi=DPI, facecolor="white")
    _write_head(figure, found, height)
    if panels:
        grid = figure.add_gridspec(rows, COLUMNS, left=0.055, right=0.975, top=1 - 1.65 / height, bottom=0.62 / height,
                                   hspace=0.48, wspace=0.32)  # fmt: skip
        for k, (title, draw) in enumerate(panels):
            axes = figure.add_subplot(grid[k // COLUMNS, k % COLUMNS])
            axes.set_title(title, loc="left", fontsize=15, color=INK, pad=10, weight="bold")
            axes.tick_params(labelsize=12.5, colors=INK, length=0)
            axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
            draw(axes, metrics)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _write_head(figure: Any, found: Mapping[str, Any], height: float) -> None:
    """What was measured, on what, and what makes it doubtful."""
    machine, backend, models = found["machine"], found["backend"], found["models"]
    commit = (found["commit"]["hash"] or "unknown")[:10] + (" (changed)" if found["commit"]["changed"] else "")
    facts = (
        f"{machine['cpu']}, {machine['usable_cores']} cores  ·  {models['name']} nets on {backend['name']} "
        f"({backend['device']}, {backend['threads']} threads)  ·  {found['started'][:10]}, commit {commit}"
    )
    doubts = ["medians, whiskers from lowest to highest", *report.warnings(found)]
    figure.text(0.02, 1 - 0.5 / height, "realtime3d benchmark", fontsize=21, color=INK, weight="bold")
    figure.text(0.02, 1 - 0.8 / height, facts, fontsize=12.5, color=INK)
    figure.text(0.02, 1 - 1.06 / height, textwrap.shorten("  ·  ".join(doubts), 200), fontsize=12, color=SOFT)


def _bars(axes: Axes, names: list[str], values: list[Metric], color: str, form: str, upright: bool = True) -> None:
    """Bars with their spread and their median written at the end."""
    medians = [value.median for value in values]
    spread = [[v.median - v.low for v in values], [v.high - v.median for v in values]]
    style = {"ecolor": SOFT, "capsize": 4, "elinewidth": 1.3} if any(len(v.values) > 1 for v in values) else {}
    places = list(range(len(names)))
    top = max(v.high for v in values)
    if upright:
        axes.bar(places, medians, 0.62, color=color, yerr=spread if style else None, error_kw=style)
        axes.set_xticks(places, names)
        axes.set_yticks([])
        axes.set_ylim(0, top * 1.16)
    else:
        axes.barh(places, medians, 0.62, color=color, xerr=spread if style else None, error_kw=style)
        axes.set_yticks(places, names)
        axes.set_xticks([])
        axes.set_xlim(0, top * 1.22)
        axes.invert_yaxis()
    for place, value in zip(places, values, strict=True):
        end = value.high if style else value.median
        x, y = (place, end + top * 0.02) if upright else (end + top * 0.02, place)
        across, along = ("center", "bottom") if upright else ("left", "center")
        axes.text(x, y, form.format(value.median), ha=across, va=along, fontsize=13, color=INK)


def _stages(axes: Axes, metrics: Metrics) -> None:
    found = {stage: metrics[key] for stage in STAGES if (key := ("pipeline", f"{stage}_ms")) in metrics}
    _bars(axes, list(found), list(found.values()), OURS, "{:.2f}", upright=False)
    whole = metrics.get(("pipeline", "frame_ms"))
    if whole:
        axes.set_xlabel(f"ms a frame, on average; a usual frame takes {whole.median:.2f} ms", fontsize=12, color=SOFT)


def _numbered(scenario: str, prefix: str, unit: str) -> Panel:
    """Bars for metrics that share the beginning of their name, in the report's order."""

    def draw(axes: Axes, metrics: Metrics) -> None:
        found = {
            name[len(prefix) :].replace("_", " "): m
            for (where, name), m in metrics.items()
            if _is(where, name, scenario, prefix)
        }
        _bars(axes, list(found), list(found.values()), OURS, "{:.0f}")
        axes.set_xlabel(unit, fontsize=12, color=SOFT)

    return draw


def _is(where: str, name: str, scenario: str, prefix: str) -> bool:
    return where == scenario and name.startswith(prefix)


def _latency(axes: Axes, metrics: Metrics) -> None:
    found = [metrics["latency", f"p{share}_ms"] for share in (50, 95, 99)]
    _bars(axes, ["50 %", "95 %", "99 %"], found, OURS, "{:.1f}")
    lost = metrics["latency", "dropped"].median
    axes.set_xlabel(f"ms at most, from capture; {lost:.1f} % of the frames dropped", fontsize=12, color=SOFT)


def _peers(axes: Axes, metrics: Metrics) -> None:
    """Ratios of frame rates, round by round; right of the line ours is faster."""
    found = {"Face mesh, refined": metrics[key]} if (key := ("peer", "times_as_fast")) in metrics else {}
    found |= {
        name: metrics[key] for peer, name in PEERS.items() if (key := ("peers", f"{peer}_times_as_fast")) in metrics
    }
    right = max(1.2, *(ratio.high for ratio in found.values())) * 1.1
    for place, (name, ratio) in enumerate(found.items()):
        axes.plot([ratio.low, ratio.high], [place, place], color=SOFT, lw=2)
        axes.plot(ratio.values, [place] * len(ratio.values), "o", color=THEIRS, alpha=0.35, ms=7, mew=0)
        axes.plot(ratio.median, place, "o", color=THEIRS, ms=12)
        axes.text(0.01 * right, place - 0.3, f"{name}: {ratio.median:.2f} x", fontsize=13, color=INK, bbox=BEHIND)
    axes.axvline(1, color=INK, lw=1)
    axes.set_yticks([])
    axes.set_ylim(len(found) - 0.6, -0.7)
    axes.set_xlim(0, right)
    axes.grid(axis="x", color="#e4e7eb", zorder=0)
    axes.set_xlabel("our frames a second over theirs; a dot for each block", fontsize=12, color=SOFT)


def _work(axes: Axes, metrics: Metrics) -> None:
    """What comes after tracking."""
    names = {"pipeline": "tracking", "overlay": "with overlay", "encoding": "720p file to\nCSV and video"}
    found = {name: metrics[key] for scenario, name in names.items() if (key := (scenario, "fps")) in metrics}
    _bars(axes, list(found), list(found.values()), OURS, "{:.0f}")
    axes.set_xlabel("frames a second", fontsize=12, color=SOFT)


def _any(scenario: str, prefix: str) -> Callable[[tuple[str, str]], bool]:
    return lambda key: _is(*key, scenario, prefix)


PANELS: dict[str, tuple[Callable[[tuple[str, str]], bool], Panel]] = {  # title -> the metrics it needs, how it is drawn
    "What a frame is made of": (_any("pipeline", "nets_ms"), _stages),
    "What is done with it": (lambda key: key[1] == "fps", _work),
    "Age of a result": (_any("latency", "p50_ms"), _latency),
    "Faces in a picture": (_any("faces", "fps_"), _numbered("faces", "fps_", "faces: frames a second")),
    "Size of the picture": (_any("sizes", "fps_"), _numbered("sizes", "fps_", "one face: frames a second")),
    "Streams side by side": (
        _any("streams", "streams_at_"),
        _numbered("streams", "streams_at_", "of each stream: streams that hold"),
    ),
    "Next to others": (lambda key: key[1].endswith("times_as_fast"), _peers),
    "Search for new faces every ...": (
        _any("detector", "fps_every_"),
        _numbered("detector", "fps_every_", "frames: frames a second"),
    ),
}
