"""Nothing is kept: not by sources that are left, not by nets when people come, not by long runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.faults import cases, fault

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

OPENINGS = {
    "a film that is closed early": ("film", "close"),
    "a film that is forgotten": ("film", "forget"),
    "a film from its middle, closed early": ("middle", "close"),
    "a film from its middle, forgotten": ("middle", "forget"),
    "pictures in a folder, closed early": ("folder", "close"),
    "pictures in a folder, forgotten": ("folder", "forget"),
    "pictures in memory, closed early": ("arrays", "close"),
    "pictures in memory, forgotten": ("arrays", "forget"),
    "a camera that is closed": ("camera", "close"),
    "a camera that is forgotten": ("camera", "forget"),
    "a stream that is closed": ("stream", "close"),
    "a stream that is forgotten": ("stream", "forget"),
    "a film on a server, closed early": ("served", "close"),
    "a film on a server, forgotten": ("served", "forget"),
}
NOTHING = "no memory, thread or file stays, without waiting for the garbage collector"


def grown(*words: object, program: str = "opening") -> tuple[float, int, int]:
    """(MB, threads, files) that a program of `tests.helpers` kept between two of its openings."""
    command = [sys.executable, "-m", f"tests.helpers.{program}", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr
    memory, threads, files = done.stdout.split()
    return float(memory), int(threads), int(files)


@pytest.mark.parametrize(("kind", "how"), cases("memory", NOTHING, OPENINGS))
def test_sources_that_are_left_keep_nothing(kind: str, how: str) -> None:
    memory, threads, files = grown(kind, how, 15, 45)
    assert (threads, files) == (0, 0) and memory < 12


CYCLES = {  # what, how often in the short form: what is cached or pooled is filled by the first half
    "a tracker": ("tracker", 20),
    "a tracker with its nets and detector": ("nets", 40),
    "a renderer": ("renderer", 40),
    "a run with every kind of file": ("files", 20),
    "all protocols for avatars": ("senders", 20),
    "the live page, with somebody who looks": ("page", 40),
}
STAYS = "hardly more memory, no thread, no file"


def kept(kind: str, first: int, last: int) -> tuple[float, int, int]:
    """(MB, threads, files) that a program of `tests.helpers.cycles` kept between two of its cycles."""
    return grown(kind, first, last, program="cycles")


BRIEFLY = {f"{what}, opened and closed": value for what, value in CYCLES.items()}


@pytest.mark.parametrize(("kind", "often"), cases("memory", STAYS, BRIEFLY))
def test_what_is_opened_and_closed_keeps_nothing(kind: str, often: int) -> None:
    """A tracker that stayed would be 8 MB each time, 160 MB over 20 of them; the allocator alone makes 3 to 23 MB."""
    memory, threads, files = kept(kind, often // 2, often)
    assert (threads, files) == (0, 0) and memory < 40


FIVE_HUNDRED = {f"500 times {what}": value for what, value in CYCLES.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "_"), cases("memory", STAYS, FIVE_HUNDRED))
def test_five_hundred_cycles_keep_nothing(kind: str, _: int) -> None:
    memory, threads, files = kept(kind, 100, 500)
    assert (threads, files) == (0, 0) and memory < 20


TWO_THOUSAND = {f"2,000 times {what}": value for what, value in OPENINGS.items() if value[0] != "stream"}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "how"), cases("memory", NOTHING, TWO_THOUSAND))
def test_two_thousand_openings_keep_nothing(kind: str, how: str) -> None:
    memory, threads, files = grown(kind, how, 1000, 2000)
    assert (threads, files) == (0, 0) and memory < 12


PEOPLE = {"people enter (OpenVINO)": "openvino", "people enter (ONNX Runtime)": "onnxruntime"}


@pytest.mark.parametrize("name", cases("memory", "hardly more memory, however many", PEOPLE))
def test_people_who_enter_cost_no_memory(name: str) -> None:
    pytest.importorskip(name)
    code = (
        "import numpy as np\nfrom realtime3d.nets import modelset\nfrom realtime3d.backends.choose import open_nets\n"
        "from tests.helpers.opening import memory_mb\n"
        f"_, nets = open_nets(modelset.find('compact').nets, {name!r}, 'auto', 2)\n"
        "def look(faces):\n"
        "    for net in nets.values():\n"
        "        for _ in range(12):\n"
        "            net.run(np.zeros((faces, net.spec.size, net.spec.size, 3), np.uint8))\n"
        "look(1)\nbefore = memory_mb()\n"
        "for faces in (2, 3, 4, 6): look(faces)\n"
        "print(memory_mb() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 30


@pytest.mark.slow
@fault("memory", "2,000 frames of one stream", "memory stays as it is")
def test_a_stream_does_not_grow() -> None:
    assert grown("frames", "", 700, 2000)[0] < 8


@pytest.mark.slow
@fault("memory", "30,000 frames in which people come and go", "under 20 MB more after the first 1,000")
def test_a_long_film_does_not_grow() -> None:
    assert grown("people", "", 1000, 30_000)[0] < 20
