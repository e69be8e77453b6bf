"""Every error a user can meet. Each carries the exit code of the command line and says what to do next."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

CV2_WHEEL = "opencv-contrib-python"  # MediaPipe brings it
SYSTEM_LIBRARIES = "apt-get install -y libgl1 libglib2.0-0 libegl1 libgles2"  # what wheels take from a Linux system
WHEELS = {"cv2": CV2_WHEEL}  # module -> wheel, where the names differ


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


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a dependency, or say the exact line that installs it; `extra` is empty for what is always installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = importlib.util.find_spec(module.partition(".")[0]) is None
        reason = "is not installed" if missing else f"does not load ({error})"
        line = extra_line(extra) if extra else loading_line(module, error)
        raise MissingError(f"{purpose} needs {module.partition('.')[0]}, which {reason}: {line}") from error


def install_line(module: str) -> str:
    """The command that installs a library of the default install (again), in the version that this package needs."""
    name = module.partition(".")[0]
    found = [line for line in [*_needed(), CV2_WHEEL] if re.match(f"{WHEELS.get(name, name)}(?![\\w.-])", line)]
    flags = "" if importlib.util.find_spec(name) is None else "--force-reinstall --no-deps "
    return f"pip install {flags}'{found[0].partition(';')[0].rstrip() if found else name}'"


def loading_line(module: str, error: BaseException) -> str:
    """What to do about a library of the default install that does not load."""
    return SYSTEM_LIBRARIES if ".so" in str(error) else install_line(module)


def extra_line(extra: str) -> str:
    """The command that adds an extra. It names the place this install came from, never this package's name: an index
    may have another package of it."""
    origin = _origin()
    if origin:
        return (
            f"pip install '{origin}[{extra}]'"
            if "://" not in origin
            else f"pip install 'realtime3d[{extra}] @ {origin}'"
        )
    marked = [line for line in _needed() if re.search(rf"extra == .{re.escape(extra)}.$", line)]
    wanted = [f"'{line.partition(';')[0].rstrip()}'" for line in marked if not line.startswith("realtime3d")]
    return (
        f"pip install {' '.join(wanted)}" if wanted else f"install realtime3d with its extra {extra} from where it came"
    )


def reinstall_line() -> str:
    """The command that brings this package's own files back, from the place this install came from."""
    origin = _origin()
    return (
        f"pip install --force-reinstall --no-deps '{origin}'"
        if origin
        else "install realtime3d again from where it came"
    )


def _needed() -> list[str]:
    from importlib import metadata

    try:
        return metadata.requires("realtime3d") or []
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return []


def _origin() -> str:
    """The folder, wheel or address this install came from; empty where pip did not note one."""
    import json
    from importlib import metadata

    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").is_file():
        return str(checkout)
    try:
        noted = json.loads(metadata.distribution("realtime3d").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return ""
    url = str(noted.get("url", ""))
    if url.startswith("file:"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return url2pathname(urlsplit(url).path)
    version = noted.get("vcs_info", {})
    return f"{version['vcs']}+{url}@{version['commit_id']}" if version else url
