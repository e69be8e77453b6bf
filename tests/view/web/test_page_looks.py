"""How the page looks, as coarse as that can be said of every machine: phone and desk, dark and light, every style."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from tests.helpers.browser import Tab
from tests.helpers.page_server import Served
from tests.helpers.paths import ROOT

# What sticks out of the window, or of its card, by more than a pixel; tables in .scroll may.
OUTSIDE = """() => [...document.querySelectorAll('.card')].filter(card => card.offsetParent).flatMap(card => {
  const {left, right} = card.getBoundingClientRect();
  const out = left < -1 || right > innerWidth + 1 ? [card.className] : [];
  const parts = [...card.querySelectorAll('button, select, input, canvas, h2')];
  return out.concat(parts.filter(part => {
    const box = part.getBoundingClientRect();
    const seen = box.width && part.offsetParent && !part.closest('.scroll');
    return seen && (box.left < left - 1 || box.right > right + 1);
  }).map(part => part.outerHTML.slice(0, 80)));
})"""
PLACES = """() => Object.fromEntries(['stage', 'mesh', 'people', 'plots', 'settings', 'weights'].map(name => {
  const {left, top, right, bottom} = document.querySelector(`.${name}.card`).getBoundingClientRect();
  return [name, {left, top, right, bottom}];
}))"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault_and_everything_has_its_place(
    page_server: Served, chromium: Any, scheme: str, width: int
) -> None:
    axe = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not installed: npm --prefix web ci")
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    tab = Tab(context.new_page()).open(page_server.page)
    tab.page.add_script_tag(path=axe)
    found = tab.page.evaluate("async () => (await axe.run()).violations")
    assert not {v["id"]: v["nodes"][0]["html"] for v in found if v["impact"] in ("serious", "critical")}
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.page.evaluate(OUTSIDE) == []
    places = tab.page.evaluate(PLACES)
    if width < 800:  # one below the other
        for above, below in (("stage", "mesh"), ("mesh", "people"), ("people", "plots"), ("settings", "weights")):
            assert places[above]["bottom"] <= places[below]["top"]
    else:  # picture and mesh side by side, all weights below
        assert places["stage"]["right"] <= places["mesh"]["left"]
        assert abs(places["stage"]["top"] - places["mesh"]["top"]) < 2
        assert max(place["bottom"] for name, place in places.items() if name != "weights") <= places["weights"]["top"]
    picture = cv2.imdecode(np.frombuffer(tab.page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    edge = np.median(picture[:, :6], axis=(0, 1))  # beside all cards
    assert edge.max() < 60 if scheme == "dark" else edge.min() > 200
    assert picture.std() > 20  # something is there
    context.close()


@pytest.mark.parametrize(("mode", "inside", "outside"), [("mask", 0, 204), ("texture", 255, 0), ("off", 0, 0)])
def test_styles_are_drawn_over_the_face_and_nowhere_else(tab: Tab, mode: str, inside: int, outside: int) -> None:
    alpha = tab.page.evaluate(
        """async mode => {
      const {overlay, faces} = realtime3d;
      const whole = ({size: [width, height], faces: [face]}) =>
        face?.status === "tracked" && Math.min(...face.box) > 0 && face.box[2] < width && face.box[3] < height;
      while (!faces.frame || !whole(faces.frame)) await new Promise(requestAnimationFrame);
      overlay.mode = mode;
      overlay.draw(faces.frame, null);
      const canvas = document.getElementById("overlay");
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
      copy.drawImage(canvas, 0, 0);
      const [left, top, right, bottom] = faces.frame.faces[0].box.map(v => v * canvas.width / faces.frame.size[0]);
      const at = (x, y) => copy.getImageData(x, y, 1, 1).data[3];
      return [at((left + right) / 2, (top + bottom) / 2), at(canvas.width - 2, canvas.height - 2)];
    }""",
        mode,
    )
    assert np.allclose(alpha, [inside, outside], atol=2)
    assert tab.errors == []


def test_the_mask_asks_what_lies_before_the_face_and_leaves_that_dark(tab: Tab) -> None:
    tab.page.select_option("#mode", "mask")
    found = tab.page.evaluate(
        """async () => {
      const {overlay, faces} = realtime3d;
      const first = () => faces.shapes.values().next().value;
      while (!first()?.veiled) await new Promise(requestAnimationFrame);
      const told = first().veil.array.filter((value, k) => k % 4 === 3);
      first().hide(new Uint8Array(told.length).fill(255));  // as if a hand lay before all of it
      overlay.draw(faces.frame, null);
      const canvas = document.getElementById("overlay");
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
      copy.drawImage(canvas, 0, 0);
      const alpha = copy.getImageData(0, 0, canvas.width, canvas.height).data.filter((value, k) => k % 4 === 3);
      const mean = told.reduce((sum, value) => sum + value, 0) / told.length;
      return [told.length, mean, alpha.reduce((least, value) => Math.min(least, value))];
    }"""
    )
    vertices, told, least = found
    assert vertices == tab.ask("realtime3d.faces.topology.count")
    assert told < 60  # a bare face: little of it is hidden
    assert least > 200  # dark everywhere, with no hole where the face is
    tab.page.select_option("#mode", "wire")
    tab.until("![...realtime3d.faces.shapes.values()].some(shape => shape.veiled)")
    assert tab.errors == []
