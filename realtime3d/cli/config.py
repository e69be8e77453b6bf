"""Print every setting with its value and unit as TOML.

Save the output, change what you want and give the file to any command with --config.
"""

from __future__ import annotations

import argparse

from realtime3d.cli.options import add_common, add_config_options, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_options(parser)
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    print(config_from(args).to_toml(), end="")
    return 0
