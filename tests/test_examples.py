"""The examples in docstrings of public names run as they stand, with `clip` being a film."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import realtime3d as r3d
from realtime3d.demo import clip_path

FINDER = doctest.DocTestFinder(recurse=True)
EXAMPLES = [
    test
    for name in r3d.__all__
    if callable(getattr(r3d, name)) and getattr(r3d, name).__module__.startswith("realtime3d.")
    for test in FINDER.find(getattr(r3d, name), name)
    if test.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_run(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example.globs.update(r3d=r3d, clip=str(clip_path()))
    failed, tried = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert tried and not failed


def test_what_programs_compose_has_examples() -> None:
    assert {"run", "open_source", "create_renderer", "Sink", "FaceTracker.use"} <= {test.name for test in EXAMPLES}
