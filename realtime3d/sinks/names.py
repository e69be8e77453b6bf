"""Names of outputs, from what the user asked for and the name of the input."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from realtime3d.errors import UsageError
from realtime3d.files import output_error
from realtime3d.sinks.choose import OUTPUTS


def files_for(source: str, outputs: Mapping[str, str | Path], *, many: bool) -> dict[str, Path]:
    """What each output of `source` is called. Of `many` inputs, `outputs` names folders; they are made."""
    files = {}
    for kind, named in outputs.items():
        path, suffix = Path(named), OUTPUTS[kind].suffix
        is_folder = _is_folder(path)
        if many and path.suffix == suffix and not is_folder:
            raise UsageError(f"--{kind} {path}: with several inputs name a folder, not a file")
        if many or is_folder or str(named).endswith(("/", os.sep)):
            _make_folder(path)
            path /= _stem(source) + suffix
        files[kind] = path
    return files


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise output_error(path, error) from error


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def _stem(source: str) -> str:
    """A file name for what is made of `source`."""
    name = Path(source.rstrip("/").rpartition("/")[2]).stem
    return "".join(c if c not in '%*?[]<>:"|\\' else "_" for c in name) or "output"
