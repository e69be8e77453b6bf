"""Jitter and lag of smoothing filters on faces with known truth and committed noise.

python -m benchmarks.smoothing           # writes results/smoothing.json and the tables and plot of docs/smoothing.md
python -m benchmarks.smoothing --quick   # two seeds, prints the tables, writes nothing
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.smoothing.filters import Ema, Kalman, OneEuro, Ours, Scaled
from benchmarks.smoothing.metrics import Make, blink_height, jitter, lag_and_gain, measure
from benchmarks.smoothing.scenes import (
    NOISE_DEG,
    NOISE_LOG_DEPTH,
    NOISE_MM,
    ROOT,
    SECONDS,
    SLOW,
    SLOW_S,
    WHITE,
    Face,
    Motion,
    Step,
    motions,
    run,
    sine,
)
from realtime3d.geometry import rotvec_to_matrix
from realtime3d.tracking.motion import pose_at
from realtime3d.tracking.smooth import Smoother
from realtime3d.types import FaceCoeffs

BEGIN, END = "<!-- table: benchmarks/smoothing -->", "<!-- end -->"


GRIDS: dict[str, tuple[Callable[..., Step], list[tuple[float, ...]]]] = {
    "EMA": (Ema, [(hz,) for hz in (2, 3, 4, 5, 6, 7, 8, 10, 12)]),
    "One Euro, plain": (OneEuro, [(hz, beta) for hz in (0.3, 0.6, 1, 2) for beta in (0.03, 0.06, 0.1, 0.15, 0.2, 0.3)]),
    "Kalman, constant velocity": (Kalman, [(q,) for q in (10, 20, 40, 60, 80, 120, 200, 400)]),
}
OURS = "realtime3d"


def tune(face: Face, build: Callable[..., Step], grid: list[tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """The calmest parameters that keep nod (head) and blink (face) under a frame late and 0.9 of a blink, at 30 fps.

    Where none does, those that come nearest.
    """
    table = motions(face)
    best: dict[str, tuple[float, tuple[float, ...]]] = {}
    for values in grid:

        def make(face: Face, values: tuple[float, ...] = values) -> Step:
            return Scaled(face, build(*values), build(*values))

        runs = {
            name: [run(face, make, table[name], "30", seed) for seed in range(2)] for name in ("still", "nod", "blink")
        }
        raw, out = jitter(face, runs["still"], "noisy"), jitter(face, runs["still"])
        late, height = lag_and_gain(runs["blink"], table["blink"])[0], blink_height(runs["blink"], table["blink"])
        missed = {
            "head": max(lag_and_gain(runs["nod"], table["nod"])[0] / 33.3 - 1, 0),
            "face": max(late / 33.3 - 1, 0) + max(0.9 - height, 0),
        }
        calm = {"head": raw["rotation_deg"] / out["rotation_deg"], "face": raw["face_mm"] / out["face_mm"]}
        for part in ("head", "face"):
            score = calm[part] if missed[part] == 0 else -missed[part]
            if part not in best or score > best[part][0]:
                best[part] = score, values
    return {part: values for part, (_, values) in best.items()}


def microseconds(face: Face) -> float:
    """Median time of our smoother for one face and frame."""
    smoother, rng, times = Smoother.for_model(face.model), np.random.default_rng(0), []
    zeros = np.zeros(face.model.n_extras, np.float32)
    for n in range(600):
        pose = pose_at(np.array([0, 0, 6.4]), rotvec_to_matrix(rng.normal(0, 0.01, 3)))
        coeffs = FaceCoeffs(pose, rng.normal(size=face.model.n_expression).astype(np.float32), zeros, 1.0, 3.0)
        start = time.perf_counter()
        smoother(0, coeffs, (n + 1) * 33_000_000)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1e6)


def benchmark(seeds: int) -> dict[str, object]:
    face = Face()
    chosen = {name: tune(face, build, grid) for name, (build, grid) in GRIDS.items()}
    makers: dict[str, Make] = {"raw": lambda face: lambda x, dt: x}
    for name, (build, _) in GRIDS.items():

        def make(face: Face, build: Callable[..., Step] = build, name: str = name) -> Step:
            return Scaled(face, build(*chosen[name]["head"]), build(*chosen[name]["face"]))

        makers[name] = make
    makers[OURS] = Ours
    rates = ("15", "30", "60", "30 with drops")
    results = {rate: {name: measure(face, make, rate, seeds) for name, make in makers.items()} for rate in rates}
    loud = {str(x): measure(face, Ours, "30", seeds, x) for x in (0.5, 2.0)}
    uneven = {name: measure(face, make, "30", seeds, None) for name, make in makers.items()}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {
        "machine": {"platform": platform.platform(), "processor": processor(), "python": platform.python_version()},
        "commit": commit.stdout.strip(),
        "workload": {
            "seconds": SECONDS,
            "seeds": seeds,
            "noise": {"rotation_deg": NOISE_DEG, "sideways_mm": NOISE_MM, "log_depth": NOISE_LOG_DEPTH},
            "noise_parts": {"white": WHITE, "slow": SLOW, "slow_s": SLOW_S},
        },
        "chosen": chosen,
        "microseconds_per_face": microseconds(face),
        "frames_per_second": results,
        "noise_times": loud,
        "uneven_noise": uneven,
    }


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("still: rotation", "calmer_rotation_deg", "{:.1f}x"),
    ("place", "calmer_sideways_mm", "{:.1f}x"),
    ("depth", "calmer_depth_mm", "{:.1f}x"),
    ("face", "calmer_face_mm", "{:.1f}x"),
    ("2 Hz nod late", "lag_ms_nod", "{:.0f} ms"),
    ("blink late", "lag_ms_blink", "{:.0f} ms"),
    ("blink left", "blink_height", "{:.0%}"),
    ("speech late", "lag_ms_speech", "{:.0f} ms"),
    ("speech left", "gain_speech", "{:.0%}"),
    ("slow turn late", "lag_ms_slow turn", "{:.0f} ms"),
    ("2 degree nod late", "lag_ms_small nod", "{:.0f} ms"),
    ("brows while blinking", "calmer_brows_while_blinking", "{:.1f}x"),
    ("error: nod", "error_nod", "{:.2f}x"),
    ("blink", "error_blink", "{:.2f}x"),
    ("speech", "error_speech", "{:.2f}x"),
)


def table(rows: dict[str, dict[str, float]], first: str) -> str:
    """Markdown: one line a filter."""
    lines = [f"| {first} | " + " | ".join(title for title, _, _ in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, figures in rows.items():
        lines.append(f"| {name} | " + " | ".join(form.format(figures[key]) for _, key, form in COLUMNS) + " |")
    return "\n".join(lines)


def tables(report: dict) -> str:
    """The tables of docs/smoothing.md."""
    results = report["frames_per_second"]
    names = {"30 with drops": "30 fps, a quarter dropped"}
    ours = {names.get(rate, f"{rate} fps"): rows[OURS] for rate, rows in results.items()}
    ours |= {f"30 fps, noise x {times}": figures for times, figures in report["noise_times"].items()}
    uneven = table(report["uneven_noise"], "30 fps, uneven noise")
    return "\n\n".join([table(results["30"], "30 fps"), table(ours, "ours at"), uneven])


def plot(report: dict, path: Path) -> None:
    """Nod after stillness, blink, and what a blink does to the brows: truth, raw and filtered."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    face = Face()
    listed = motions(face)
    late_nod = Motion("nod", ((listed["nod"].parts[0][0], lambda t: sine(2, 10)(t) * (t > 5)),), listed["nod"].read)
    ema = report["chosen"]["EMA"]
    makers: dict[str, Make] = {
        "EMA": lambda face: Scaled(face, Ema(*ema["head"]), Ema(*ema["face"])),
        OURS: Ours,
    }
    panels = (
        (late_nod, late_nod.read, (4, 6), "pitch, degrees"),
        (listed["blink"], listed["blink"].read, (5.6, 7.2), "lids closed"),
        (listed["blink"], listed["brow"].read, (5.6, 7.2), "brows' axis of a blink"),
    )
    figure, axes = plt.subplots(3, 1, figsize=(8, 8), layout="constrained")
    for ax, (motion, read, (start, end), label) in zip(axes, panels, strict=True):
        assert read is not None
        runs = {name: run(face, make, motion, "30", 0) for name, make in makers.items()}
        first = runs[OURS]
        ax.plot(first.t, first.noisy @ read, ".", color="0.75", label="raw")
        ax.plot(first.t, first.truth @ read, color="black", lw=1, label="truth")
        for (name, r), color in zip(runs.items(), ("tab:orange", "tab:blue"), strict=True):
            ax.plot(r.t, r.out @ read, color=color, lw=1.5, label=name)
        ax.set(xlim=(start, end), ylabel=label)
    axes[0].legend(loc="upper left")
    axes[-1].set_xlabel("seconds")
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, prints the tables, writes nothing")
    quick = parser.parse_args().quick
    report = benchmark(2 if quick else 6)
    print(tables(report))
    if quick:
        return
    target = ROOT / "benchmarks" / "results" / "smoothing.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")
    page = ROOT / "docs" / "smoothing.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{tables(report)}\n{END}{rest.split(END)[1]}")
    plot(report, ROOT / "docs" / "images" / "smoothing.png")


if __name__ == "__main__":
    main()
