"""The nets alone, and how far they are from what the machine's arithmetic could do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends import onnx_work, parity
from realtime3d.backends.base import Net, NetSpec
from realtime3d.backends.choose import open_nets
from realtime3d.backends.openvino_ import Bfloat16Backend, OpenVinoBackend, matrix_product
from realtime3d.bench.measure import Metric, in_turn, one, ratio
from realtime3d.bench.scenarios import Bench, Result
from realtime3d.errors import MissingError
from realtime3d.geometry import Camera
from realtime3d.nets import modelset
from realtime3d.nets.crop import crop_from_box, warp

GEMM = 768  # side of the matrices whose product gives the machine's rate


def nets(bench: Bench) -> Result:
    """Crop, PoseNet with ExprNet (one file, "track") for 1 to 8 faces, and ShapeNet; no detector, no tracking."""
    wanted = bench.config.models
    models = modelset.find(wanted.set)
    models.check()
    backend, opened = open_nets(models.nets, wanted.backend, wanted.device, wanted.threads)
    track, shape = opened["track"], opened["shape"]
    crops = parity.crops(track.spec.size)
    image = bench.frames()[0]
    camera = Camera.from_fov(image.shape[1], image.shape[0])
    crop = crop_from_box((220, 130, 420, 350), camera, track.spec.size)

    def whole_face() -> None:
        track.run(warp(image, camera, crop)[None])

    calls = {
        "crop": lambda: warp(image, camera, crop),
        "face": whole_face,
        **{f"track_{n}": _run(track, crops[:n]) for n in (1, 2, 4, 8)},
        "shape_1": _run(shape, parity.crops(shape.spec.size)[:1]),
    }
    calls["product"], said = _matrix_product(backend.name, wanted.threads)
    measured = dict(zip(calls, in_turn(list(calls.values()), bench.effort), strict=True))
    product = measured.pop("product").wall
    metrics = {f"{name}_ms": timing.wall for name, timing in measured.items()}
    metrics["face_cpu_ms"] = measured["face"].cpu
    metrics["four_over_one"] = ratio(metrics["track_4_ms"], metrics["track_1_ms"], "lower")
    metrics["four_over_one_cpu"] = ratio(measured["track_4"].cpu, measured["track_1"].cpu, "lower")
    notes = [_add_roofline(metrics, track.spec, shape.spec, product) or said] if backend.device == "cpu" else []
    for net in opened.values():
        net.close()
    workload = {"input": f"{track.spec.size}x{track.spec.size} crops", "threads": wanted.threads}
    return Result(workload, metrics, notes)


def _run(net: Net, images: NDArray[np.uint8]) -> Callable[[], object]:
    return lambda: net.run(images)


def _matrix_product(backend: str, threads: int) -> tuple[Callable[[], object], str]:
    """The quickest product of large matrices there is here in the nets' precision, and what it is."""
    precision = Bfloat16Backend.precision if backend == Bfloat16Backend.name else OpenVinoBackend.precision
    try:
        product = matrix_product(GEMM, precision, threads)
        return product, f"gemm_rate is OpenVINO's matrix product in {precision} on {threads} threads"
    except MissingError:  # it is not installed everywhere
        a = np.random.default_rng(0).normal(size=(GEMM, GEMM)).astype(np.float32)
        return lambda: a @ a, "gemm_rate is NumPy's float32 matrix product on as many threads as its BLAS takes"


def _add_roofline(metrics: dict[str, Metric], track: NetSpec, shape: NetSpec, product: Metric) -> str:
    """The nets' work, the machine's rate in a large matrix product, and the share of it that the tracking net gets.

    The answer says why nothing was added; it is empty where all was.
    """
    try:
        work, rare_work = onnx_work.gflop(track), onnx_work.gflop(shape)
    except MissingError as error:
        return f"no roofline: {error}"
    rates = tuple(2e-6 * GEMM**3 / ms for ms in product.values)
    metrics["track_work"], metrics["shape_work"] = one(work, "GFLOP"), one(rare_work, "GFLOP")
    metrics["gemm_rate"] = Metric(rates, "GFLOP/s", "neither")
    for name, faces in (("roofline_share", 1), ("roofline_share_of_4", 4)):
        took = metrics[f"track_{faces}_ms"].values
        shares = (1e5 * work * faces / ms / best for ms, best in zip(took, rates, strict=True))
        metrics[name] = Metric(tuple(shares), "%", "higher")
    return ""
