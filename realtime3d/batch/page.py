"""The summary of a batch as one HTML page that needs nothing else: numbers, plots and what needs a look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, BELOW = 560, 200, 46, 34  # px of a plot, and of the margins of its axes
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5a6472; --paper: #ffffff; --line: #d5dae1; --bar: #2f6fb2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --dim: #9aa5b4; --paper: #14171c; --line: #333b46; --bar: #6aa5e0 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
       max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p.where { color: var(--dim); margin: .2rem 0 1.5rem }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; margin: 0 } dt { color: var(--dim); font-size: .9rem }
dd { margin: 0; font-size: 1.5rem; font-variant-numeric: tabular-nums }
.plots { display: flex; flex-wrap: wrap; gap: 1rem 2rem } figure { margin: 0 } figcaption { font-weight: 600 }
svg { max-width: 100%; height: auto } svg text { fill: var(--dim); font: 12px system-ui, sans-serif }
svg rect { fill: var(--bar) } svg line { stroke: var(--line) }
table { border-collapse: collapse; min-width: 50%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--dim); font-weight: 500 } td.n, th.n { text-align: right }
.table { overflow-x: auto }
"""


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram: `edges` has one more than `counts`."""

    title: str
    counts: Sequence[int]
    edges: Sequence[float]
    below: str  # what the horizontal axis is, with its unit
    of: str  # what is counted


@dataclass(frozen=True, slots=True)
class Rows:
    """A table. Columns whose heading begins with a blank hold numbers."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    none: str  # what to say where there are no rows
    note: str = ""  # what to know of them


def page(
    title: str, where: str, numbers: Iterable[tuple[str, str]], plots: Iterable[Bars], tables: Iterable[Rows]
) -> str:
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in numbers)
    figures = "".join(
        f"<figure><figcaption>{escape(plot.title)}</figcaption>{_svg(plot)}</figure>"
        for plot in plots
        if sum(plot.counts)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><main>'
        f'<h1>{escape(title)}</h1><p class="where">{escape(where)}</p><dl>{facts}</dl>'
        f'<h2>What was found</h2><div class="plots">{figures}</div>'
        f"{''.join(map(_table, tables))}</main></body></html>\n"
    )


def _svg(plot: Bars) -> str:
    """Bars from zero, with the highest count and the ends of the axis written out."""
    high = max(plot.counts)
    step = (WIDTH - LEFT) / len(plot.counts)
    tall = HEIGHT - BELOW - 14
    parts = []
    for i, count in enumerate(plot.counts):
        height = tall * count / high
        span = f"{plot.edges[i]:g} to {plot.edges[i + 1]:g}"
        parts.append(
            f'<rect x="{LEFT + i * step + 1:.1f}" y="{14 + tall - height:.1f}" width="{step - 2:.1f}" '
            f'height="{height:.1f}"><title>{span}: {count} {escape(plot.of)}</title></rect>'
        )
    every = max(1, len(plot.counts) // 5)
    for i in range(0, len(plot.edges), every):
        parts.append(
            f'<text x="{LEFT + i * step:.1f}" y="{HEIGHT - 18}" text-anchor="middle">{plot.edges[i]:.3g}</text>'
        )
    base = 14 + tall
    parts.append(f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH}" y2="{base}"/>')
    parts.append(f'<text x="{LEFT - 6}" y="18" text-anchor="end">{high}</text>')
    parts.append(f'<text x="{LEFT - 6}" y="{base}" text-anchor="end">0</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 2}" text-anchor="middle">{escape(plot.below)}</text>')
    label = escape(f"{plot.title}: {plot.of} by {plot.below}", quote=True)
    size = f'viewBox="0 0 {WIDTH + 16} {HEIGHT}" width="{WIDTH}"'
    return f'<svg {size} role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _table(table: Rows) -> str:
    note = f'<p class="where">{escape(table.note)}</p>' if table.note else ""
    title = f"<h2>{escape(table.title)}</h2>{note}"
    if not table.rows:
        return f"{title}<p>{escape(table.none)}</p>"
    numeric = [head.startswith(" ") for head in table.heads]

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if number else ''}>{escape(cell.strip())}</{tag}>"
            for cell, number in zip(row, numeric, strict=True)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    head = f"<tr>{cells(table.heads, 'th')}</tr>"
    return f'{title}<div class="table"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>'
