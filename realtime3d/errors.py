"""Every error a user can meet. Each carries the exit code of the command line and says what to do next."""

from __future__ import annotations

import importlib
import importlib.util
import re
from types import ModuleType

CV2_WHEEL = "opencv-contrib-python==4.11.0.86"  # MediaPipe brings it, in the newest version that takes NumPy 1
WHEELS = {"cv2": "opencv-contrib-python"}  # module -> wheel, where the names differ


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


def first_line(error: BaseException) -> str:
    """The first line of an error of somebody else's, for a message of ours; its type where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0][:160] if text else type(error).__name__


def printable(text: str) -> str:
    """Text on one line that does nothing to a terminal: control characters and broken file names are spelled out."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a dependency, or say the exact line that installs it; `extra` is empty for what is always installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = importlib.util.find_spec(module.partition(".")[0]) is None
        reason = "is not installed" if missing else f"does not load ({error})"
        line = f"pip install 'realtime3d[{extra}]'" if extra else install_line(module)
        raise MissingError(f"{purpose} needs {module.partition('.')[0]}, which {reason}: {line}") from error


def install_line(module: str) -> str:
    """The command that installs a library of the default install (again), in the version that this package needs."""
    from importlib import metadata

    name = module.partition(".")[0]
    try:
        needed = metadata.requires("realtime3d") or []
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        needed = []
    found = [line for line in [*needed, CV2_WHEEL] if re.match(f"{WHEELS.get(name, name)}(?![\\w.-])", line)]
    flags = "" if importlib.util.find_spec(name) is None else "--force-reinstall --no-deps "
    return f"pip install {flags}'{found[0].partition(';')[0] if found else name}'"
