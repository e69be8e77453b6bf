"""Who is who: the tracker with its real nets and detector on rendered people, whose truth is exact.

python -m benchmarks.people --pack FOLDER     # writes results/people.json and prints one table
python -m benchmarks.people --only a,c --count 3 --sheets /tmp/sheets

FOLDER is a training pack (`realtime3d training pack`), best of people whom the nets were not trained on; without one
everybody is the astronaut of the bundled clip, with other shapes and complexions. Needs the [train] extra.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

from benchmarks.people.cast import Cast
from benchmarks.people.experiments import EXPERIMENTS, Bench, Figure
from benchmarks.people.scenes import FPS, NOISE, SOFT_PX
from realtime3d.bench import machine
from realtime3d.errors import Realtime3dError
from realtime3d.nets import modelset

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "benchmarks" / "results" / "people.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, help="folder of a training pack: its photographs are the people")
    parser.add_argument("--only", default=",".join(EXPERIMENTS), help="letters of experiments, default %(default)s")
    parser.add_argument("--count", type=int, help="sequences or people in each experiment")
    parser.add_argument("--quick", action="store_true", help="few of them; writes nothing")
    parser.add_argument("--models", default="default", help="model set, or a folder with a models.toml")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheets", type=Path, help="folder for pictures of the sequences, to look at; not to publish")
    parser.add_argument("--json", type=Path, help="where to write the figures, default benchmarks/results/people.json")
    args = parser.parse_args()
    args.only = args.only.split(",")
    if unknown := sorted(set(args.only) - EXPERIMENTS.keys()):
        parser.error(f"no experiment {', '.join(unknown)}: there are {', '.join(EXPERIMENTS)}")
    if args.count is not None and args.count < 1:
        parser.error("--count must be at least 1")
    return args


def main() -> int:
    args = arguments()
    try:
        found = modelset.find(args.models)
        cast = Cast(found.files["face_model"].path, args.pack)
        bench = Bench(cast, args.models, args.seed, args.count, args.sheets, args.quick)
        results = {letter: EXPERIMENTS[letter](bench) for letter in args.only}
    except Realtime3dError as error:
        print(f"people.py: {error}", file=sys.stderr)
        return error.exit_code
    print(table(results))
    if args.json or not (args.quick or args.count or len(args.only) < len(EXPERIMENTS)):
        report = {
            "machine": machine.machine(),
            "software": machine.software(),
            "commit": machine.commit(),
            "models": {"set": found.name, "status": found.status}
            | {name: file.sha256 for name, file in found.files.items()},
            "workload": {
                "people": "photographs of a training pack" if args.pack else "one photograph, drawn shapes",
                "seed": args.seed,
                "fps": FPS,
                "camera": {"noise_levels": NOISE, "blur_px": SOFT_PX},
            },
            "results": {letter: [as_dict(figure) for figure in figures] for letter, figures in results.items()},
        }
        path = args.json or TARGET
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def as_dict(figure: Figure) -> dict[str, object]:
    bar = {"at_most": figure.at_most, "at_least": figure.at_least}
    value = None if math.isnan(figure.value) else round(figure.value, 4)
    known = {"name": figure.name, "value": value, "unit": figure.unit, **bar, "met": figure.met}
    return {key: value for key, value in known.items() if value not in (None, "")}


def table(results: dict[str, list[Figure]]) -> str:
    """Markdown: every figure beside its bar."""
    lines = ["| | what | measured | bar | |", "|---|---|---|---|---|"]
    for letter, figures in results.items():
        for figure in figures:
            bar = "" if figure.at_most is None else f"at most {figure.at_most:g}"
            bar = bar if figure.at_least is None else f"at least {figure.at_least:g}"
            met = {True: "met", False: "MISSED", None: ""}[figure.met]
            lines.append(f"| {letter} | {figure.name} | {shown(figure)} | {bar} | {met} |")
    return "\n".join(lines)


def shown(figure: Figure) -> str:
    if figure.unit == "part":
        return f"{figure.value:.1%}"
    if float(figure.value).is_integer():
        return f"{figure.value:.0f} {figure.unit}".strip()
    return f"{figure.value:.3g} {figure.unit}".strip()


if __name__ == "__main__":
    sys.exit(main())
