"""The documentation does what it says: its commands and snippets are run, its tables and links are checked."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.view.keys import KEYS, VIEWER_KEYS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CLIP_FRAMES = 40
MARK = r"(?:^<!-- (?P<mark>ci|source|needs|parsed): (?P<value>.+?) -->\n)?"
FENCE = re.compile(MARK + r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block. Without a mark it is run as it stands; marks say otherwise:

    `ci`: .ci/run executes it under that name; `source`: it is a part of that file; `needs`: it runs where that module
    is installed; `parsed`: its commands are only checked by the argument parser, for the reason given.
    """

    kind: str
    text: str
    mark: str | None
    value: str

    @property
    def runs_here(self) -> bool:
        return self.kind in ("bash", "python") and self.mark in (None, "needs")


def blocks(page: Path) -> list[Block]:
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(match["kind"], match["text"], match["mark"], match["value"] or "") for match in found]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


RUNNABLE = [page for page in PAGES if any(block.runs_here for block in blocks(page))]


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages speak of."""
    from realtime3d.demo import clip_path

    folder = tmp_path_factory.mktemp("docs")
    pictures = folder / "frames"
    pictures.mkdir()
    frames = _first_frames(clip_path(), CLIP_FRAMES)
    _write(folder / "clip.mp4", frames)
    _write(folder / "other.mp4", frames[:10])
    for number, frame in enumerate(frames[:5]):
        frame.to_image().save(pictures / f"{number:05d}.png")
    frames[0].to_image().save(folder / "photo.jpg")
    return folder


def _first_frames(path: Path, count: int) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return [frame for frame, _ in zip(container.decode(video=0), range(count), strict=False)]


def _write(path: Path, frames: list[av.VideoFrame]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for frame in frames:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.asarray(frame.to_ndarray(format="bgr24")), "bgr24"))
            )
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def display() -> Iterator[str | None]:
    """A screen nobody sees, None where there is no Xvfb."""
    if not shutil.which("Xvfb"):
        yield None
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writing)], pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as number:
        yield f":{number.readline().strip()}"
    server.terminate()
    server.wait()


@pytest.mark.skipif(os.name == "nt", reason="the pages' commands are run by bash")
@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_commands_and_snippets_run(page: Path, material: Path, display: str | None, tmp_path: Path) -> None:
    shutil.copytree(material, tmp_path, dirs_exist_ok=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "realtime3d"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests" / "helpers" / "doc_command.py"}" "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "DISPLAY": display or ""}
    missing = set()
    for block in blocks(page):
        if not block.runs_here:
            continue
        if block.mark == "needs" and importlib.util.find_spec(block.value) is None:
            missing.add(block.value)
            continue
        if display is None and re.search(r"realtime3d live(?!.*--no-window)", block.text):
            pytest.skip("a command opens a window: needs Xvfb (apt-get install xvfb)")
        script = tmp_path / "snippet"
        script.write_text(block.text, encoding="utf-8")
        program = ["bash", "-eu"] if block.kind == "bash" else [sys.executable]
        done = subprocess.run(
            [*program, str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    if missing:
        pytest.skip(f"the rest ran; not installed: {', '.join(sorted(missing))}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_other_block_is_checked_elsewhere(page: Path) -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for block in blocks(page):
        if block.mark == "ci":
            assert f"readme {block.value}" in script, f"{block.text} is not executed by .ci/run"
        if block.mark == "source":
            source = (ROOT / block.value).read_text(encoding="utf-8")
            assert textwrap.indent(block.text, "    ") in source, f"{block.value} reads otherwise"
        if block.mark == "parsed":
            for words in commands_of(block):
                cli.build_parser().parse_args(words)


def commands_of(block: Block) -> list[list[str]]:
    lines = block.text.replace("\\\n", " ").splitlines() if block.kind == "bash" else []
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("realtime3d ")]


def commands_in(page: Path) -> list[list[str]]:
    return [words for block in blocks(page) for words in commands_of(block)]


def options_of(command: str) -> set[str]:
    parser = cli.build_parser()
    (commands,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    actions = commands.choices[command]._actions
    return {option for action in actions for option in action.option_strings if option.startswith("--")}


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_is_in_the_readme_and_run_by_a_page(command: str) -> None:
    assert f"realtime3d {command}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(words and words[0] == command for page in PAGES for words in commands_in(page))


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_option_is_documented(command: str) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = {option for option in options_of(command) if option not in text}
    assert not missing


def test_the_keys_are_those_of_the_window() -> None:
    text = (ROOT / "docs" / "how-to" / "live.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\w+) \| (.+) \|$", text, re.M)
    assert [row for row in table if row[0] != "key"] == [(key, meaning) for key, _, meaning in KEYS]


def test_the_keys_of_the_3d_window_are_told() -> None:
    text = (ROOT / "docs" / "how-to" / "view.md").read_text(encoding="utf-8")
    assert set(VIEWER_KEYS) <= set(re.findall(r"^\| ([\w, ]+) \| (.+) \|$", text, re.M))


LINKED = sorted({*PAGES, *ROOT.glob("*.md"), *(ROOT / "models").glob("*.md"), *(ROOT / "examples").glob("*.md")})


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    missing = []
    for target, place in re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", text):
        file = page.parent / target if target else page
        if not file.exists() or (place and file.suffix == ".md" and place not in places(file)):
            missing.append(f"{target}#{place}")
    assert not missing


def places(page: Path) -> set[str]:
    """What links can name on a page: its headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in re.findall(r"^#+ (.+)$", text, re.M))
    return {heading.replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
