"""Errors carry the exit code and say what to do next."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from realtime3d import errors
from realtime3d.errors import (
    MissingError,
    OutputError,
    Realtime3dError,
    SourceError,
    UsageError,
    extra_line,
    install_line,
    reinstall_line,
    require,
)


def test_exit_codes_of_the_contract() -> None:
    codes = {kind: kind.exit_code for kind in (UsageError, MissingError, SourceError, OutputError)}
    assert codes == {UsageError: 2, MissingError: 3, SourceError: 4, OutputError: 5}
    assert issubclass(UsageError, ValueError)
    assert all(issubclass(kind, Realtime3dError) for kind in codes)


CHECKOUT = Path(errors.__file__).parents[1]


@pytest.mark.parametrize(
    ("extra", "line"), [("render", f"pip install '{CHECKOUT}[render]'"), ("", "pip install 'no_such_library'")]
)
def test_a_missing_library_comes_with_the_line_that_installs_it(extra: str, line: str) -> None:
    with pytest.raises(MissingError) as caught:
        require("no_such_library.part", extra, "drawing")
    assert str(caught.value).startswith("drawing needs no_such_library, which is not installed: pip install")
    assert str(caught.value).endswith(line)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installed package's metadata; no checkout is there."""
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "realtime3d" / "errors.py"))
    folder = tmp_path / "realtime3d-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Name: realtime3d\nVersion: 1.2\nRequires-Dist: numpy>=1.26\nRequires-Dist: pyarrow>=16; extra == 'parquet'\n"
    )
    found = importlib.metadata.PathDistribution(folder)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: found)
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: found.requires)
    return folder


@pytest.mark.parametrize(
    ("noted", "extra", "again"),
    [
        ({"url": "file:///srv/my%20face"}, "'/srv/my face[parquet]'", "'/srv/my face'"),
        (
            {"url": "file:///w/r-1.2-py3-none-any.whl"},
            "'/w/r-1.2-py3-none-any.whl[parquet]'",
            "'/w/r-1.2-py3-none-any.whl'",
        ),
        ({"url": "https://host/r.whl"}, "'realtime3d[parquet] @ https://host/r.whl'", "'https://host/r.whl'"),
        (
            {"url": "https://host/r.git", "vcs_info": {"vcs": "git", "commit_id": "a1"}},
            "'realtime3d[parquet] @ git+https://host/r.git@a1'",
            "'git+https://host/r.git@a1'",
        ),
    ],
)
def test_an_extra_comes_from_where_the_install_came_from(
    installed: Path, noted: dict[str, object], extra: str, again: str
) -> None:
    (installed / "direct_url.json").write_text(json.dumps(noted))
    assert extra_line("parquet") == f"pip install {extra}"
    assert reinstall_line() == f"pip install --force-reinstall --no-deps {again}"


def test_where_that_is_unknown_an_index_is_not_asked_for_our_name(installed: Path) -> None:
    assert extra_line("parquet") == "pip install 'pyarrow>=16'"
    assert extra_line("nothing") == "install realtime3d with its extra nothing from where it came"
    assert reinstall_line() == "install realtime3d again from where it came"


def test_a_library_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    (tmp_path / "broken_library.py").write_text("raise ImportError('libGL.so.1 is missing')")  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingError, match=r"does not load \(libGL\.so\.1 is missing\)"):
        require("broken_library", "render", "drawing")
    assert "broken_library" not in sys.modules


def test_the_line_names_the_version_that_is_needed_and_never_this_package() -> None:
    """An index may have another package of our name."""
    assert install_line("mediapipe.tasks") == "pip install --force-reinstall --no-deps 'mediapipe>=1.2'"
    assert install_line("cv2") == "pip install --force-reinstall --no-deps 'opencv-contrib-python'"
    assert install_line("av").startswith(
        ("pip install --force-reinstall --no-deps 'av<", "pip install --force-reinstall --no-deps 'av>")
    )


def test_what_is_there_is_imported() -> None:
    assert require("json", "", "nothing").dumps([]) == "[]"
