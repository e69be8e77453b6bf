"""Where a default install finds wheels of everything: asks pip's resolver, installs nothing.

    python tools/platforms.py [--python 3.12 3.13] [--wheel realtime3d-...whl]

Run it in a checkout; without --wheel it builds one. It prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PLATFORMS = {  # name -> tags that pip takes there, best first
    "Linux x86-64": [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 17)] + ["manylinux2014_x86_64"],
    "Linux arm64": [f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)] + ["manylinux2014_aarch64"],
    "Windows x86-64": ["win_amd64"],
    "macOS arm64": [f"macosx_{version}_arm64" for version in ("15_0", "14_0", "13_0", "12_0", "11_0")],
}
SHOWN = ("numpy", "mediapipe", "opencv-contrib-python", "onnxruntime", "av", "numba")


def resolved(wheel: Path, python: str, tags: list[str]) -> dict[str, str] | str:
    """Name -> version of everything that would be installed there, or why it cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
                   "--report", str(report), "--target", folder, "--only-binary", ":all:",
                   "--implementation", "cp", "--python-version", python]  # fmt: skip
        command += [word for tag in tags for word in ("--platform", tag)]
        done = subprocess.run([*command, str(wheel)], capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            return errors[-1] if errors else done.stderr.strip()[-200:]
        found = json.loads(report.read_text())["install"]
        return {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=["3.12", "3.13"])
    parser.add_argument("--wheel", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = args.wheel
        if wheel is None:
            here = str(Path(__file__).parents[1])
            subprocess.run(
                [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, here], check=True
            )
            (wheel,) = Path(folder).glob("*.whl")
        print(f"| platform | Python | {' | '.join(SHOWN)} | packages in all |\n|{'---|' * (len(SHOWN) + 3)}")
        missing = 0
        for platform, tags in PLATFORMS.items():
            for python in args.python:
                found = resolved(wheel, python, tags)
                missing += isinstance(found, str)
                cells = (
                    f"not to be had: {found}"
                    if isinstance(found, str)
                    else " | ".join([*(found.get(name, "-") for name in SHOWN), str(len(found))])
                )
                print(f"| {platform} | {python} | {cells} |")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
