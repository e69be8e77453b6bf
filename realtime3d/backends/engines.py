"""Compiled nets on disk: `NAME.sm86.fp16.engine` with a JSON sidecar that says what it was made of and for.

An engine is used only where everything fits: the ONNX file it was made of, the library and its exact version, the GPU,
and the bytes themselves. Everything else is refused with the line that builds it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from realtime3d.backends.base import NetSpec
from realtime3d.errors import MissingError, Realtime3dError
from realtime3d.files import user_cache, write_whole
from realtime3d.outside import from_json

FORMAT = 1
FOLDER_VARIABLE = "REALTIME3D_ENGINES"
PROFILE = (1, 4, 16)  # batch: smallest, the one that is tuned for, largest


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the sidecar of an engine says."""

    net: str  # "compact.track": for whom it was built first; sets that share an ONNX file share its engine
    onnx_sha256: str  # of the file in models/ it was made of
    library: str  # "tensorrt" or "tensorrt_rtx"
    version: str  # of the library, exact
    target: str  # "sm86"
    precision: str  # "fp32", "fp16" or "int8"
    profile: tuple[int, int, int]  # batch sizes: smallest, tuned for, largest
    engine_sha256: str
    engine_bytes: int
    built: str  # UTC, ISO 8601
    build_s: float
    parity: dict[str, dict[str, float]]  # "onnxruntime": this precision there, "device": the engine, once it has run


def default_folder() -> Path:
    """Where engines are written and looked for: $REALTIME3D_ENGINES, `engines/` of a checkout, or the user's cache."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").is_file() and (checkout / "engines").is_dir():
        return checkout / "engines"
    return user_cache() / "engines"


def engine_path(folder: Path, spec: NetSpec, target: str, precision: str) -> Path:
    """`folder/compact_track.sm86.fp16.engine`."""
    return folder / f"{spec.file.stem}.{target}.{precision}.engine"


def sidecar_path(engine: Path) -> Path:
    """The JSON file beside an engine."""
    return engine.with_suffix(".json")


def build_line(engine: Path, spec: NetSpec, target: str, precision: str) -> str:
    """The command that makes this engine, with the others of its set."""
    models = spec.models or str(spec.file.parent)
    words = ["realtime3d", "build", "--target", target, "--precision", precision, "--models", models]
    if engine.parent != default_folder():
        words += ["--out", str(engine.parent)]
    return shlex.join(words)


def save(engine: Path, data: bytes, info: EngineInfo) -> None:
    """Write an engine and its sidecar, each in one step; an engine that has no sidecar of its own never stays."""
    write_whole(engine, data)
    try:
        save_info(engine, info)
    except Realtime3dError:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            engine.unlink()
        raise


def save_info(engine: Path, info: EngineInfo) -> None:
    """Replace the sidecar of an engine."""
    text = json.dumps({"format": FORMAT, **asdict(info)}, indent=1)
    write_whole(sidecar_path(engine), (text + "\n").encode())


def read_info(engine: Path, again: str) -> EngineInfo:
    """The sidecar of an engine; MissingError ends with `again`, the line that builds it."""
    path = sidecar_path(engine)
    try:
        content = from_json(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError("of another version of realtime3d")
        values = {field.name: content[field.name] for field in fields(EngineInfo)}
        values["profile"] = tuple(map(int, values["profile"]))
        values["build_s"], values["engine_bytes"] = float(values["build_s"]), int(values["engine_bytes"])
        values["parity"] = {form: _differences(found) for form, found in values["parity"].items()}
        if "onnxruntime" not in values["parity"]:
            raise ValueError("without parity")
        return EngineInfo(**values)
    except FileNotFoundError as error:
        if engine.exists():  # a build that was killed before it wrote the sidecar
            raise MissingError(f"{engine} has no sidecar: run `{again} --overwrite`") from error
        raise MissingError(f"there is no engine {engine}: run `{again}`") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MissingError(f"{path} is no engine's sidecar ({error}): run `{again} --overwrite`") from error


def differences_text(differences: Mapping[str, float]) -> str:
    """One verdict of the parity gate for people: "rotation_deg 0.016, position 4.5e-05"."""
    return ", ".join(f"{kind} {value:.2g}" for kind, value in differences.items())


def _differences(found: Any) -> dict[str, float]:
    """One verdict of the parity gate as a sidecar keeps it."""
    differences = {str(kind): float(value) for kind, value in found.items()}
    if not differences:
        raise ValueError("a parity that compares nothing")
    return differences


def load(
    engine: Path, spec: NetSpec, library: str, version: str, target: str, precision: str
) -> tuple[bytes, EngineInfo]:
    """The bytes of an engine that fits in every respect, and its sidecar; else MissingError with the line to run."""
    again = build_line(engine, spec, target, precision)
    info = read_info(engine, again)
    misfits = {
        "from another ONNX file": (info.onnx_sha256, spec.sha256),
        "with the library": (info.library, library),
        "with version": (info.version, version),
        "for the GPU": (info.target, target),
        "in precision": (info.precision, precision),
        "for batches of": (info.profile, PROFILE),
    }
    for what, (found, wanted) in misfits.items():
        if found != wanted:
            raise MissingError(
                f"{engine} does not fit: made {what} {str(found)[:16]}, here it is {str(wanted)[:16]}; "
                f"run `{again} --overwrite`"
            )
    try:
        data = engine.read_bytes()
    except OSError as error:
        raise MissingError(f"{engine} cannot be read ({error.strerror}): run `{again} --overwrite`") from error
    if len(data) != info.engine_bytes or hashlib.sha256(data).hexdigest() != info.engine_sha256:
        raise MissingError(f"{engine} is not the file its sidecar describes (cut short?): run `{again} --overwrite`")
    return data, info
