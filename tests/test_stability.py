"""What is promised to stay (docs/stability.md) is there. `python -m tests.test_stability` writes the list anew."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import realtime3d
from realtime3d import cli
from realtime3d.face.model import FaceModel
from realtime3d.sinks.columns import TableOptions, table_columns
from realtime3d.sinks.more import MoreColumns
from tests.helpers.paths import FACE_MODEL
from tools.reference import PAGES

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("stable_api.txt")
FAMILY = re.compile(r"(?<=[A-Za-z])_\d+$")  # exp_0, exp_1, ...


def promised() -> Iterator[str]:
    """A line for each thing that programs and files of users hang on."""
    for module, names in PAGES.items():
        for name in names:
            yield from _of(f"{module}.{name}", getattr(importlib.import_module(module), name))
    yield from _options("realtime3d", cli.build_parser())
    more = MoreColumns(gaze=True, action_units=True, emotions=True, landmarks="ibug68")
    options = TableOptions(FaceModel.load(FACE_MODEL), blendshapes=True, raw=True, more=more)
    yield from dict.fromkeys(f"column {FAMILY.sub('_N', column)}" for column in table_columns(options))


def _of(path: str, thing: object) -> Iterator[str]:
    """Values are made with arguments by name: their fields say which."""
    is_error, is_value = isinstance(thing, type) and issubclass(thing, Exception), dataclasses.is_dataclass(thing)
    yield path + (f" exit code {thing.exit_code}" if is_error else "")  # type: ignore[attr-defined]
    if callable(thing) and not is_error and not is_value:
        yield from _arguments(path, thing)
    for field in dataclasses.fields(thing) if is_value else ():  # type: ignore[arg-type]
        yield f"{path}.{field.name}"
    for member, value in vars(thing).items() if inspect.isclass(thing) else ():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if member.startswith("_") or not (inspect.isfunction(function) or isinstance(function, property)):
            continue
        yield f"{path}.{member}"
        if inspect.isfunction(function):
            yield from _arguments(f"{path}.{member}", function)


def _arguments(path: str, thing: Callable[..., object]) -> Iterator[str]:
    """Those that may be given by place have their number."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):  # an alias of a type
        return
    for number, parameter in enumerate(p for p in parameters if p.name not in ("self", "cls")):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        place = "" if parameter.kind is parameter.KEYWORD_ONLY else f"{number}: "
        yield f"{path}({place}{parameter.name})"


def _options(words: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                if name == "training":  # promises its nets, not its steps
                    continue
                yield from _options(f"{words} {name}", inner)
        elif not isinstance(action, argparse._HelpAction):
            yield f"{words} {' '.join(action.option_strings) or action.dest.upper()}"


def test_nothing_that_was_promised_is_gone() -> None:
    gone = sorted(set(LIST.read_text(encoding="utf-8").splitlines()[1:]) - set(promised()))
    assert not gone, "docs/stability.md says how something goes away"


def test_one_version_everywhere() -> None:
    version = re.escape(realtime3d.__version__)
    for name, line in {
        "pyproject.toml": rf'^version = "{version}"$',
        "CITATION.cff": rf"^version: {version}$",
        "CHANGELOG.md": rf"^## \[{version}\]",
        "tests/stable_api.txt": rf"\A# promised by {version}:",  # python -m tests.test_stability
        "docs/how-to/install.md": rf"realtime3d-{version}-py3-none-any\.whl",
    }.items():
        assert re.search(line, (ROOT / name).read_text(encoding="utf-8"), re.M), f"{name} has another version"


if __name__ == "__main__":
    text = "\n".join([f"# promised by {realtime3d.__version__}: docs/stability.md", *promised()])
    LIST.write_text(text + "\n", encoding="utf-8")
