"""What another form of the tracking net would bring on this CPU: its time beside ours, and whether it passes the gate.

python benchmarks/forms.py                     # prints the table and writes benchmarks/results/forms.json, six minutes
python benchmarks/forms.py --quick             # fewer rounds, writes nothing unless --out F

OpenVINO takes part where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends import parity
from realtime3d.backends.base import Net, NetSpec
from realtime3d.backends.onnx_forms import in_form
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.backends.openvino_ import OpenVinoBackend
from realtime3d.bench.machine import commit, machine, software
from realtime3d.bench.measure import FULL, QUICK, Effort, Timing, in_turn, ratio
from realtime3d.nets import modelset

RESULT = Path(__file__).resolve().parent / "results" / "forms.json"
FASTER = 1.3  # a form that is not faster by so much is not worth a switch
BATCHES = (1, 4)
OURS = "ONNX Runtime, fp32"


def forms(spec: NetSpec, threads: int, folder: Path) -> dict[str, Net]:
    """Every form that can be run here, ours first; `folder` is for files."""
    crops = parity.crops(spec.size)
    half, eight = in_form(spec, "fp16", crops), in_form(spec, "int8", crops)
    backend = OnnxRuntimeBackend(threads=threads)
    found: dict[str, Net] = {
        OURS: backend.load(spec),
        "ONNX Runtime, fp16": backend.load_bytes(spec, half),
        "ONNX Runtime, int8": backend.load_bytes(spec, eight),
    }
    if importlib.util.find_spec("openvino"):
        quantised = folder / "int8.onnx"
        quantised.write_bytes(eight)
        single, bfloat16 = OpenVinoBackend(threads=threads), OpenVinoBackend(threads=threads)
        bfloat16.precision = "bf16"  # without the gate, whose verdict is a column here
        found["OpenVINO, fp32"] = single.load(spec)
        found["OpenVINO, bf16"] = bfloat16.load(spec)
        found["OpenVINO, int8"] = single.load(replace(spec, file=quantised))
    return found


def measure(nets: dict[str, Net], crops: NDArray[np.uint8], effort: Effort) -> dict[tuple[str, int], Timing]:
    """All forms with all batch sizes, block by block in turn."""
    calls: dict[tuple[str, int], Callable[[], object]] = {
        (name, rows): lambda net=net, rows=rows: net.run(crops[:rows])  # type: ignore[misc]
        for name, net in nets.items()
        for rows in BATCHES
    }
    return dict(zip(calls, in_turn(list(calls.values()), effort), strict=True))


def judged(models: modelset.ModelSet, threads: int, effort: Effort) -> list[dict[str, Any]]:
    """One entry a form: milliseconds, times as fast as ours by the clock and in CPU time, differences, verdict."""
    spec, model = models.nets["track"], models.load_face_model()
    crops = parity.crops(spec.size)
    with tempfile.TemporaryDirectory() as folder:
        nets = forms(spec, threads, Path(folder))
    exact = parity.answers(nets[OURS], crops)
    differences = {name: parity.differences(parity.answers(net, crops), exact, model) for name, net in nets.items()}
    timings = measure(nets, crops, effort)
    entries = []
    for name in nets:
        entry: dict[str, Any] = {"form": name, "threads": threads, "differences": differences[name]}
        for rows in BATCHES:
            ours, theirs = timings[OURS, rows], timings[name, rows]
            entry[f"ms_{rows}"] = theirs.wall.values
            entry[f"faster_{rows}"] = ratio(ours.wall, theirs.wall, "higher").median
            entry[f"faster_cpu_{rows}"] = ratio(ours.cpu, theirs.cpu, "higher").median
        entry["beyond"] = parity.beyond(differences[name])
        entry["kept"] = entry["faster_1"] >= FASTER and not entry["beyond"]
        entries.append(entry)
    return entries


def line(entry: dict[str, Any]) -> str:
    cells = [entry["form"], str(entry["threads"])]
    for rows in BATCHES:
        ms = sorted(entry[f"ms_{rows}"])[len(entry[f"ms_{rows}"]) // 2]
        cells += [f"{ms:.2f} ms", f"{entry[f'faster_{rows}']:.2f} x", f"{entry[f'faster_cpu_{rows}']:.2f} x"]
    return f"| {' | '.join(cells)} | {', '.join(entry['beyond']) or 'passes'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--models", default="default")
    parser.add_argument("--out", type=Path, metavar="F")
    args = parser.parse_args()
    models = modelset.find(args.models)
    report: dict[str, Any] = {"started": datetime.now(timezone.utc).isoformat(timespec="seconds"), "machine": machine(),
                              "software": software(), "commit": commit(), "net": models.nets["track"].name,
                              "onnx_sha256": models.nets["track"].sha256, "forms": []}  # fmt: skip
    if importlib.util.find_spec("openvino"):
        report["software"]["openvino"] = importlib.metadata.version("openvino")
    print("| form | threads | one face | times as fast | CPU | four faces | times as fast | CPU | gate |")
    print("|---|---|---|---|---|---|---|---|---|")
    for threads in (1, 2):
        for entry in judged(models, threads, QUICK if args.quick else FULL):
            report["forms"].append(entry)
            print(line(entry), flush=True)
    out = args.out or (None if args.quick else RESULT)
    if out:
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
