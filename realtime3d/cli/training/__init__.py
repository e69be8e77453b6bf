"""Make the face model and the nets from photographs.

The steps in order: face-model, fit, pack, render, train, export, evaluate. docs/training.md walks through them.
"""

from __future__ import annotations

import argparse

from realtime3d.cli.options import add_common


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from realtime3d.cli.training.data_steps import add_steps

    add_steps(parser, add_common)


def run(args: argparse.Namespace) -> int:
    args.step(args, (lambda line: None) if args.quiet else lambda line: print(line, flush=True))
    return 0
