"""Where tokens of other programs are kept: a file of the user's that nobody else may read. They are never shown."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from realtime3d.errors import OutputError
from realtime3d.files import write_whole
from realtime3d.outside import from_json

FOLDER_VARIABLE = "REALTIME3D_CONFIG"  # a folder in place of the system's usual one

_log = logging.getLogger(__name__)


def config_folder() -> Path:
    """The user's folder for settings of this program."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming")) / "realtime3d"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "realtime3d"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "realtime3d"


def _file() -> Path:
    return config_folder() / "tokens.json"


def _read() -> dict[str, str]:
    try:
        content = from_json(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in content.items()} if isinstance(content, dict) else {}


def load_token(target: str) -> str | None:
    """The token of a program at host:port, None where there is none."""
    return _read().get(target)


def save_token(target: str, token: str) -> None:
    """Keep a token; where that fails, the user is asked again the next time."""
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(file, json.dumps({**_read(), target: token}, indent=1).encode(), mode=0o600)
    except (OSError, OutputError) as error:
        _log.warning("the permission of %s cannot be kept (%s): it will be asked for again", target, error)
