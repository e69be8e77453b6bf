"""Look at versions, devices, cameras and models, run the nets once, and say what is missing and how to get it.

Exit code 0 if faces can be followed on this machine, 3 if not.
"""

from __future__ import annotations

import argparse
import sys

from realtime3d.cli.options import add_common

MARKS = {"ok": "[ ok ]", "note": "[note]", "missing": "[ -- ]", "broken": "[FAIL]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    from realtime3d.cli import checks

    works = True
    every = (checks.versions, checks.machine, checks.cameras, checks.models, checks.engines, checks.extras)
    for check in (*every, checks.main_job, checks.verdicts):  # the last is on what the job before it has run
        for finding in checks.findings(check):
            works &= finding.level != "broken"
            if args.quiet and finding.level != "broken":
                continue
            print(MARKS[finding.level], finding.text)
            if finding.remedy:
                print("       ->", finding.remedy)
            sys.stdout.flush()
    return 0 if works else 3
