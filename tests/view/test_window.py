from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from realtime3d.errors import OutputError
from realtime3d.view.window import WindowSink, check_display

PICTURE = np.zeros((4, 6, 3), np.uint8)


class FakeGui:
    """OpenCV's window functions, with keys that are typed and a window that is closed by the test."""

    WINDOW_NORMAL, WINDOW_KEEPRATIO, WINDOW_GUI_NORMAL, WND_PROP_VISIBLE = 0, 0, 16, 4
    error = cv2.error

    def __init__(self) -> None:
        self.typed: list[int] = []
        self.visible = 1.0
        self.shown = 0
        self.destroyed = False

    def namedWindow(self, title: str, flags: int) -> None:
        """Always works."""

    def resizeWindow(self, title: str, width: int, height: int) -> None:
        self.size = (width, height)

    def imshow(self, title: str, image: np.ndarray) -> None:
        self.shown += 1

    def waitKey(self, delay: int) -> int:
        return self.pollKey()

    def pollKey(self) -> int:
        return self.typed.pop(0) if self.typed else -1

    def getWindowProperty(self, title: str, which: int) -> float:
        return self.visible

    def destroyWindow(self, title: str) -> None:
        self.destroyed = True


def test_keys_are_collected_in_order_and_given_once() -> None:
    gui = FakeGui()
    with WindowSink(gui=gui) as window:
        gui.typed = [ord("q"), 32, 27, ord("?")]
        window.show(PICTURE)
        assert window.keys() == ["q", "space", "escape", "?"]
        window.show(PICTURE)
        assert window.keys() == []
    assert gui.size == (6, 4)
    assert gui.destroyed


def test_closing_the_window_is_noticed_and_ends_the_showing() -> None:
    gui = FakeGui()
    with WindowSink(gui=gui) as window:
        window.show(PICTURE)
        assert not window.closed
        gui.visible = 0.0
        window.show(PICTURE)
        assert window.closed
        shown = gui.shown
        window.show(PICTURE)
        assert gui.shown == shown
    assert not gui.destroyed  # it is gone already


def test_an_opencv_without_windows_says_what_to_do() -> None:
    class Headless(FakeGui):
        def namedWindow(self, title: str, flags: int) -> None:
            raise cv2.error("The function is not implemented. Rebuild the library\nwith GTK+")

    with pytest.raises(OutputError, match="--no-window") as caught, WindowSink(gui=Headless()):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a missing display is Linux's matter")
@pytest.mark.parametrize("display", ["", ":97", "no.such.host.invalid:0", "nonsense"])
def test_no_display_says_what_to_do(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(OutputError, match="--no-window") as caught, WindowSink():
        pass
    assert caught.value.exit_code == 5


@pytest.fixture
def screen() -> Iterator[str]:
    """The display of the environment, else one that nobody sees."""
    with contextlib.suppress(OutputError):
        check_display()
        yield os.environ.get("DISPLAY", "")
        return
    if not shutil.which("Xvfb"):
        pytest.skip("no display and no Xvfb")
    reading, writing = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writing)], pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as number:
        yield f":{number.readline().strip()}"
    server.terminate()
    server.wait()


SHOW = """
import numpy as np
from realtime3d.view.window import WindowSink

with WindowSink() as window:
    for _ in range(20):
        window.show(np.full((90, 120, 3), 128, np.uint8))
    assert not window.closed
"""
FIRST = "from realtime3d.process import load_windows_first; load_windows_first()"


@pytest.mark.display
@pytest.mark.parametrize("before", ["", f"{FIRST}; import av", "import av"])
def test_a_real_window_shows_and_closes_or_says_that_it_cannot(screen: str, before: str) -> None:
    """After PyAV a window of some versions would wait for ever: both carry one file name for two libraries."""
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{SHOW}"],
        env={**os.environ, "DISPLAY": screen}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if before == "import av" and done.returncode:
        assert "no window can be opened after PyAV: call realtime3d" in done.stderr.splitlines()[-1]
    else:
        assert done.returncode == 0, done.stderr
