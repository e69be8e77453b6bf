"""Programs in other environments: asked in lines, and what they fail with is one line of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from realtime3d import guest
from realtime3d.errors import MissingError
from realtime3d.guest import Guest
from tests.helpers.face_mesh import needs_face_mesh

ECHO = """
import json, os, sys
print(json.dumps({"ready": {"proxy": os.environ["https_proxy"]}}), flush=True)
for line in sys.stdin:
    print(json.dumps({"twice": 2 * json.loads(line)["number"]}), flush=True)
"""


@pytest.fixture
def started(tmp_path: Path) -> Callable[[str], Guest]:
    def start(code: str) -> Guest:
        (tmp_path / "guest.py").write_text(code)
        return Guest("The guest", Path(sys.executable), str(tmp_path / "guest.py"), [], "it needs care")

    return start


def test_it_is_asked_and_answers_and_has_no_way_out(started: Callable[[str], Guest]) -> None:
    with closing(started(ECHO)) as echo:
        assert echo.ready == {"proxy": guest.NO_PROXY_THERE}
        assert [echo.ask({"number": n}, 10)["twice"] for n in (1, 2)] == [2, 4]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('out of luck')", r"ended without an answer \(out of luck\); it needs care"),
        ("raise SystemExit(3)", r"ended without an answer \(exit code 3\)"),
        ('print(\'{"error": "no\\\\nluck"}\')', "does not run: no luck; it needs care"),
        ("print('no JSON')", "ended without an answer"),
    ],
)
def test_what_goes_wrong_is_one_line(started: Callable[[str], Guest], code: str, said: str) -> None:
    with pytest.raises(MissingError, match=said) as caught:
        started(code)
    assert "\n" not in str(caught.value)


def test_one_that_hangs_is_ended(started: Callable[[str], Guest]) -> None:
    hangs = started("print('{\"ready\": {}}', flush=True)\nimport time\ntime.sleep(60)")
    with closing(hangs), pytest.raises(MissingError, match="ended without an answer"):
        hangs.ask({}, 0.3)


def test_a_python_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"does not start .*: it needs care"):
        Guest("The guest", tmp_path / "python", "guest.py", [], "it needs care")


def test_without_its_environment_the_face_mesh_says_what_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(guest.FACE_MESH, str(tmp_path / "mesh"))
    with pytest.raises(MissingError, match=r"3\.12: .*-m venv .*mesh' && .*pip install mediapipe==0\.10\.21"):
        guest.face_mesh_environment()


@needs_face_mesh
def test_the_face_mesh_answers(astronaut: np.ndarray) -> None:
    from realtime3d.training.model.solutions import FaceMesh, PersonMask

    with FaceMesh() as mesh:
        points = mesh.points(astronaut[..., ::-1])
        assert mesh.points(np.zeros((64, 64, 3), np.uint8)) is None
    assert points is not None and points.shape == (478, 2)
    assert np.abs(points[1] * 512 - (226, 128)).max() < 20  # the tip of the nose
    with closing(PersonMask()) as mask:
        share = mask(astronaut[..., ::-1])
    assert share.shape == (512, 512) and share[150, 220] > 0.8 > 0.2 > share[20, 20]


@pytest.fixture
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])
