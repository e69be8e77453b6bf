"""What `realtime3d images` costs for each picture: processor time of one process, which other programs do not lengthen.

    python benchmarks/pictures.py PICTURES [--count 40]

Two processes on two free cores do twice 1000 / milliseconds pictures a second.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2

from realtime3d.bench.machine import commit, machine
from realtime3d.config import Config
from realtime3d.pictures.plan import PicturesJob, Task
from realtime3d.pictures.work import PictureWorker

RESULT = Path(__file__).parent / "results" / "pictures.json"
FIRST = 5  # pictures that load and compile
CASES: dict[str, dict[str, Any]] = {
    "CSV and posed PLY": {"formats": frozenset({"posed"}), "overlay": False},
    "everything: three PLYs, OBJ, GLB, overlay": {},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--json", type=Path, default=RESULT)
    options = parser.parse_args()
    files = sorted(options.pictures.glob("*.jpg"))[: FIRST + options.count]
    cv2.setNumThreads(1)
    result: dict[str, Any] = {"commit": commit(), "machine": machine() | {"load": os.getloadavg()}}
    result["pictures"] = len(files) - FIRST
    result["cases"] = {}
    for name, case in CASES.items():
        cpu_ms, wall_ms = measured(files, case)
        result["cases"][name] = {
            "cpu_ms_a_picture": round(cpu_ms, 1),
            "pictures_a_second_of_two_free_cores": round(2000 / cpu_ms, 1),
            "wall_ms_a_picture_of_one_process": round(wall_ms, 1),
        }
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def measured(files: list[Path], case: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds a picture: of the processor, and of a clock on the wall."""
    one_thread = Config().updated({"models": {"threads": 1}})  # as each of several processes has
    with tempfile.TemporaryDirectory() as folder:
        job = PicturesJob(inputs=[], out=Path(folder), config=one_thread, **case)
        with PictureWorker(job, []) as worker:
            for number, file in enumerate(files):
                if number == FIRST:
                    cpu, wall = time.process_time(), time.perf_counter()
                worker.do(Task(file.stem, file))
            count = len(files) - FIRST
            return 1000 * (time.process_time() - cpu) / count, 1000 * (time.perf_counter() - wall) / count


if __name__ == "__main__":
    main()
