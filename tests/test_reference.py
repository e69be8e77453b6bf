"""The API reference can be read: everything public says what it is."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import realtime3d
from tools import reference

SHOWN = [
    (module, name)
    for module, names in reference.PAGES.items()
    for name in names
    if inspect.isclass(getattr(importlib.import_module(module), name))
    or inspect.isfunction(getattr(importlib.import_module(module), name))
]


def undocumented(thing: object, name: str) -> list[str]:
    """Names of what is public and says nothing of itself."""
    found = [] if vars(thing).get("__doc__") or getattr(thing, "__doc__", None) else [name]
    if not isinstance(thing, type):
        return found
    texts = reference.field_texts(thing)
    if dataclasses.is_dataclass(thing):
        found += [f"{name}.{field.name}" for field in dataclasses.fields(thing) if field.name not in texts]
    for member, value in vars(thing).items():
        if member.startswith("_") or (dataclasses.is_dataclass(thing) and member in thing.__dataclass_fields__):
            continue
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if (callable(function) or isinstance(value, property)) and not getattr(function, "__doc__", None):
            found.append(f"{name}.{member}")
    return found


def test_the_first_page_shows_every_public_name() -> None:
    assert sorted(reference.PAGES["realtime3d"]) == sorted(realtime3d.__all__)


@pytest.mark.parametrize(("module", "name"), SHOWN, ids=lambda value: value)
def test_everything_public_says_what_it_is(module: str, name: str) -> None:
    assert undocumented(getattr(importlib.import_module(module), name), name) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a id="here"></a><a href="#here"></a><a href="b.html#there"></a>')
    (tmp_path / "b.html").write_text(
        '<a href="a.html#here"></a><a href="a.html#gone"></a><a href="c.html"></a>'
        '<script src="https://example.org/x.js"></script><a href="https://example.org"></a>'
    )
    assert reference.broken(tmp_path) == [
        "a.html links to b.html#there: b.html has no such place",
        "b.html loads https://example.org/x.js",
        "b.html links to a.html#gone: a.html has no such place",
        "b.html links to c.html, which is not there",
    ]


def test_it_builds_without_a_warning_and_without_broken_links(tmp_path: Path) -> None:
    pytest.importorskip("pdoc", reason="needs the [docs] extra")
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "tools.reference", str(tmp_path)], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "realtime3d.html").read_text(encoding="utf-8")
    assert "The face model. Opens the tracker." in page  # a docstring
    assert "(4,) float32: left, top, right, bottom" in page  # the comment behind a field
