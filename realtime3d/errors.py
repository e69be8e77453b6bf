"""Every error a user can meet. Each carries the exit code of the command line and says what to do next."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType


class Realtime3dError(Exception):
    """Base of all errors that are the world's fault and not a bug; the text ends with what to do next."""

    exit_code = 1


class UsageError(Realtime3dError, ValueError):
    """Wrong arguments or configuration."""

    exit_code = 2


class MissingError(Realtime3dError):
    """A dependency, model, engine or device is missing or does not fit."""

    exit_code = 3


class SourceError(Realtime3dError):
    """A camera, video, stream or picture cannot be read."""

    exit_code = 4


class OutputError(Realtime3dError):
    """An output cannot be written or shown."""

    exit_code = 5


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a dependency, or say the exact line that installs it; `extra` is empty for what is always installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = importlib.util.find_spec(module.partition(".")[0]) is None
        reason = "is not installed" if missing else f"does not load ({error})"
        package = f"'realtime3d[{extra}]'" if extra else "--force-reinstall realtime3d"
        raise MissingError(
            f"{purpose} needs {module.partition('.')[0]}, which {reason}: pip install {package}"
        ) from error
