"""Errors carry the exit code and say what to do next."""

from __future__ import annotations

import sys

import pytest

from realtime3d.errors import (
    MissingError,
    OutputError,
    Realtime3dError,
    SourceError,
    UsageError,
    install_line,
    require,
)


def test_exit_codes_of_the_contract() -> None:
    codes = {kind: kind.exit_code for kind in (UsageError, MissingError, SourceError, OutputError)}
    assert codes == {UsageError: 2, MissingError: 3, SourceError: 4, OutputError: 5}
    assert issubclass(UsageError, ValueError)
    assert all(issubclass(kind, Realtime3dError) for kind in codes)


@pytest.mark.parametrize(
    ("extra", "line"), [("render", "pip install 'realtime3d[render]'"), ("", "pip install 'no_such_library'")]
)
def test_a_missing_library_comes_with_the_line_that_installs_it(extra: str, line: str) -> None:
    with pytest.raises(MissingError) as caught:
        require("no_such_library.part", extra, "drawing")
    assert str(caught.value).startswith("drawing needs no_such_library, which is not installed: pip install")
    assert str(caught.value).endswith(line)


def test_a_library_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    (tmp_path / "broken_library.py").write_text("raise ImportError('libGL.so.1 is missing')")  # type: ignore[operator]
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingError, match=r"does not load \(libGL\.so\.1 is missing\)"):
        require("broken_library", "render", "drawing")
    assert "broken_library" not in sys.modules


def test_the_line_names_the_version_that_is_needed_and_never_this_package() -> None:
    """An index may have another package of our name."""
    assert install_line("mediapipe.tasks") == "pip install --force-reinstall --no-deps 'mediapipe==0.10.21'"
    assert install_line("cv2") == "pip install --force-reinstall --no-deps 'opencv-contrib-python==4.11.0.86'"
    assert install_line("av").startswith(
        ("pip install --force-reinstall --no-deps 'av<", "pip install --force-reinstall --no-deps 'av>")
    )


def test_what_is_there_is_imported() -> None:
    assert require("json", "", "nothing").dumps([]) == "[]"
