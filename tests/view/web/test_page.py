"""The live page in a real browser, with the nets that ship and the bundled clip."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime3d.config import Config
from realtime3d.demo import clip_path
from realtime3d.jobs import Job
from realtime3d.running import run
from realtime3d.view.web.server import PAGE
from tests.helpers.browser import Tab, needed
from tests.helpers.faults import fault
from tests.helpers.page_server import Served, served

MAX_BYTES = 700_000  # compressed, of page and scripts
CLIP_FRAMES = 210
VERTICES = "(() => { const [s] = realtime3d.faces.shapes.values(); return s ? [...s.position.array] : []; })()"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What `video` writes for the clip, by frame."""
    path = tmp_path_factory.mktemp("video") / "video.csv"
    run(clip_path(), csv=path, blendshapes=True)
    return {row["frame"]: row for row in csv.DictReader(path.open())}


def test_it_loads_without_an_error_and_moves_the_mesh(tab: Tab) -> None:
    tab.until(f"{VERTICES}.length > 1000")
    first = np.array(tab.ask(VERTICES))
    assert 150 < np.ptp(first.reshape(-1, 3)[:, 1]) < 400
    tab.page.evaluate("first => window.first = first", first.tolist())
    tab.until(f"Math.max(...{VERTICES}.map((v, k) => Math.abs(v - first[k]))) > 0.5")  # mm: the face speaks
    assert tab.errors == []


def test_the_overlay_lies_on_the_face(tab: Tab) -> None:
    """Drawn by the browser, in the place that the server's box says: in a frame that shows the whole head."""
    tab.until("realtime3d.faces.frame?.faces.length")
    place = tab.page.evaluate("""async () => {
      const {overlay, faces} = realtime3d;
      const whole = ({size: [width, height], faces: [face]}) =>
        face?.status === "tracked" && Math.min(...face.box) > 0 && face.box[2] < width && face.box[3] < height;
      while (!whole(faces.frame)) await new Promise(requestAnimationFrame);
      overlay.mode = "shaded";
      overlay.draw(faces.frame, null);
      const canvas = document.getElementById("overlay");
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
      copy.drawImage(canvas, 0, 0);
      const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
      let [left, top, right, bottom] = [1e9, 1e9, -1, -1];
      for (let y = 0; y < canvas.height; y++) for (let x = 0; x < canvas.width; x++)
        if (data[4 * (y * canvas.width + x) + 3] > 128) {
          left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
        }
      const scale = faces.frame.size[0] / canvas.width;
      return {drawn: [left, top, right, bottom].map(v => v * scale), box: faces.frame.faces[0].box};
    }""")
    drawn, box = np.array(place["drawn"]), np.array(place["box"])
    wide = box[2] - box[0]
    assert abs((drawn[0] + drawn[2]) / 2 - (box[0] + box[2]) / 2) < 0.12 * wide
    assert abs(drawn[3] - box[3]) < 0.15 * wide  # the chin
    assert 0.85 * wide < drawn[2] - drawn[0] < 1.4 * wide


def test_plots_and_bars_follow(tab: Tab) -> None:
    tab.until("document.querySelectorAll('#bars li').length === 52")
    tab.until("[...document.querySelectorAll('#bars b')].some(b => parseFloat(b.style.transform.slice(7)) > 0.05)")
    tab.until("document.querySelectorAll('.u-wrap canvas').length === 3")
    tab.until("document.querySelectorAll('#legend-weights li').length === 5")
    tab.until("document.querySelector('#people td')?.textContent === '0'")
    tab.until(
        "document.querySelectorAll('#units li').length === 17 && document.querySelectorAll('#emotions li').length === 7"
    )
    tab.until("[...document.querySelectorAll('#emotions b')].some(b => parseFloat(b.style.transform.slice(7)) > 0.5)")
    assert tab.ask("document.querySelector('#units li').textContent").startswith("1 inner brow raiser")


def test_the_light_turns_round_the_mesh(tab: Tab) -> None:
    """From the right of the picture its right half is brighter than with light from the left."""
    bright = """degrees => {
      const {turntable, faces} = realtime3d, mesh = document.getElementById("mesh");
      turntable.light = degrees;
      turntable.draw(faces.frame);
      const copy = new OffscreenCanvas(mesh.width, mesh.height).getContext("2d");
      copy.drawImage(mesh, 0, 0);
      const {data, width} = copy.getImageData(0, 0, mesh.width, mesh.height);
      const sum = [0, 0];
      for (let k = 0; k < data.length; k += 4) sum[(k / 4) % width < width / 2 ? 0 : 1] += data[k];
      return (sum[1] - sum[0]) / (sum[0] + sum[1]);
    }"""
    tab.page.keyboard.press("Space")
    tab.until("realtime3d.state().run === 'paused' && realtime3d.turntable.heads.size")
    assert tab.page.evaluate(bright, 70) > tab.page.evaluate(bright, -110) + 0.1
    tab.page.keyboard.press("k")
    assert tab.ask("document.getElementById('light').value") == "30"
    tab.page.keyboard.press("Space")
    tab.until("realtime3d.state().run === 'running'")
    assert tab.errors == []


def test_the_avatar_s_jaw_follows_the_table(tab: Tab, table: dict[str, dict[str, str]]) -> None:
    tab.page.keyboard.press("a")
    tab.until("realtime3d.turntable.avatar")
    tab.begin()
    seen = tab.page.evaluate("""async () => {
      const {turntable, faces} = realtime3d, seen = new Map();
      const k = faces.topology.weights.indexOf("jawOpen");
      const [{morphTargetInfluences: moved, morphTargetDictionary: places}] = turntable.avatar.meshes;
      const jaws = () => [...seen.values()].map(values => values[0]);
      while (seen.size < 60 || Math.max(...jaws()) - Math.min(...jaws()) < 0.3) {  // the film begins again and again
        await new Promise(requestAnimationFrame);
        const {index, faces: [face]} = faces.frame;
        if (face) seen.set(index, [moved[places.jawOpen], face.weights[k]]);
      }
      return [...seen].map(([index, values]) => [index, ...values]);
    }""")
    index, influence, weight = np.array(seen).T
    assert np.abs(influence - weight).max() < 1e-6  # what is drawn is what was sent
    rows = [table.get(str(int(i) % CLIP_FRAMES)) for i in index]
    pairs = [(moved, float(row["jawOpen"])) for moved, row in zip(influence, rows, strict=True) if row]
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.95
    tab.page.keyboard.press("a")
    tab.until("!realtime3d.turntable.avatar")
    assert tab.errors == []


def test_a_recording_from_the_page_has_the_rows_of_video(tab: Tab, table: dict[str, dict[str, str]]) -> None:
    """Chosen and recorded in one breath: it begins with the film's first picture."""
    tab.ask("document.querySelector('[data-source=clip]').click() || document.getElementById('record').click()")
    tab.until("realtime3d.state().recording?.frames > 15")
    tab.page.get_by_role("button", name="End recording").click()
    tab.until("!realtime3d.state().recording && document.querySelectorAll('#files a').length >= 3")
    names = [name for name in tab.ask("realtime3d.state().saved") if name.endswith(".csv")]
    with tab.page.expect_download() as download:
        tab.page.locator("#files a", has_text=names[-1]).click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    first_round = [row for row in rows if row["frame"] in table]
    assert len(first_round) > 10 and first_round[0]["frame"] == next(iter(table))
    for row in first_round:
        wanted = table[row["frame"]]
        assert row.keys() == wanted.keys()
        near = {key: abs(float(row[key]) - float(value)) for key, value in wanted.items()}
        assert max(near.values()) < 1e-3, max(near, key=near.__getitem__)


def test_the_keyboard_does_everything(tab: Tab) -> None:
    """Words about wishes are looked for while it pauses: a run that goes on may say something else at any time."""
    press = tab.page.keyboard.press
    press("Space")
    tab.until("realtime3d.state().run === 'paused'")
    before = tab.ask("realtime3d.overlay.mode")
    press("m")
    tab.until(f"realtime3d.overlay.mode !== '{before}'")
    press("i")
    tab.until("realtime3d.state().said === 'learning identities again'")
    press("Space")
    tab.until("realtime3d.state().run === 'running'")
    press("h")
    tab.until("document.getElementById('sheet').open")
    press("Escape")
    tab.until("!document.getElementById('sheet').open")
    press("x")
    tab.until("realtime3d.state().run === 'ended'")
    press("d")
    tab.until("realtime3d.state().run === 'running'")


def test_a_wrong_film_is_said_on_the_page(tab: Tab, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no film at all" * 50)
    tab.page.locator("#file").set_input_files(film)
    tab.until("!document.getElementById('error').hidden && realtime3d.state().run === 'failed'")
    assert tab.ask("document.getElementById('error').textContent.length") > 20
    tab.page.locator("#file").set_input_files(clip_path())
    tab.until("realtime3d.state().run === 'running' && realtime3d.state().source.kind === 'upload'")
    tab.page.keyboard.press("d")
    tab.until("realtime3d.running('clip')")


def test_a_browser_camera_is_tracked(page_server: Served, chromium: Any) -> None:
    context = chromium.new_context(permissions=["camera"])
    tab = Tab(context.new_page()).open(page_server.page)
    tab.page.get_by_role("button", name="My camera").click()
    tab.until("realtime3d.running('browser')")
    tab.until("realtime3d.faces.frame?.faces.length === 1 && realtime3d.faces.frame.size[0] === 640")
    tab.page.get_by_role("button", name="Demo clip").click()
    tab.until("realtime3d.running('clip')")
    assert tab.errors == []
    context.close()


@fault("page", "the browser refuses its camera", "the page says so")
def test_a_refused_camera_is_said(page_server: Served, chromium: Any) -> None:
    context = chromium.new_context(permissions=[])
    tab = Tab(context.new_page()).open(page_server.page)
    tab.page.get_by_role("button", name="My camera").click()
    tab.until("!document.getElementById('error').hidden")
    assert "camera" in tab.ask("document.getElementById('error').textContent")
    context.close()


def test_view_and_overlay_pages(page_server: Served, chromium: Any) -> None:
    context = chromium.new_context()
    tab = Tab(context.new_page()).open(f"{page_server.page}?view")
    assert not tab.page.get_by_role("button", name="Record").is_visible()
    assert tab.page.locator("#mesh").is_visible()
    bare = Tab(context.new_page()).open(f"{page_server.page}?overlay")
    assert not bare.page.locator("#mesh").is_visible()
    assert bare.ask("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert tab.errors == bare.errors == []
    context.close()


@fault("page", "the server is stopped and started again under an open page", "the page comes back by itself")
def test_the_page_comes_back_by_itself(chromium: Any, tmp_path: Path) -> None:
    config = Config()
    context = chromium.new_context()
    with served(Job("", config=config), clip_path(), tmp_path) as first:
        port = int(first.address.rpartition(":")[2])
        tab = Tab(context.new_page()).open(first.page)
    tab.until("document.getElementById('status').dataset.run === 'away'")
    drawn = tab.ask("realtime3d.drawn()")
    with served(Job("", config=config), clip_path(), tmp_path, port=port) as second:
        assert second.address == first.address
        tab.until(f"realtime3d.link.isOpen && realtime3d.running('clip') && realtime3d.drawn() > {drawn} + 3")
    context.close()


@fault("page", "the laptop with the page slept", "the page comes back by itself")
def test_a_laptop_that_slept_comes_back(tab: Tab) -> None:
    """What looks open may be dead: the page sees by the clock that it slept, and connects anew."""
    opened = tab.ask("realtime3d.link.opened")
    tab.ask("(() => { const now = Date.now; Date.now = () => now() + 60_000; })()")
    tab.until(f"realtime3d.link.opened > {opened} && realtime3d.link.isOpen")
    drawn = tab.ask("realtime3d.drawn()")
    tab.until(f"realtime3d.drawn() > {drawn} + 3")
    assert tab.errors == []


def test_it_is_small() -> None:
    import gzip

    needed()
    assert sum(len(gzip.compress(path.read_bytes())) for path in PAGE.iterdir()) < MAX_BYTES
