"""`realtime3d serve` as a program: what it prints, how it ends, what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from realtime3d import cli
from realtime3d.view.web import serve as serving
from realtime3d.view.web.server import bind
from tests.helpers.faults import fault
from tests.helpers.paths import ROOT


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that is built."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<title>page</title>")
    monkeypatch.setattr(serving, "PAGE", folder)
    return folder


@fault("page", "the page was not built", "one line that says how, exit code 3")
def test_without_the_page_the_line_that_makes_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "PAGE", tmp_path)
    assert cli.main(["serve", "--no-open", "--port", "0"]) == 3
    assert "npm --prefix web ci" in capsys.readouterr().err


@fault("page", "the port is taken", "one line that names --port, exit code 2")
def test_a_port_in_use_is_one_line(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sock = bind("127.0.0.1", 0)
    try:
        assert cli.main(["serve", "--no-open", "--port", str(sock.getsockname()[1])]) == 2
    finally:
        sock.close()
    assert "--port" in capsys.readouterr().err


@fault("page", "a film, port, host, token or certificate that cannot be", "one line, exit code 2 or 4")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["missing.mp4"], 4, "does not exist"),
        (["--port", "99999"], 2, "cannot listen"),
        (["--host", "203.0.113.7"], 2, "cannot listen"),
        (["--token", "short"], 2, "8 to 200"),
        (["--tls-key", "key.pem"], 2, "--tls-cert"),
        (["--tls-cert", "cert.pem"], 2, "no certificate"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    page: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert cli.main(["serve", "--no-open", *(["--port", "0"] if "--port" not in words else []), *words]) == code
    assert says in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT for another process")
def test_it_prints_its_links_answers_and_ends_with_ctrl_c(clip: Path, without_nets: list[str], tmp_path: Path) -> None:
    start = (
        "import sys, pathlib; from realtime3d import cli; from realtime3d.view.web import serve; "
        "serve.PAGE = pathlib.Path(sys.argv.pop(1)); sys.exit(cli.main(sys.argv[1:]))"
    )
    (tmp_path / "index.html").write_text("<title>page</title>")
    words = ["serve", str(clip), "--no-open", "--port", "0", "--token", "a-token-for-tests", *without_nets]
    process = subprocess.Popen(
        [sys.executable, "-c", start, str(tmp_path), *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout
    page, watch = process.stdout.readline(), process.stdout.readline()
    link = page.removeprefix("page: ").strip()
    assert link.endswith("/?token=a-token-for-tests")
    assert watch.startswith("to watch only: ") and "a-token-for-tests" not in watch
    with urllib.request.urlopen(link.partition("?")[0] + "healthz", timeout=20) as answer:
        assert json.load(answer)["status"] == "ok"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
