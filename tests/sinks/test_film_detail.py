"""A film's detail as files: maps, facts, a head that moves and folds, and what the profile keeps."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.errors import UsageError
from realtime3d.face.mesh import Y_UP
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.sinks.film_detail import FilmDetailSink
from realtime3d.sinks.png import displacement_mm
from realtime3d.surface.film_file import detail_file
from realtime3d.types import Frame, Image
from realtime3d.view.glb_file import GlbFile
from tests.helpers.faults import fault
from tests.helpers.lit_heads import groove, head_pixels, photograph
from tests.helpers.peers import khronos_report
from tests.surface.test_film import maker, raising


@cache
def film() -> tuple[tuple[FaceState, Image], ...]:
    """Brows that go up and down, and a line on the forehead with them."""
    made = []
    for i in range(9):
        amount = (i % 3) / 2
        face = raising(0.9 * amount)
        made.append((face, photograph(face, groove(head_pixels(face)[0], 0.5 * amount, 4.0), lamp=(0.1, -0.9, -0.5))))
    return tuple(made)


def written(folder: Path, profile: Path | None = None, frames: int = 9) -> dict:  # type: ignore[type-arg]
    with FilmDetailSink(folder, maker().model, profile) as sink:
        for i, (face, image) in enumerate(film()[:frames]):
            sink.write(FrameResult(Frame(i, i * 40_000_000, image), (face,)), None)
    return json.loads((folder / "detail.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("film") / "out"
    written(made, made.parent / "me.json")
    return made


def test_the_files_and_what_they_say(folder: Path) -> None:
    facts = json.loads((folder / "detail.json").read_text())
    face = facts["faces"]["1"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*face["files"], "detail.json"])
    assert face["activations"]["brows_up"]["known"]
    assert not face["activations"]["smile"]["known"]
    assert face["activations"]["brows_up"]["shown"] == pytest.approx([0, 0.9], abs=0.1)
    levels = cv2.imread(str(folder / "face_1_fold_brows_up.png"), cv2.IMREAD_UNCHANGED)
    assert levels.dtype == np.uint16
    assert displacement_mm(levels).min() < -0.05


def test_the_head_that_moves_folds_its_skin(folder: Path) -> None:
    head = GlbFile(folder / "face_1.glb")
    assert len(head.times_s) == 9
    assert head.normal_map is not None
    assert head.texture is not None
    still, raised = head.normals(0), head.normals(2)
    assert still is not None and raised is not None
    x, y, z = (head.vertices(0) - film()[0][0].pose.t * Y_UP).T  # in the head's frame, y up
    turned = np.linalg.norm(raised - still, axis=1)
    forehead = (np.abs(x) < 25) & (np.abs(y - 42) < 5) & (z > -20)
    assert forehead.sum() > 30
    assert turned[forehead].max() > 0.03
    # A finer mesh than the full head, of which only long edges at the front are halved.
    assert len(head.triangles) > 1.3 * len(maker().layout.head.triangles)


def test_the_khronos_validator_finds_nothing(folder: Path) -> None:
    issues = khronos_report(folder / "face_1.glb")["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"][:3]


def test_the_profile_keeps_it(folder: Path, tmp_path: Path) -> None:
    kept = detail_file(folder.parent / "me.json")
    profile = tmp_path / "me.json"
    detail_file(profile).write_bytes(kept.read_bytes())
    facts = written(tmp_path / "again", profile, frames=3)
    assert facts["faces"]["1"]["frames"] == 9 + 3
    detail_file(profile).write_bytes(b"nothing")
    with pytest.raises(UsageError, match="delete it"):
        FilmDetailSink(tmp_path / "other", maker().model, profile).__enter__()


@fault("detail", "a film whose face was hardly seen", "no files of folds; the reason is told")
def test_a_face_that_was_hardly_seen_is_refused_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    facts = written(tmp_path / "out", tmp_path / "me.json", frames=2)
    assert "2 frames show this face" in facts["faces"]["1"]["refused"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["detail.json"]
    assert not detail_file(tmp_path / "me.json").exists()
    assert "face 1 gets no detail" in caplog.text
