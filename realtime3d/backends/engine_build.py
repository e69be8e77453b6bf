"""From a net's ONNX file to an engine on disk: change its precision, compare it, compile it, write it down."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from realtime3d.backends import engines, parity
from realtime3d.backends.base import NetSpec
from realtime3d.backends.onnx_forms import in_form
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.backends.tensorrt_library import Library
from realtime3d.errors import MissingError, OutputError
from realtime3d.face.model import FaceModel
from realtime3d.files import output_error

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Form:
    """A net in one precision, with how far it is from the exported file."""

    onnx: bytes
    differences: dict[str, float]


def make_form(spec: NetSpec, model: FaceModel, precision: str) -> Form:
    """The net in this precision, run and compared in ONNX Runtime; refused where it differs too much."""
    crops, backend = parity.crops(spec.size), OnnxRuntimeBackend()
    exact = backend.load(spec)  # first: it refuses a file that does not fit the list
    onnx = in_form(spec, precision, crops)
    changed = backend.load_bytes(spec, onnx)
    differences = parity.differences(parity.answers(changed, crops), parity.answers(exact, crops), model)
    exact.close()
    changed.close()
    bad = parity.beyond(differences)
    if bad:
        raise MissingError(f"{spec.name} in {precision} differs too much: {', '.join(bad)}; take a higher --precision")
    return Form(onnx, differences)


def build(
    spec: NetSpec, form: Form, precision: str, target: str, folder: Path, library: Library
) -> tuple[Path, engines.EngineInfo]:
    """Compile a form for one GPU and write engine and sidecar."""
    start = time.perf_counter()
    data = library.build(form.onnx, spec, target, engines.PROFILE)
    seconds = time.perf_counter() - start
    info = engines.EngineInfo(
        net=spec.name,
        onnx_sha256=spec.sha256,
        library=library.name,
        version=library.version,
        target=target,
        precision=precision,
        profile=engines.PROFILE,
        engine_sha256=hashlib.sha256(data).hexdigest(),
        engine_bytes=len(data),
        built=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        build_s=round(seconds, 3),
        parity={"onnxruntime": form.differences},
    )
    path = engines.engine_path(folder, spec, target, precision)
    engines.save(path, data, info)
    return path, info


def build_all(
    specs: list[NetSpec],
    model: FaceModel,
    targets: list[str],
    precision: str,
    folder: Path,
    library: Library,
    overwrite: bool,
    say: Callable[[Path, engines.EngineInfo, bool], None],
) -> None:
    """Engines of all nets for all targets; those that are there and fit stay unless `overwrite`.

    `say` is told of each: path, sidecar, and whether it was built just now. What is there and does not fit is an
    OutputError unless `overwrite`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    for spec in specs:
        form: Form | None = None
        for target in targets:
            path = engines.engine_path(folder, spec, target, precision)
            if path.exists() and not overwrite:
                say(path, _still_fits(path, spec, library, target, precision), False)
                continue
            form = form or make_form(spec, model, precision)
            say(*build(spec, form, precision, target, folder, library), True)


def _still_fits(path: Path, spec: NetSpec, library: Library, target: str, precision: str) -> engines.EngineInfo:
    try:
        return engines.load(path, spec, library.name, library.version, target, precision)[1]
    except MissingError as error:
        raise OutputError(str(error)) from error


def gpu_here() -> str | None:
    """The target of this machine's first GPU, None where there is none."""
    from realtime3d.backends import cuda

    try:
        device = cuda.Device()
    except MissingError as error:
        _log.info("no GPU here: %s", error)
        return None
    target = device.target
    device.close()
    return target
