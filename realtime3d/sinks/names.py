"""Names of outputs, from what the user asked for and the name of the input."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from realtime3d.errors import UsageError
from realtime3d.files import make_folder, output_error, stem_for
from realtime3d.sinks.choose import OUTPUTS


def files_for(source: str, outputs: Mapping[str, str | Path], *, many: bool) -> dict[str, Path]:
    """What each output of `source` is called. Of `many` inputs, `outputs` names folders; they are made."""
    files = {}
    for kind, named in outputs.items():
        path, output = Path(named), OUTPUTS[kind]
        is_folder = _is_folder(path)
        if many and not output.folder and path.suffix == output.suffix and not is_folder:
            raise UsageError(f"--{kind} {path}: with several inputs name a folder, not a file")
        if many or (not output.folder and (is_folder or str(named).endswith(("/", os.sep)))):
            make_folder(path)
            path /= stem_for(source) + output.suffix
        if path.name in ("", ".."):  # the folder here, or that above it: its sidecar needs a name
            path = Path(os.path.abspath(path))
        files[kind] = path
    return files


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise output_error(path, error) from error
