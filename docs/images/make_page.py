"""page.jpg and page-phone.jpg: the live page with the bundled clip. `PYTHONPATH=. python docs/images/make_page.py`

Needs what the tests of the page need: Chromium, the [test-web] extra and the built page.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image

from realtime3d.demo import clip_path
from realtime3d.jobs import Job
from tests.helpers.browser import Tab, browser
from tests.helpers.page_server import served

HERE = Path(__file__).parent
SHOTS = {"page": (1440, 1180, "light", 1), "page-phone": (390, 844, "dark", 2)}
FRAME = 190  # of the clip: she turns and speaks


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Job(""), clip_path(), Path(folder)) as server,
        browser() as used,
    ):
        for name, (width, height, scheme, scale) in SHOTS.items():
            context = used.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=scale
            )
            tab = Tab(context.new_page()).open(server.page)
            tab.begin()
            tab.until(f"realtime3d.faces.frame?.index > {FRAME} && realtime3d.faces.frame.index < {FRAME + 60}")
            picture = Image.open(io.BytesIO(tab.page.screenshot()))
            picture.convert("RGB").save(HERE / f"{name}.jpg", quality=86)
            context.close()


if __name__ == "__main__":
    main()
