"""What an environment takes on disk, package by package: `python tools/install_size.py PYTHON [--limit MB]`.

PYTHON is the environment's interpreter. Exit code 1 if the whole is above the limit (MB of 1,000,000 bytes).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

SMALL_MB = 10  # packages below are added up
LIST = """
import json, sys
from importlib.metadata import distributions
print(json.dumps([sys.prefix, {d.metadata["Name"]: [str(f.locate()) for f in d.files or ()] for d in distributions()}]))
"""


def on_disk(path: str | Path) -> int:
    """Bytes that a file takes; 0 where it is gone."""
    try:
        found = os.lstat(path)
    except OSError:
        return 0
    return getattr(found, "st_blocks", -(-found.st_size // 512)) * 512


def sizes(python: str) -> tuple[dict[str, float], float]:
    """MB of each package, compiled modules included, and of the whole environment."""
    done = subprocess.run([python, "-c", LIST], capture_output=True, text=True, check=True)
    prefix, files = json.loads(done.stdout)
    whole = sum(on_disk(Path(folder) / name) for folder, _, names in os.walk(prefix) for name in names)
    return {name: sum(map(on_disk, paths)) / 1e6 for name, paths in files.items()}, whole / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("--limit", type=float, help="MB")
    args = parser.parse_args()
    packages, whole = sizes(args.python)
    print("| package | MB |\n|---|---|")
    for name, size in sorted(packages.items(), key=lambda item: -item[1]):
        if size >= SMALL_MB:
            print(f"| {name} | {size:.0f} |")
    print(f"| {sum(s < SMALL_MB for s in packages.values())} smaller ones | "
          f"{sum(s for s in packages.values() if s < SMALL_MB):.0f} |")  # fmt: skip
    print(f"| the whole environment | {whole:.0f} |")
    if args.limit and whole > args.limit:
        print(f"{whole:.0f} MB are more than the {args.limit:.0f} MB that a default install may take", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
