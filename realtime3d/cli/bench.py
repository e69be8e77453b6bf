"""Measure what this machine can do: nets, whole pipeline, latency, several faces, sizes and streams.

--quick ends within half a minute. Figures that are quoted come from a run without it, on a machine that does nothing
else, kept with --json. --compare judges two such files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from realtime3d.cli.options import add_common, add_config_options, config_from
from realtime3d.errors import UsageError

REPORTS = (".md", ".png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("benchmark")
    what = group.add_mutually_exclusive_group()
    what.add_argument("--quick", action="store_true", help="the most important scenarios, little time for each")
    what.add_argument("--compare", nargs=2, metavar=("A.json", "B.json"), type=Path, help="judge B against A")
    group.add_argument("--scenario", metavar="NAME", action="append", help="only this one; may be given again")
    group.add_argument("--list", action="store_true", help="print the scenarios and end")
    group.add_argument("--clip", metavar="F", type=Path, help="a video with one face instead of the bundled clip")
    group.add_argument(
        "--peer", metavar="NAME=PATH", action="append", default=[],
        help="compare also with openseeface or 3ddfa (a checkout), facelandmarker (a .task file); may be given again",
    )  # fmt: skip
    group.add_argument(
        "--peer-python", metavar="NAME=F", action="append", default=[],
        help="the interpreter of a peer's environment; left away: .venv in its checkout",
    )  # fmt: skip
    group.add_argument("--json", metavar="F", type=Path, help="keep the result")
    group.add_argument(
        "--report", metavar="F.md|F.png", action="append", default=[], type=Path,
        help="the result as Markdown or as a picture; may be given again",
    )  # fmt: skip
    group.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    add_config_options(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    if args.list:
        return _list()
    if args.compare:
        return _compare(*args.compare)
    from realtime3d.bench import run as bench
    from realtime3d.bench.peers import spec
    from realtime3d.files import check_output

    outputs = [*([args.json] if args.json else []), *args.report]
    for path in args.report:
        if path.suffix.lower() not in REPORTS:
            raise UsageError(f"--report {path}: name a file that ends in {' or '.join(REPORTS)}")
    for path in outputs:
        check_output(path, args.overwrite, [args.clip] if args.clip else [])
    peers = spec.parse(args.peer, args.peer_python)
    effort = "quick" if args.quick else "full"
    found = bench.run(args.scenario, config_from(args), effort, args.clip, peers, lambda line: _say(f"  {line}", args))
    _write(found, args)
    _conclude(found, outputs, args)
    return 130 if found["interrupted"] else 0


def _write(found: dict[str, Any], args: argparse.Namespace) -> None:
    from realtime3d.bench import report
    from realtime3d.files import write_whole

    if args.json:
        write_whole(args.json, (json.dumps(found, indent=1) + "\n").encode())
    for path in args.report:
        if path.suffix.lower() == ".png":
            from realtime3d.bench import chart

            write_whole(path, chart.png(found))
        else:
            write_whole(path, report.markdown(found).encode())


def _conclude(found: dict[str, Any], outputs: list[Path], args: argparse.Namespace) -> None:
    from realtime3d.bench import report

    for line in report.machine_lines(found):
        _say(line, args)
    for line in report.headline(found):
        _say(f"  {line}", args)
    for line in report.warnings(found):
        _say(f"  note: {line}", args)
    for path in outputs:
        _say(f"  {path}", args)


def _list() -> int:
    from realtime3d.bench.scenarios import SCENARIOS, scenario

    for name in SCENARIOS:
        print(f"{name:12} {(scenario(name).__doc__ or '').strip().splitlines()[0]}")
    return 0


def _compare(a: Path, b: Path) -> int:
    from realtime3d.bench import compare, report

    before, after = report.read(a), report.read(b)
    lines = compare.compare(before, after)
    print(compare.table(lines))
    for doubt in compare.doubts(before, after):
        print(f"note: {doubt}")
    print(compare.verdict(lines))
    return 0


def _say(line: str, args: argparse.Namespace) -> None:
    if not args.quiet:
        print(line, flush=True)
