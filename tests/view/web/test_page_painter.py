"""What the page draws without a GPU, by the processor: the wire in the picture, and the head of clay."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.helpers.browser import Tab
from tests.helpers.page_server import Served

# Where the picture differs from the one without the wire, as a box in pixels of the frame; and the face's own box.
WIRE = """async () => {
  const {overlay, faces} = realtime3d;
  const whole = ({size: [width, height], faces: [face]}) =>
    face?.status === "tracked" && Math.min(...face.box) > 0 && face.box[2] < width && face.box[3] < height;
  while (!faces.frame || !whole(faces.frame)) await new Promise(requestAnimationFrame);
  const look = canvas => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, canvas.width, canvas.height);
  };
  overlay.draw(faces.frame, null);
  const {data, width} = look(document.getElementById("picture")), plain = look(overlay.plain).data;
  let [left, top, right, bottom, marked, opaque] = [1e9, 1e9, -1, -1, 0, 0];
  for (let k = 0; k < data.length; k += 4) {
    opaque += data[k + 3] === 255;
    if ([0, 1, 2, 3].reduce((sum, c) => sum + Math.abs(data[k + c] - plain[k + c]), 0) < 24) continue;
    const [x, y] = [k / 4 % width, Math.floor(k / 4 / width)];
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
    marked++;
  }
  return {wire: [left, top, right, bottom], marked, opaque: 4 * opaque / data.length, box: faces.frame.faces[0].box};
}"""
CLAY = """() => {
  const {turntable, faces} = realtime3d, mesh = document.getElementById("mesh");
  turntable.draw(faces.frame);
  const copy = new OffscreenCanvas(mesh.width, mesh.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(mesh, 0, 0);
  const {data} = copy.getImageData(0, 0, mesh.width, mesh.height), sum = [0, 0, 0];
  let seen = 0;
  for (let k = 0; k < data.length; k += 4) if (data[k + 3] === 255) {
    seen++;
    sum.forEach((_, c) => sum[c] += data[k + c]);
  }
  return {share: 4 * seen / data.length, colour: sum.map(value => value / seen)};
}"""

WITHOUT_WEBGL = """(() => {
  const {getContext} = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    return kind.startsWith("webgl") ? null : getContext.call(this, kind, ...more);
  };
})();"""


def lies_on_the_face(found: dict[str, Any]) -> None:
    wire, box = np.array(found["wire"]), np.array(found["box"])
    wide = box[2] - box[0]
    assert abs((wire[0] + wire[2]) / 2 - (box[0] + box[2]) / 2) < 0.12 * wide
    assert abs(wire[3] - box[3]) < 0.15 * wide  # the chin
    assert 0.75 * wide < wire[2] - wire[0] < 1.3 * wide
    area = (wire[2] - wire[0]) * (wire[3] - wire[1])
    assert 0.1 < found["marked"] / area < 0.9  # lines, not a surface


def test_the_wire_lies_on_the_face_in_the_picture(tab: Tab) -> None:
    found = tab.page.evaluate(WIRE)
    lies_on_the_face(found)
    assert found["opaque"] == 1
    tab.page.select_option("#mode", "off")
    assert tab.page.evaluate(WIRE)["marked"] == 0
    tab.page.select_option("#mode", "wire")
    assert tab.errors == []


def test_a_bare_page_has_the_wire_alone(page_server: Served, chromium: Any) -> None:
    context = chromium.new_context()
    tab = Tab(context.new_page()).open(f"{page_server.page}?overlay")
    found = tab.page.evaluate(WIRE)
    lies_on_the_face(found)
    assert found["opaque"] < 0.01  # all else is seen through it
    assert tab.page.locator("#picture").is_visible()
    assert tab.errors == []
    context.close()


def test_a_browser_without_webgl_has_wire_and_clay_and_says_what_it_lacks(page_server: Served, chromium: Any) -> None:
    context = chromium.new_context()
    context.add_init_script(WITHOUT_WEBGL)
    tab = Tab(context.new_page()).open(page_server.page)
    lies_on_the_face(tab.page.evaluate(WIRE))
    clay = tab.page.evaluate(CLAY)
    assert 0.1 < clay["share"] < 0.8
    red, green, blue = clay["colour"]
    assert 255 > red > green > blue > 60  # clay, lit
    assert tab.ask("document.getElementById('error').hidden") and tab.errors == []
    tab.page.select_option("#mode", "shaded")
    tab.until("!document.getElementById('error').hidden")
    assert "WebGL" in tab.ask("document.getElementById('error').textContent")
    context.close()


def test_the_picture_comes_onto_the_clay_and_goes_again(tab: Tab) -> None:
    """By WebGL, whose canvas is not on the page, and by the processor in turn."""
    clay = tab.page.evaluate(CLAY)["colour"]
    tab.page.keyboard.press("p")
    tab.until("realtime3d.turntable.textured")
    skin = tab.page.evaluate(CLAY)
    assert skin["share"] > 0.1 and np.abs(np.subtract(skin["colour"], clay)).max() > 10
    tab.page.keyboard.press("p")
    tab.until("!realtime3d.turntable.textured")
    assert np.abs(np.subtract(tab.page.evaluate(CLAY)["colour"], clay)).max() < 10
    assert tab.errors == []
