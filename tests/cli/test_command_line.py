"""The frame around the commands: help, errors as one line, exit codes, nothing heavy imported for help."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable

import pytest

from realtime3d import cli, errors


def run_with(monkeypatch: pytest.MonkeyPatch, action: Callable[[argparse.Namespace], int], *argv: str) -> int:
    monkeypatch.setattr("realtime3d.cli.config.run", action)
    return cli.main(["config", *argv])


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def action(args: argparse.Namespace) -> int:
        raise error

    return action


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    assert f"usage: realtime3d {name}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, realtime3d.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = set(out.rpartition("\n\n")[2].split())
    assert "argparse" in modules
    assert not modules & {"numpy", "cv2", "mediapipe", "onnxruntime", "av", "numba", "matplotlib", "torch", "tqdm"}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from realtime3d import __version__

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"realtime3d {__version__}\n"


@pytest.mark.parametrize("argv", [["nonsense"], ["config", "--nonsense"], ["config", "-q", "-v"], ["config", "--fov"]])
def test_wrong_usage_is_one_line_and_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert err.startswith("realtime3d: ")
    assert err.count("\n") == 1


def test_an_unknown_option_points_to_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["video", "clip.mp4", "--ovrlay", "a.mp4"])
    err = capsys.readouterr().err
    assert "--ovrlay" in err
    assert "`realtime3d video --help`" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("wrong"), 2),
        (errors.MissingError("missing\nthing"), 3),
        (errors.SourceError("source"), 4),
        (errors.OutputError("output"), 5),
        (ImportError("libGL.so.1: cannot open shared object file"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, raising(error)) == code
    err = capsys.readouterr().err
    assert err.count("\n") == (0 if code == 130 else 1)
    assert "Traceback" not in err


def test_a_bug_is_1_with_the_line_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, raising(ZeroDivisionError("oh"))) == 1
    err = capsys.readouterr().err
    assert "report this line: ZeroDivisionError: oh (test_command_line.py:" in err
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_with(monkeypatch, raising(errors.SourceError("gone")), "--debug") == 4
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("realtime3d: gone\n")


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m realtime3d config | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_native_chatter_is_hushed_and_python_still_speaks() -> None:
    code = (
        "import os, sys\nfrom realtime3d.cli.console import set_up_messages\n"
        "set_up_messages(quiet=False, verbose=False, debug=False)\n"
        "os.write(2, b'chatter')\nprint('spoken', file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == "spoken\n"


def test_options_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["video", "clip.mp4", "--over"])
    assert ended.value.code == 2 and "--over" in capsys.readouterr().err
