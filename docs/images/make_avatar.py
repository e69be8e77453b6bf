"""avatar.jpg: our head as VRM, on the live page, moved by the clip. `PYTHONPATH=. python docs/images/make_avatar.py`

Needs what the tests of the page need: Chromium, the [test-web] extra and the built page.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from urllib.request import urlopen

from PIL import Image

from realtime3d.demo import clip_path
from realtime3d.jobs import Job
from tests.helpers.browser import Tab, browser
from tests.helpers.page_server import served

HERE = Path(__file__).parent
FRAMES = (40, 95, 150, 190)  # of the clip: she turns, smiles and speaks
SIDE = 300  # px


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Job(""), clip_path(), Path(folder)) as server,
        browser() as used,
    ):
        context = used.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
        tab = Tab(context.new_page()).open(server.page)
        tab.page.locator("#file").set_input_files(
            files={
                "name": "head.vrm",
                "mimeType": "model/gltf-binary",
                "buffer": urlopen(f"http://{server.address}/head.vrm").read(),
            }
        )
        tab.until("realtime3d.turntable.avatar")
        tab.begin()
        sheet = Image.new("RGB", (SIDE * len(FRAMES), 2 * SIDE), "white")
        for column, frame in enumerate(FRAMES):
            tab.until(f"realtime3d.faces.frame?.index >= {frame}")
            tab.ask("realtime3d.link.wish({do: 'pause', on: true})")
            tab.until("realtime3d.state().run === 'paused'")
            tab.page.wait_for_timeout(1000)  # what is on its way is drawn
            for row, part in enumerate(("#figure", "#mesh")):
                picture = Image.open(io.BytesIO(tab.page.locator(part).screenshot())).convert("RGB")
                side = min(picture.size)
                left, top = (picture.width - side) // 2, (picture.height - side) // 2
                square = picture.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.LANCZOS)
                sheet.paste(square, (column * SIDE, row * SIDE))
            tab.ask("realtime3d.link.wish({do: 'pause', on: false})")
        sheet.save(HERE / "avatar.jpg", quality=86)


if __name__ == "__main__":
    main()
