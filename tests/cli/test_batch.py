"""`realtime3d batch` from the command line to the files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")

from realtime3d import cli
from realtime3d.batch.driver import Progress
from realtime3d.batch.manifest import Counts
from realtime3d.cli.progress import BatchBar, duration
from tests.helpers.cli_clip import write_clip
from tests.helpers.faults import fault
from tests.helpers.paths import ROOT


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a", "b"):
        write_clip(folder / f"{name}.mp4", 10)
    return folder


def nets(net_folder: Path) -> list[str]:
    return ["--models", str(net_folder), "--backend", "fake", "--workers", "1"]


@fault("batch", "a film that cannot be read", "set aside after three tries, the others are done, exit code 4")
def test_films_that_cannot_be_read(
    films: Path, net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (films / "broken.mp4").write_bytes(b"no film")
    out = str(tmp_path / "out")
    assert cli.main(["batch", str(films), "--out", out, *nets(net_folder)]) == 4
    said = capsys.readouterr()
    assert "2 films in" in said.out
    assert "1 film was set aside" in said.out
    assert "broken.mp4 is set aside after 3 tries" in said.err
    (films / "broken.mp4").unlink()
    assert cli.main(["batch", str(films), "--out", out, "-q", *nets(net_folder)]) == 4  # the manifest remembers it


@fault("batch", "options that cannot be, or Ray where it is not installed", "one line, exit code 2 or 3")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--workers", "0"], 2),
        (["--chunk", "0.1"], 2),
        (["--gpu-share", "2"], 2),
        (["--ray", "local"], 3),
    ],
)
def test_what_is_refused(words: list[str], code: int, films: Path, net_folder: Path, tmp_path: Path) -> None:
    if "--ray" in words:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "ray", None)
            assert cli.main(["batch", str(films), "--out", str(tmp_path / "out"), *words, "-q"]) == code
        return
    try:
        found = cli.main(["batch", str(films), "--out", str(tmp_path / "out"), *nets(net_folder)[:4], *words, "-q"])
    except SystemExit as error:
        found = int(error.code or 0)
    assert found == code


@fault("batch", "Ctrl-C", "no half film stays, exit code 130; the same command goes on")
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal")
def test_ctrl_c_and_on(films: Path, net_folder: Path, tmp_path: Path) -> None:
    for number in range(40):
        write_clip(films / f"more{number}.mp4", 60)
    command = [
        sys.executable,
        "-m",
        "realtime3d",
        "batch",
        str(films),
        "--out",
        str(tmp_path / "out"),
        *nets(net_folder),
    ]
    child = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    limit = time.monotonic() + 240
    while not list((tmp_path / "out").glob("table/*")) and time.monotonic() < limit and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=240)
    assert child.returncode == 130, err
    assert "films are left: the same command goes on" in out
    assert not list((tmp_path / "out").glob("work/*"))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "unknown time"),
        (12.3, "12 s"),
        (600, "about 10 min"),
        (7500, "about 2 h 05 min"),
        (3e5, "about 3 d 11 h"),
    ],
)
def test_forecast(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_log_gets_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime3d.cli.progress.LINE_S", 0.0)
    with BatchBar("out") as bar:
        bar(Progress(Counts(films=9, done=4, aside=1), 2, 60.0))
    assert "4 of 9 films, 1 set aside, 2 under way, about 1 min left" in capsys.readouterr().err
