"""Detail against what is known: wrinkles and stains drawn into photographs, beards, smooth skin, hidden halves, time.

python -m benchmarks.detail FOLDER...           # writes results/detail.json and prints one table
python -m benchmarks.detail FOLDER --count 4    # fewer photographs, writes nothing

FOLDER holds photographs of faces; bearded.txt beside this file names those with beards. Wrinkles are
drawn into each photograph twice: as wide as its pixels allow, and, with grain of skin, into the photograph enlarged
to 0.4 mm a pixel.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detail import measures
from benchmarks.detail.subjects import Subject, subject_of, subjects
from realtime3d.backends.choose import create_backend
from realtime3d.bench import machine
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.refine import Refiner
from realtime3d.tracker import FaceTracker

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "benchmarks" / "results" / "detail.json"
FINE_MM, FINE_WIDTHS, COARSE_WIDTHS = 0.4, (0.8, 3.0), (2.5, 5.0)  # mm: a pixel; of wrinkles
WRINKLED, HIDDEN = 24, 40  # photographs
STEP = 7  # of the photographs in order of their names, so that all sources take part


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--count", type=int, help="photographs of each measure")
    parser.add_argument("--models", default="default", help="model set, or a folder with a models.toml")
    parser.add_argument("--solve", action="store_true", help="without the net that mends what was solved for")
    parser.add_argument("--json", type=Path, help="where to write the figures, default benchmarks/results/detail.json")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    files = sorted(file for folder in args.folders for file in folder.iterdir() if file.suffix.lower() == ".jpg")
    mixed = [file for first in range(STEP) for file in files[first::STEP]]
    bearded = set((Path(__file__).parent / "bearded.txt").read_text(encoding="utf-8").split())
    with FaceTracker(models=args.models, threads=1) as tracker:
        spec = None if args.solve else tracker.model_set.more.get("detail")
        refiner = None if spec is None else Refiner.opened(create_backend(threads=1), spec)
        maker = DetailMaker(tracker.model, refiner=refiner)
        plain = _first(tracker, maker, [file for file in mixed if file.name not in bearded], args.count or HIDDEN)
        few = plain[: args.count or WRINKLED]
        near = [subject_of(s.name, s.image, s.face, maker, s.mm_per_px / FINE_MM) for s in few]
        men = _first(tracker, maker, [file for file in files if file.name in bearded], args.count or len(bearded))
        results = {
            "fine": measures.wrinkles_and_stains(maker, near, FINE_WIDTHS, grain=True),
            "as_they_are": measures.wrinkles_and_stains(maker, few, COARSE_WIDTHS, grain=False),
            "smooth": measures.smooth_skin(maker, near[:8]),
            "beards": measures.beards(maker, men),
            "hidden_half": measures.hidden_half(maker, plain),
            "seconds": _seconds(maker, near[:8]),
            "mm_per_px": round(float(np.mean([s.mm_per_px for s in few])), 3),
            "models": tracker.model_set.name,
            "net": refiner is not None,
        }
        if refiner is not None:
            refiner.close()
    print(json.dumps({key: _headline(value) for key, value in results.items()}, indent=1))
    if args.json or args.count is None:
        (args.json or TARGET).write_text(
            json.dumps({"machine": machine.machine(), **_rounded(results)}, indent=1) + "\n"
        )
    return 0


def _first(tracker: FaceTracker, maker: DetailMaker, files: Sequence[Path], count: int) -> list[Subject]:
    found = []
    for subject in subjects(tracker, maker, files):
        found.append(subject)
        if len(found) == count:
            break
    return found


def _seconds(maker: DetailMaker, chosen: Sequence[Subject]) -> dict[str, float]:
    """Of the processor, not of the clock: this machine may be busy with other things."""
    maker.make(chosen[0].face, chosen[0].image)
    spent = []
    for subject in chosen:
        start = time.process_time()
        maker.make(subject.face, subject.image)
        spent.append(time.process_time() - start)
    return {"make_cpu_s": float(np.median(spent)), "pictures": len(spent)}


def _headline(value: Any) -> Any:
    return {key: item for key, item in value.items() if key != "rows"} if isinstance(value, dict) else value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    raise SystemExit(main())
