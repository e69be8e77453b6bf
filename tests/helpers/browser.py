"""The machine's own Chromium, driven by Playwright; tests skip where it, Playwright or the built page is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from realtime3d.view.web.server import PAGE

FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
CHATTER = ("GPU stall due to ReadPixels",)  # of the driver, when a picture is taken
LOAD_MS = 60_000


def needed() -> str:
    """The path of Chromium; skips where something is missing."""
    pytest.importorskip("playwright", reason="Playwright is not installed: pip install -e '.[test-web]'")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium here: apt-get install -y --no-install-recommends chromium")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: npm --prefix web ci && npm --prefix web run build")
    return found


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """A browser without a window."""
    path = needed()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield running
        finally:
            running.close()


class Tab:
    """A page, and what its console said."""

    def __init__(self, page: Any) -> None:
        self.page, self.errors = page, []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(LOAD_MS)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in CHATTER):
            self.errors.append(message.text)

    def open(self, url: str) -> Tab:
        self.page.goto(url)
        self.until("realtime3d.shown() > 3")
        return self

    def until(self, expression: str) -> None:
        self.page.wait_for_function(f"() => {expression}", timeout=LOAD_MS)

    def ask(self, expression: str) -> Any:
        return self.page.evaluate(f"() => {expression}")


def mjpeg(clip: Path, out: Path) -> Path:
    """A film as Chromium's fake camera reads it."""
    import av

    with av.open(str(clip)) as source, av.open(str(out), "w", format="mjpeg") as sink:
        stream = sink.add_stream("mjpeg", rate=25)
        picture = source.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuvj420p"
        for frame in source.decode(picture):
            sink.mux(stream.encode(frame.reformat(format="yuvj420p")))
        sink.mux(stream.encode())
    return out
