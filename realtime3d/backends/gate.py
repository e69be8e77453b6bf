"""The parity gate where nets run: how far a net is from its own file in single precision, measured once and kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from realtime3d.backends import parity
from realtime3d.backends.base import Net, NetSpec
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError, OutputError
from realtime3d.face.model import FaceModel
from realtime3d.files import write_whole
from realtime3d.outside import from_json

_log = logging.getLogger(__name__)
AnyNet = TypeVar("AnyNet", bound=Net)


def measured(net: Net) -> dict[str, float]:
    """The differences of `parity`, on its committed crops."""
    if net.spec.face_model is None:
        raise MissingError(f"net {net.spec.name} has no face model to compare on: list one in its models.toml")
    exact = OnnxRuntimeBackend().load(net.spec)
    crops = parity.crops(net.spec.size)
    found, expected = parity.answers(net, crops), parity.answers(exact, crops)
    exact.close()
    return parity.differences(found, expected, FaceModel.load(net.spec.face_model))


def load_checked(spec: NetSpec, load: Callable[[], AnyNet], made_by: Mapping[str, str], file: Path) -> AnyNet:
    """The net that `load` makes, if it answers like its own file; MissingError if not.

    `file` keeps what was measured. It holds for the same ONNX file and `made_by`, the library, its version and whatever
    else may change an answer; a net that was refused is not even loaded again. A net whose answers `parity` does not
    compare is taken as it is.
    """
    made_of = {"onnx_sha256": spec.sha256, **made_by}
    kept = read(file)
    if kept is not None and kept[0] == made_of:
        _refuse_beyond(spec, kept[1])
        return load()
    net = load()
    if not parity.measures(spec.outputs):
        return net
    try:
        differences = measured(net)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, (json.dumps({**made_of, "parity": differences}, indent=1) + "\n").encode())
        except (OSError, OutputError) as error:  # a folder that may only be read: measured again next time
            _log.info("the parity of %s is not kept: %s", spec.name, error)
        _refuse_beyond(spec, differences)
    except BaseException:
        net.close()
        raise
    return net


def read(file: Path) -> tuple[dict[str, str], dict[str, float]] | None:
    """What a kept verdict was measured of, and the differences; None where there is nothing that can be read."""
    try:
        made_of = from_json(file.read_text(encoding="utf-8"))
        differences = {str(kind): float(value) for kind, value in made_of.pop("parity").items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return (made_of, differences) if differences else None


def _refuse_beyond(spec: NetSpec, differences: Mapping[str, float]) -> None:
    bad = parity.beyond(differences)
    if bad:
        raise MissingError(
            f"{spec.name} answers too differently there from what its file says ({', '.join(bad)}): "
            "take --backend onnxruntime"
        )
