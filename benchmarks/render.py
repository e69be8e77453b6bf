"""Milliseconds a face costs to draw over a 720p picture, beside OpenCV filling the same triangles.

python benchmarks/render.py             # prints the table and writes benchmarks/results/render.json
python benchmarks/render.py --quick     # fewer rounds, writes nothing
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numba
import numpy as np

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.raster import rasterize
from realtime3d.render.base import MODES, OverlayStyle
from realtime3d.render.shading import Topology, place
from realtime3d.render.software import SoftwareRenderer
from realtime3d.types import FaceCoeffs, Frame, IdentityState, Image, Pose

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1280, 720
DISTANCES_MM = {"far": 1600.0, "middle": 800.0, "near": 450.0}
BARE = {"box": False, "label": False, "axes": False, "bars": False}


def make_face(model: FaceModel, distance_mm: float, x_mm: float = 0.0, id: int = 1) -> FaceState:
    pose = Pose(euler_to_matrix(0.1, 0.4, 0.05), np.array([x_mm, 0.0, distance_mm]))
    eta, extras, alpha = (np.zeros(n, np.float32) for n in (model.n_expression, model.n_extras, model.n_shape))
    raw = FaceCoeffs(pose, eta, extras, 1.0, 1.0, alpha)
    state = IdentityState(alpha, True, 60)
    camera = Camera.from_fov(WIDTH, HEIGHT)
    return FaceState(id, "tracked", 0.97, pose, eta, extras, alpha, raw, state, model, camera, model.neutral(alpha))


def with_opencv(image: Image, face: FaceState, topology: Topology) -> Image:
    """The painter's algorithm: the triangles that face the camera, farthest first, one colour each, no blending."""
    picture = image.copy()
    mesh = place(face, topology, face.camera, WIDTH, HEIGHT)
    corners = mesh.xy[topology.triangles]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    front = np.flatnonzero(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0)
    order = front[np.argsort(mesh.inverse_z[topology.triangles[front]].mean(axis=1))]
    colours = mesh.colour[topology.triangles[order]].mean(axis=1)
    for points, colour in zip(np.rint(corners[order]).astype(np.int32), colours.tolist(), strict=True):
        cv2.fillConvexPoly(picture, points, colour)
    return picture


def interleaved(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each job, in turns, so that a busy machine is busy for all of them."""
    for job in jobs.values():
        job()
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            taken[name].append((time.perf_counter() - start) * 1000)
    return taken


def jobs_for(model: FaceModel, image: Image) -> dict[str, Callable[[], object]]:
    renderers = {mode: SoftwareRenderer(OverlayStyle(mode=mode, **BARE)) for mode in MODES}
    full = SoftwareRenderer(OverlayStyle())
    labels = SoftwareRenderer(OverlayStyle(mode="off"))
    topology = Topology.of(model, whole_head=True)
    jobs: dict[str, Callable[[], object]] = {}
    for where, distance in DISTANCES_MM.items():
        face = make_face(model, distance)
        result = FrameResult(Frame(0, 0, image), (face,))
        for mode in MODES[:-1]:
            jobs[f"{mode}, {where}"] = lambda r=renderers[mode], x=result: r.draw(image, x)  # type: ignore[misc]
        jobs[f"everything, {where}"] = lambda x=result: full.draw(image, x)  # type: ignore[misc]
        jobs[f"labels only, {where}"] = lambda x=result: labels.draw(image, x)  # type: ignore[misc]
        jobs[f"cv2 triangles, {where}"] = lambda f=face: with_opencv(image, f, topology)  # type: ignore[misc]
    four = FrameResult(
        Frame(0, 0, image), tuple(make_face(model, 900, x, i) for i, x in enumerate((-330, -110, 110, 330)))
    )
    jobs["wire, four faces"] = lambda: renderers["wire"].draw(image, four)
    xy = (model.mean[:, :2] / 210 + 0.5) * 128
    jobs["rasterize 128 x 128"] = lambda: rasterize(xy, model.mean[:, 2] + 600, model.triangles, 128, 128)
    return jobs


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    cv2.setNumThreads(1)
    model = FaceModel.load(ROOT / "models" / "face_model.npz")
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    taken = interleaved(jobs_for(model, image), 5 if quick else 60)
    rows = {name: {"median_ms": float(np.median(ms)), "best_ms": float(np.min(ms))} for name, ms in taken.items()}
    for name, row in rows.items():
        reference = rows.get(f"cv2 triangles, {name.rpartition(', ')[2]}")
        if reference is not None:
            row["of_cv2"] = row["best_ms"] / reference["best_ms"]
        ratio = f"  {row['of_cv2']:4.2f} of cv2's best" if "of_cv2" in row else ""
        print(f"{name:24} median {row['median_ms']:6.2f} ms  best {row['best_ms']:6.2f} ms{ratio}")
    if not quick:
        write(rows, model)


def write(rows: dict[str, dict[str, float]], model: FaceModel) -> None:
    workload = (
        f"{WIDTH} x {HEIGHT} picture of noise, {len(model.mean)} vertices, {len(model.triangles)} triangles; yaw 23 "
        f"degrees; far, middle, near: {', '.join(f'{d:.0f} mm' for d in DISTANCES_MM.values())}; one thread; the copy "
        "of the picture is included; cv2 fills all triangles that face the camera, sorted by depth, unblended"
    )
    machine = {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "opencv": cv2.__version__,
    }
    out = ROOT / "benchmarks" / "results" / "render.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(
        json.dumps({"commit": commit(), "machine": machine, "workload": workload, "results": rows}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
