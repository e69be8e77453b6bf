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
PATIENCE_MS = 180_000  # also where much else runs on the machine


def needed() -> str:
    """The path of Chromium; skips where something is missing."""
    pytest.importorskip("playwright", reason="Playwright is not installed: pip install -e '.[test-web]'")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium here: apt-get install -y --no-install-recommends chromium")
    built()
    return found


def built() -> None:
    """Skips where the page is not built."""
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: npm --prefix web ci && npm --prefix web run build")


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
        page.set_default_timeout(PATIENCE_MS)
        page.set_default_navigation_timeout(PATIENCE_MS)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in CHATTER):
            self.errors.append(message.text)

    def open(self, url: str) -> Tab:
        """The page with a running clip; of whoever may only watch, with what runs."""
        self.page.goto(url)
        self.until("window.realtime3d?.state()")
        if self.ask("realtime3d.mayControl() && !realtime3d.running('clip')"):
            self.begin()
        self.until("realtime3d.drawn() > 3 && realtime3d.faces.frame?.faces.length")
        return self

    def begin(self, kind: str = "clip") -> None:
        """The source from its start; it runs when this returns."""
        runs = self.ask("realtime3d.state().runs")
        self.ask(f"realtime3d.link.wish({{do: 'start', kind: '{kind}'}})")
        self.until(f"realtime3d.state().runs > {runs} && realtime3d.running('{kind}')")

    def until(self, expression: str) -> None:
        """Wait until it is true in the page."""
        from playwright.sync_api import TimeoutError as TooLong

        try:
            self.page.wait_for_function(f"() => {expression}", timeout=PATIENCE_MS)
        except TooLong:
            state = self.ask("JSON.stringify(window.realtime3d?.state() ?? null)")
            raise AssertionError(f"never: {expression}; state: {state}; console: {self.errors}") from None

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
