"""What is asked for on the page, beyond its keys: other programs, a box drawn by hand, every kind of recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from realtime3d.demo import clip_path
from realtime3d.geometry import overlap
from realtime3d.sources.choose import open_source
from tests.helpers.avatars import receiver
from tests.helpers.browser import Tab
from tests.helpers.page_server import Served

ERROR = "document.getElementById('error')"


def test_a_program_is_added_and_taken_away_again(tab: Tab) -> None:
    with receiver() as got:
        tab.page.get_by_label("Address").fill(f"udp://127.0.0.1:{got.port}")
        tab.page.get_by_role("button", name="Send", exact=True).click()
        tab.until("document.querySelector('#targets span')?.textContent.includes('frames')")
        assert json.loads(got.packets(1)[-1])["faces"]
        assert tab.page.get_by_role("button", name="Neutral face").is_visible()
        tab.page.get_by_role("button", name="Send no more to").click()
        tab.until("!document.querySelector('#targets li')")
    tab.page.get_by_label("Address").fill("vmc://")
    tab.page.get_by_role("button", name="Send", exact=True).click()
    tab.until(f"{ERROR}.textContent.includes('host and port are missing')")
    tab.page.locator("#protocol").select_option("vts://127.0.0.1:8001")
    assert tab.page.get_by_label("Address").input_value() == "vts://127.0.0.1:8001"
    assert tab.errors == []


def test_a_box_is_drawn_with_the_mouse_and_with_the_keys(tab: Tab, tmp_path: Path) -> None:
    import cv2

    with open_source(str(clip_path())) as source:
        picture = next(iter(source)).image
    cv2.imwrite(str(tmp_path / "still.png"), picture)
    runs = tab.ask("realtime3d.state().runs")
    tab.page.locator("#file").set_input_files(tmp_path / "still.png")
    tab.until(f"realtime3d.state().runs > {runs} && realtime3d.running('upload')")
    drawn = tab.ask("realtime3d.drawn()")
    tab.until(f"realtime3d.drawn() > {drawn} + 3 && realtime3d.faces.frame?.faces.length")
    box = tab.ask("realtime3d.faces.frame.faces[0].box")
    place = tab.page.locator("#figure").bounding_box()
    scale = place["width"] / picture.shape[1]
    left, top, right, bottom = (side * scale + place["xy"[k % 2]] for k, side in enumerate(box))
    tab.page.get_by_role("button", name="Box", exact=True).click()
    tab.page.mouse.move(left, top)
    tab.page.mouse.down()
    tab.page.mouse.move(right, bottom, steps=4)
    tab.page.mouse.up()
    tab.until("realtime3d.state().run === 'paused' && realtime3d.state().said.includes('in the box')")
    tab.until("realtime3d.faces.frame.faces[0].identity.frames === 1")
    boxed = tab.ask("realtime3d.faces.frame.faces[0].box")
    assert overlap(np.array([boxed]), np.array([box])).item() > 0.6
    press = tab.page.keyboard.press
    press("o")
    press("ArrowLeft")
    press("Shift+ArrowDown")
    press("Enter")  # another box, and another face in it
    tab.page.evaluate("box => window.boxed = box.join()", boxed)
    tab.until("realtime3d.faces.frame.faces[0].box.join() !== boxed")
    assert tab.ask("document.getElementById('box').hidden")
    assert tab.errors == []


def test_every_kind_of_recording_can_be_downloaded(page_server: Served, tab: Tab) -> None:
    tab.ask("[...document.querySelectorAll('[name=kind]')].forEach(box => box.checked = true)")
    known = tab.ask("realtime3d.state().saved.length")
    tab.ask("document.querySelector('[data-source=clip]').click() || document.getElementById('record').click()")
    tab.until("realtime3d.state().recording?.frames > 12")
    tab.page.get_by_role("button", name="End recording").click()
    tab.until("!realtime3d.state().recording")
    saved = tab.ask("realtime3d.state().saved")[known:]
    assert {Path(name).suffix for name in saved} == {".csv", ".jsonl", ".glb", ".mp4", ".json"}
    assert sum(name.endswith(".livelink.csv") for name in saved) == 1
    with tab.page.expect_download() as download:
        tab.page.locator("#files a", has_text=".glb").last.click()
    assert download.value.path().read_bytes()[:4] == b"glTF"
    for name in saved:
        assert (page_server.folder / name).stat().st_size > 100
