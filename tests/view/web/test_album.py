"""Results of `realtime3d images` on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime3d.demo import clip_path
from realtime3d.errors import UsageError
from realtime3d.jobs import Job
from realtime3d.sinks.glb import glb_bytes
from realtime3d.sinks.glb_head import Head
from realtime3d.view.web.album import Album
from tests.helpers.avatars import shipped_model
from tests.helpers.browser import Tab
from tests.helpers.faults import fault
from tests.helpers.page_server import get, served


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder as `realtime3d images` makes it, of two faces; the second has no files."""
    folder = tmp_path / "results"
    (folder / "first").mkdir(parents=True)
    table = "id,file,face,confidence,head_pitch,head_yaw,head_roll"
    rows = ["first,/photos/first.jpg,1,0.9731,1.5,-20.25,3", "../secret,/x.jpg,1,0.5,,,", "b c,/photos/b.png,1,nan,,,"]
    (folder / "faces.csv").write_text("\n".join([table, *rows, ""]))
    cv2.imwrite(str(folder / "first" / "first_overlay.jpg"), np.full((60, 80, 3), 90, np.uint8))
    model = shipped_model()
    (folder / "first" / "first.glb").write_bytes(glb_bytes(Head(model, model.mean, [0.0] * len(model.arkit_names))))
    return folder


@fault("page", "files of the folder of --images that its table does not name", "404")
def test_only_what_the_table_names_can_be_had(results: Path, tmp_path: Path, job: Job, clip: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.glb").write_bytes(b"x")
    with served(job, clip, tmp_path / "saved", need_page=False, images=results) as server:
        address = f"http://{server.address}/album"
        first, other = json.loads(get(address)[1])
        numbers = {"confidence": 0.97, "pitch": 1.5, "yaw": -20.25, "roll": 3.0}
        assert first == {"id": "first", "file": "first.jpg", **numbers, "has": ["overlay", "mesh"]}
        assert other["id"] == "b c" and other["has"] == [] and other["confidence"] is None
        assert get(f"{address}/first/overlay")[0] == 200
        for path in ("..%2fsecret/mesh", "first/facts", "b%20c/mesh", "nobody/mesh", "first/..%2f..%2fsecret"):
            assert get(f"{address}/{path}")[0] == 404, path


@fault("page", "--images with a folder that has no results", "one line")
def test_what_is_no_folder_of_results_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--images names the folder"):
        Album(tmp_path)
    (tmp_path / "faces.csv").write_text("frame,face_id\n1,2\n")
    with pytest.raises(UsageError, match="no table of faces"):
        Album(tmp_path)


def test_a_face_is_chosen_on_the_page(chromium: Any, results: Path, tmp_path: Path) -> None:
    with served(Job(""), clip_path(), tmp_path / "saved", images=results) as server:
        context = chromium.new_context()
        tab = Tab(context.new_page()).open(server.page)
        tab.until("document.querySelectorAll('#album button').length === 2")
        tab.page.get_by_role("button", name="first").click()
        tab.until("realtime3d.turntable.avatar && document.getElementById('album-picture').naturalWidth === 80")
        assert "first.jpg, 97 % sure, pitch 2°" in tab.ask("document.getElementById('album-caption').textContent")
        tab.page.get_by_role("button", name="b c").click()
        tab.until("!realtime3d.turntable.avatar && document.getElementById('album-picture').hidden")
        assert tab.errors == []
        context.close()
