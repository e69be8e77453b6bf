"""Files of servers and object stores, through fsspec: `s3://`, `gs://`, `hdfs://`, `https://` ..."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.errors import SourceError, first_line, require
from realtime3d.sources.decode import without_password

if TYPE_CHECKING:
    from typing_extensions import Self

PIECE = 1 << 20  # bytes that are in memory at once
_PLAIN = ("http", "https")  # servers that list nothing: one address is one file
_BY_LIBAV = ("http", "https", "file")


@dataclass(frozen=True, slots=True)
class There:
    """A file of a server."""

    address: str
    bytes: int | None


def _opened(address: str) -> tuple[Any, str]:
    """The file system of an address and the path in it."""
    fsspec = require("fsspec", "remote", f"reading {address.partition('://')[0]}://")
    try:
        system, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise SourceError(
            f"{without_password(address)} cannot be read ({first_line(error)}): install what it names, or check the "
            "address"
        ) from error
    except Exception as error:  # each file system has errors of its own, and some connect at once
        raise _broken(address, error) from error
    return system, path


def listed(address: str, suffixes: Collection[str]) -> Iterator[There]:
    """The file of an address, or those with one of `suffixes` in a folder or of a pattern, in order."""
    if address.partition("://")[0] in _PLAIN:
        yield There(address, None)
        return
    system, path = _opened(address)
    try:
        if any(mark in path for mark in "*?["):
            found = system.glob(path, detail=True)
        elif system.isfile(path):
            found = {path: system.info(path)}
        else:
            found = system.find(path, detail=True)
    except Exception as error:  # each file system has errors of its own
        raise _broken(address, error) from error
    single = len(found) == 1 and path in found
    for name, facts in sorted(found.items()):
        if facts.get("type") == "file" and (single or Path(name).suffix.lower() in suffixes):
            yield There(system.unstrip_protocol(name), facts.get("size"))


@contextmanager
def fetched(address: str) -> Iterator[Path]:
    """The file of an address as one of this machine, for as long as the block lasts."""
    system, path = _opened(address)
    with tempfile.TemporaryDirectory(prefix="realtime3d-") as folder:
        file = Path(folder) / (Path(path.partition("?")[0]).name or "file")
        try:
            with system.open(path, "rb") as source, open(file, "wb") as target:
                shutil.copyfileobj(source, target, PIECE)
        except Exception as error:  # each file system has errors of its own
            raise _broken(address, error) from error
        yield file


class Fetched:
    """Films by address, for one who reads one after the other: the last file of a server is kept for the next part."""

    def __init__(self) -> None:
        self._address = ""
        self._open = ExitStack()
        self._file = Path()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._address = ""
        self._open.close()

    def __call__(self, address: str) -> str:
        """What the source is to open: files of this machine, and what libav reads by itself, as they are."""
        if "://" not in address or address.partition("://")[0] in _BY_LIBAV:
            return address
        if address != self._address:
            self.__exit__()
            self._file = self._open.enter_context(fetched(address))
            self._address = address
        return str(self._file)


def _broken(address: str, error: BaseException) -> SourceError:
    return SourceError(
        f"{without_password(address)} cannot be read ({first_line(error)}): check the address, the network and what "
        "you may read"
    )
