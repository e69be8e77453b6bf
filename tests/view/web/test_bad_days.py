"""What goes wrong around the live page's server: uploads that break off or never end, and a kill in mid-recording."""

from __future__ import annotations

import csv
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from realtime3d.jobs import Job
from tests.helpers.avatars import until
from tests.helpers.browser import built
from tests.helpers.faults import fault
from tests.helpers.io_sinks import small_disk
from tests.helpers.page_server import PATIENCE_S, Served, Talk, get, served, talk

HUGE = 2 << 30


def begin_upload(server: Served, length: int | None) -> socket.socket:
    """A connection on which the upload's head was sent."""
    host, _, port = server.address.rpartition(":")
    sock = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    sock.sendall(f"POST /upload HTTP/1.1\r\nHost: {server.address}\r\nX-Name: film.mp4\r\n{size}\r\n\r\n".encode())
    return sock


def resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@fault("page", "an upload of two gigabytes", "refused (413) before it comes")
def test_two_gigabytes_are_refused_before_they_come(server: Served) -> None:
    with begin_upload(server, HUGE) as sock:
        assert sock.recv(100).startswith(b"HTTP/1.1 413")


@fault("page", "an upload without an end", "stopped (413); neither disk nor memory fills; the run goes on")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_an_upload_without_an_end_is_stopped_and_fills_neither_disk_nor_memory(
    job: Job, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with served(job, clip, tmp_path / "saved", max_upload=2_000_000, need_page=False) as server:
        talk(server, lambda t: t.until(lambda t: len(t.frames) > 2))
        before, answer = resident_mb(), b""
        with begin_upload(server, None) as sock:
            chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
            try:
                for _ in range(300):
                    sock.sendall(chunk)
                    answer = answer or _heard(sock)
            except OSError:  # the server has closed it
                answer = answer or _heard(sock)
        assert b"413" in answer[:20] or not answer  # nothing where the connection broke before it was read
        assert resident_mb() - before < 100
        assert until(lambda: not list(tmp_path.glob("realtime3d-uploads-*/*")))
        assert get(f"http://{server.address}/healthz")[0] == 200


def _heard(sock: socket.socket) -> bytes:
    sock.setblocking(False)
    try:
        return sock.recv(1000)
    except OSError:
        return b""
    finally:
        sock.settimeout(PATIENCE_S)


@fault("page", "the browser is closed in the middle of an upload", "nothing stays on the disk; the run goes on")
def test_a_browser_that_is_closed_in_mid_upload_leaves_nothing(
    job: Job, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with served(job, clip, tmp_path / "saved", need_page=False) as server:
        with begin_upload(server, 50_000_000) as sock:
            sock.sendall(b"x" * 1_000_000)
            assert until(lambda: list(tmp_path.glob("realtime3d-uploads-*/*.mp4")))
        assert until(lambda: not list(tmp_path.glob("realtime3d-uploads-*/*")))
        heard = talk(server, lambda t: t.until(lambda t: t.frames))
        assert heard.states[-1]["source"]["kind"] == "clip"  # what ran runs on


@fault("page", "kill -9 of the server while it records", "what was recorded until then is there, in whole rows")
@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_what_was_recorded_before_a_kill_is_there(without_nets: list[str], tmp_path: Path) -> None:
    built()
    command = [sys.executable, "-m", "realtime3d", "serve", "--port", "0", "--no-open", "--save-to", str(tmp_path)]
    child = subprocess.Popen([*command, *without_nets], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(2 * PATIENCE_S, child.kill)
    watchdog.start()
    try:
        assert child.stdout is not None
        found = re.search(r"http://\S+", child.stdout.readline())
        assert found
        server = Served(tmp_path, {"page": found.group()})
        table = tmp_path / "recording-0001.csv"

        async def record(heard: Talk) -> None:
            await heard.until(lambda t: t.frames)
            await heard.wish(do="record", kinds=["csv", "jsonl"])
            await heard.until(lambda t: table.exists() and table.read_bytes().count(b"\n") > 20)

        talk(server, record)
        child.send_signal(signal.SIGKILL)
        child.wait(PATIENCE_S)
    finally:
        watchdog.cancel()
        child.kill()
        child.wait()
    rows = list(csv.reader(table.read_text().splitlines()))
    assert len(rows) > 20 and len({len(row) for row in rows[:-1]}) == 1
    assert (tmp_path / "recording-0001.jsonl").read_text().count("\n") > 10


@fault(
    "page", "the disk becomes full while a run is recorded", "the recording ends, the page says why; the run goes on"
)
def test_a_full_disk_ends_the_recording_and_not_the_run(job: Job, clip: Path, tmp_path: Path) -> None:
    async def record(heard: Talk) -> None:
        await heard.until(lambda t: t.frames)
        await heard.wish(do="record", kinds=["jsonl"])
        await heard.until(lambda t: "disk is full" in (t.states[-1]["error"] or ""))
        seen = len(heard.frames)
        await heard.until(lambda t: len(t.frames) > seen + 3)

    with small_disk(tmp_path / "disk", "64k") as disk, served(job, clip, disk, need_page=False) as server:
        heard = talk(server, record)
        assert heard.states[-1]["run"] == "running"
        assert (disk / "recording-0001.jsonl").read_bytes().endswith(b"\n")
