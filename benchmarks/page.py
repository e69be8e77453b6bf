"""How the live page keeps up: server and headless Chromium on the same machine, with software GL.

python benchmarks/page.py                       # writes benchmarks/results/page.json; two minutes and the growth
python benchmarks/page.py --growth-minutes 20   # how much memory the server takes up in that time (5)
python benchmarks/page.py --as-found            # Chromium puts its window together as it does by itself without a GPU

Needs what `pip install -e '.[test-web]'` brings, and Chromium. A machine with other work gives other figures, so the
load is written down with them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from realtime3d.bench.machine import commit, machine, software
from realtime3d.demo import clip_path

RESULT = Path(__file__).resolve().parent / "results" / "page.json"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
AS_FOUND = ["--no-sandbox", "--enable-unsafe-swiftshader"]  # only the pages' WebGL goes through software GL
RATES = (30, 60)  # frames a second at which the film is played
WATCH_S, TURN_S, TURNS, OTHERS = 20.0, 8.0, 3, 7
PATIENCE_MS = 300_000


def film(rate: int, folder: Path) -> Path:
    """The bundled clip (640x480), each picture as it is, played at another rate."""
    import av

    out = folder / f"clip{rate}.mp4"
    with av.open(str(clip_path())) as source, av.open(str(out), "w") as sink:
        stream = sink.add_stream("h264", rate=rate)
        picture = source.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        for number, frame in enumerate(source.decode(picture)):
            plain = frame.reformat(format="yuv420p")
            plain.pts, plain.time_base = number, Fraction(1, rate)
            sink.mux(stream.encode(plain))
        sink.mux(stream.encode())
    return out


@contextmanager
def server(source: Path | None) -> Iterator[tuple[str, int]]:
    """Address and process id of `realtime3d serve`."""
    command = [sys.executable, "-m", "realtime3d", "serve", "--port", "0", "--no-open"]
    child = subprocess.Popen([*command, *([str(source)] if source else [])], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        found = re.search(r"http://\S+", child.stdout.readline())
        if not found:
            raise SystemExit("the server did not start")
        yield found.group(), child.pid
    finally:
        child.terminate()
        child.wait()


def shown(tab: Any, address: str) -> None:
    """The page with a mesh that moves."""
    tab.goto(address)
    tab.wait_for_function(
        "() => window.realtime3d?.drawn() > 2 && realtime3d.faces.frame?.faces.length", timeout=PATIENCE_MS
    )


def counts(tab: Any) -> tuple[float, int, int]:
    """The time, frames tracked so far, frames drawn so far."""
    drawn, tracked = tab.evaluate("() => [realtime3d.drawn(), realtime3d.faces.frame.rates.frames]")
    return time.perf_counter(), tracked, drawn


def rates(tab: Any, seconds: float) -> dict[str, float]:
    """Frames a second that are tracked and drawn."""
    t0, tracked0, drawn0 = counts(tab)
    tab.wait_for_timeout(1000 * seconds)
    t1, tracked1, drawn1 = counts(tab)
    return {"tracked": round((tracked1 - tracked0) / (t1 - t0), 2), "drawn": round((drawn1 - drawn0) / (t1 - t0), 2)}


def one_viewer(browser: Any, folder: Path, rate: int) -> dict[str, Any]:
    with server(film(rate, folder)) as (address, _):
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        shown(tab, address)
        tab.wait_for_timeout(5000)
        found = rates(tab, WATCH_S)
        ages = sorted(tab.evaluate("() => realtime3d.ages()"))
        tab.close()
    age = {"p50": round(ages[len(ages) // 2], 1), "p95": round(ages[int(0.95 * len(ages))], 1)}
    return {**found, "picture_to_mesh_ms": age, "load": os.getloadavg()[0]}


def begin(browser: Any) -> dict[str, float]:
    """Seconds from the command to a page that shows the moving clip, in a browser that is open already."""
    tab, start = browser.new_page(), time.perf_counter()
    with server(None) as (address, _):
        listening = time.perf_counter() - start
        shown(tab, address)
        seen = time.perf_counter() - start
        tab.close()
    return {"listening_s": round(listening, 2), "moving_page_s": round(seen, 2), "load": os.getloadavg()[0]}


async def watch(address: str, until: float) -> None:
    """A viewer without a browser."""
    async with connect(address.replace("http", "ws") + "ws?view", max_size=None) as socket:
        while time.perf_counter() < until:
            await socket.recv()


def many(browser: Any, folder: Path) -> dict[str, Any]:
    """Tracking rate with one viewer and with eight, in turn; the seven are a process of their own."""
    ones, eights = [], []
    with server(film(RATES[-1], folder)) as (address, _):
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        shown(tab, address)
        for _ in range(TURNS):
            ones.append(rates(tab, TURN_S)["tracked"])
            with subprocess.Popen([sys.executable, __file__, "--watch", address, str(TURN_S + 4)]) as others:
                tab.wait_for_function(f"() => realtime3d.state().viewers === {OTHERS + 1}", timeout=PATIENCE_MS)
                eights.append(rates(tab, TURN_S)["tracked"])
                others.wait()
        tab.close()
    return {"one": ones, "eight": eights, "ratio": round(sum(eights) / sum(ones), 3), "load": os.getloadavg()[0]}


def growth(browser: Any, folder: Path, minutes: float) -> dict[str, Any]:
    """Resident memory of the server, with one viewer."""
    with server(film(RATES[0], folder)) as (address, process):
        tab = browser.new_page(viewport={"width": 640, "height": 480})
        shown(tab, address)
        tab.wait_for_timeout(min(60_000, 30_000 * minutes))
        first = resident_mb(process)
        tab.wait_for_timeout(60_000 * minutes)
        last, frames = resident_mb(process), counts(tab)[1]
        tab.close()
    memory = {"first_mb": first, "last_mb": last, "growth_mb": round(last - first, 1)}
    return {"minutes": minutes, **memory, "frames": frames, "load": os.getloadavg()[0]}


def resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--growth-minutes", type=float, default=5.0)
    parser.add_argument("--as-found", action="store_true", help="without software GL for the whole window")
    parser.add_argument("--watch", nargs=2, metavar=("ADDRESS", "SECONDS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.watch:
        asyncio.run(seven(args.watch[0], float(args.watch[1])))
        return
    from playwright.sync_api import sync_playwright

    flags = AS_FOUND if args.as_found else FLAGS
    result: dict[str, Any] = {
        "flags": flags,
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "software": software(),
    }
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=flags)
        result["begin"] = begin(browser)
        for rate in RATES:
            result[f"film_{rate}"] = one_viewer(browser, Path(folder), rate)
        result["viewers"] = many(browser, Path(folder))
        result["memory"] = growth(browser, Path(folder), args.growth_minutes)
        browser.close()
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: result[key] for key in result if key not in ("machine", "software")}, indent=1))


async def seven(address: str, seconds: float) -> None:
    until = time.perf_counter() + seconds
    await asyncio.gather(*(watch(address, until) for _ in range(OTHERS)))


if __name__ == "__main__":
    main()
