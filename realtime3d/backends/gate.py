"""The parity gate where nets run: how far a net is from its own file in single precision, and whether it is quicker,
measured once and kept."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from realtime3d.backends import parity
from realtime3d.backends.base import Net, NetSpec
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError, OutputError
from realtime3d.face.model import FaceModel
from realtime3d.files import write_whole
from realtime3d.outside import from_json

_log = logging.getLogger(__name__)
AnyNet = TypeVar("AnyNet", bound=Net)
ROUNDS, RUNS, REST_S = 4, 5, 0.02  # of each in a comparison of paces


def measured(net: Net) -> dict[str, float]:
    """The differences of `parity`, on its committed crops."""
    if net.spec.face_model is None:
        raise MissingError(f"net {net.spec.name} has no face model to compare on: list one in its models.toml")
    exact = OnnxRuntimeBackend().load(net.spec)
    crops = parity.crops(net.spec.size)
    found, expected = parity.answers(net, crops), parity.answers(exact, crops)
    exact.close()
    return parity.differences(found, expected, FaceModel.load(net.spec.face_model))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured of a net in a reduced form."""

    made_of: Mapping[str, str]  # the net, the library, the processor: what it holds for
    parity: Mapping[str, float]  # differences, as in `parity.LIMITS`
    ms: float  # for one picture
    single_ms: float  # the same in single precision, by ONNX Runtime


def load_checked(
    spec: NetSpec, load: Callable[[], AnyNet], made_by: Mapping[str, str], file: Path, threads: int
) -> tuple[AnyNet, Verdict | None]:
    """The net that `load` makes, if it answers like its own file, and what was measured of it; MissingError if not.

    `file` keeps what was measured. It holds for the same ONNX file and `made_by`, the library, its version and whatever
    else may change an answer; a net that was refused is not even loaded again. A net whose answers `parity` does not
    compare is taken as it is.
    """
    known = kept(spec, made_by, file)
    if known:
        _refuse_beyond(spec, known.parity)
        return load(), known
    net = load()
    if not parity.measures(spec.outputs):
        return net, None
    try:
        verdict = Verdict(_made_of(spec, made_by), measured(net), *_paces(net, threads))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, (json.dumps(_as_json(verdict), indent=1) + "\n").encode())
        except (OSError, OutputError) as error:  # a folder that may only be read: measured again next time
            _log.info("the parity of %s is not kept: %s", spec.name, error)
        _refuse_beyond(spec, verdict.parity)
    except BaseException:
        net.close()
        raise
    return net, verdict


def kept(spec: NetSpec, made_by: Mapping[str, str], file: Path) -> Verdict | None:
    """What an earlier run has measured of this net, the same way; None where nothing is kept."""
    verdict = read(file)
    return verdict if verdict and verdict.made_of == _made_of(spec, made_by) else None


def _made_of(spec: NetSpec, made_by: Mapping[str, str]) -> dict[str, str]:
    return {"onnx_sha256": spec.sha256, **made_by}


def _paces(net: Net, threads: int) -> tuple[float, float]:
    """Milliseconds for a picture, of the net and of its file in ONNX Runtime: the best of some rounds in turn."""
    exact, picture = OnnxRuntimeBackend(threads=threads).load(net.spec), parity.crops(net.spec.size)[:1]
    best = [math.inf, math.inf]
    try:
        for _ in range(ROUNDS):
            for which, each in enumerate((net, exact)):
                time.sleep(REST_S)  # the other's threads go to sleep
                for _ in range(RUNS):
                    each.run(picture)
                start = time.perf_counter()
                for _ in range(RUNS):
                    each.run(picture)
                best[which] = min(best[which], (time.perf_counter() - start) / RUNS * 1e3)
    finally:
        exact.close()
    return best[0], best[1]


def _as_json(verdict: Verdict) -> dict[str, Any]:
    return {**verdict.made_of, "parity": verdict.parity, "ms": verdict.ms, "single_ms": verdict.single_ms}


def read(file: Path) -> Verdict | None:
    """A verdict that was kept; None where there is nothing that can be read."""
    try:
        made_of = from_json(file.read_text(encoding="utf-8"))
        differences = {str(kind): float(value) for kind, value in made_of.pop("parity").items()}
        verdict = Verdict(made_of, differences, float(made_of.pop("ms")), float(made_of.pop("single_ms")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return verdict if differences else None


def _refuse_beyond(spec: NetSpec, differences: Mapping[str, float]) -> None:
    bad = parity.beyond(differences)
    if bad:
        raise MissingError(
            f"{spec.name} answers too differently there from what its file says ({', '.join(bad)}): "
            "take --backend onnxruntime"
        )
