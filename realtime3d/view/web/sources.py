"""Where the page's pictures come from. A page names cameras and addresses, never files of the server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from realtime3d.errors import OutputError, SourceError
from realtime3d.sources.base import Source, SourceOptions, SourceSpec
from realtime3d.sources.choose import open_source
from realtime3d.sources.paced import Paced
from realtime3d.sources.pushed import PushedSource

PICTURE_FPS = 5.0  # a single picture is looked at so often, so that settings show what they do
BROWSER = "the browser's camera"


class Sources:
    """Opens what the page names. Uploads lie in a folder of its own that is deleted at the end."""

    def __init__(self, clip: Path, given: SourceSpec | None = None, options: SourceOptions | None = None) -> None:
        """`given` is what the person who started the server named; that may be a file."""
        self._clip, self._given, self._options = clip, given, options or SourceOptions()
        self._folder = Path(tempfile.mkdtemp(prefix="realtime3d-uploads-"))
        self._upload: Path | None = None
        self._open: Source | None = None
        self.pushed: PushedSource | None = None

    @property
    def has_given(self) -> bool:
        return self._given is not None

    def open(self, kind: str, name: str) -> Source:
        """An open source; the caller closes it."""
        self.pushed = None
        if kind == "browser":
            self._open = self.pushed = PushedSource(BROWSER, self._options)
            self.pushed.open()
        elif kind == "clip":
            self._open = played(self._clip, self._options)
        elif kind == "upload":
            if self._upload is None:
                raise SourceError("no file was uploaded: choose one, or drop it onto the page")
            self._open = played(self._upload, self._options)
        elif kind == "given" and self._given is not None:
            self._open = opened(self._given, self._options)
        elif kind in ("camera", "stream"):
            self._open = open_source(name, self._options)
        else:
            raise SourceError("the server was started without a source: choose another")
        return self._open

    def new_upload(self, name: str) -> Path:
        """Where an upload is written; its suffix says what it is, the rest of its name says nothing."""
        suffix = "".join(c for c in Path(name).suffix.lower() if c.isalnum())[:8]
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=f".{suffix or 'bin'}", delete=False) as file:
            return Path(file.name)

    def take_upload(self, path: Path) -> None:
        """From now on this is what was uploaded; the one before is deleted."""
        before, self._upload = self._upload, path
        if before is not None:
            before.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError as error:
            raise OutputError(f"{self._folder} is gone ({error.strerror}): start the server again") from error

    def stop(self) -> None:
        """End what is open, from any thread."""
        source = self._open
        if source is not None:
            source.close()

    def close(self) -> None:
        """Delete all uploads."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def opened(spec: SourceSpec, options: SourceOptions) -> Source:
    """A live source as it is, a file at its own pace."""
    source = open_source(spec, options)
    if source.info.live:
        return source
    source.close()
    return played(spec, options)


def played(spec: SourceSpec, options: SourceOptions) -> Paced:
    """A film in its own time, a picture a few times a second, both again and again."""
    from realtime3d.sources.pictures import names_pictures

    slow = isinstance(spec, (str, Path)) and Path(spec).is_file() and names_pictures(str(spec))
    if slow:
        options = SourceOptions(fps=PICTURE_FPS)
    return Paced(lambda: open_source(spec, options))
