"""A run starts no other program: not by its own code, and not by that of its libraries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime3d
from realtime3d.process import when_first_used

CLIP = Path(realtime3d.__file__).parent / "demo" / "astronaut.mp4"
LET_THROUGH = {"lscpu"}  # asked by NumPy's helpers for tests, which SciPy loads where it is installed
WATCHED = """
import os, sys
def told(event, about):
    if event in ("subprocess.Popen", "os.posix_spawn", "os.system", "os.exec", "os.spawn"):
        print(os.fsdecode(about[0]))
sys.addaudithook(told)
"""
COMMAND_LINE = "from realtime3d.cli import main; sys.exit(main(sys.argv[1:]))"


def programs_of(*words: object, program: str = COMMAND_LINE) -> list[str]:
    """Names of the programs that a command line, or another program, starts."""
    done = subprocess.run([sys.executable, "-c", WATCHED + program, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line not in LET_THROUGH]


def test_a_film_starts_no_program(tmp_path: Path) -> None:
    outputs = ["--csv", tmp_path / "a.csv", "--overlay", tmp_path / "a.mp4"]
    assert programs_of("video", CLIP, "--end", "0.2", "-q", *outputs) == []


def test_the_watch_sees_programs() -> None:
    assert programs_of(program="import os, subprocess; os.system('a'); subprocess.run(['true'])") == ["a", "true"]


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Records when the module `noisy_library` is loaded; `user_library` imports it."""
    (tmp_path / "noisy_library.py").write_text("import builtins\nbuiltins.heard.append('noise')\nanswer = 42\n")
    (tmp_path / "user_library.py").write_text("import noisy_library as noisy\n")
    monkeypatch.syspath_prepend(tmp_path)
    heard: list[str] = []
    monkeypatch.setattr("builtins.heard", heard, raising=False)
    for name in ("noisy_library", "user_library"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield heard
    for name in ("noisy_library", "user_library"):
        sys.modules.pop(name, None)


def test_a_library_is_loaded_when_something_is_asked_of_it(noisy: list[str]) -> None:
    with when_first_used("noisy_library"):
        import user_library
    assert noisy == [] and "noisy_library" not in sys.modules
    assert user_library.noisy.answer == 42
    assert noisy == ["noise"]
    import noisy_library

    assert noisy_library.answer == 42 and noisy == ["noise"]


def test_a_library_that_is_asked_at_once_is_there_at_once(noisy: list[str]) -> None:
    with when_first_used("noisy_library"):
        import user_library

        assert user_library.noisy.answer == 42
    assert sys.modules["noisy_library"].answer == 42


def test_a_library_that_is_there_already_stays(noisy: list[str]) -> None:
    import noisy_library

    with when_first_used("noisy_library"):
        import user_library
    assert user_library.noisy is noisy_library is sys.modules["noisy_library"]
