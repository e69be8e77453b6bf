"""Rooms: who may use whom. A new arrow is a decision: it is written down here or it does not exist."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import realtime3d

PACKAGE = Path(realtime3d.__file__).parent
WORDS = {
    "types",
    "errors",
    "config",
    "clock",
    "files",
    "geometry",
    "raster",
    "jit",
    "process",
    "guest",
    "workers",
    "words",
    "outside",
}
MAY_USE = {  # room or file at the top -> rooms it may use beside the words
    "face": set(),
    "detect": set(),
    "sources": set(),
    "tracking": {"face"},
    "backends": {"face"},
    "nets": {"face", "backends"},
    "surface": {"face", "backends", "nets"},
    "render": {"face", "surface"},
    "sinks": {"face", "sources", "surface"},
    "avatar": {"face", "sinks"},
    "parts": {"face", "detect", "nets", "backends", "sources"},
    "loop": {"face", "tracking", "detect", "nets", "sources", "parts"},
    "stills": {"face", "detect", "nets", "sources", "parts"},
    "stream": {"face", "tracking", "parts", "loop"},
    "tracker": {"face", "detect", "nets", "backends", "sources", "parts", "stream", "stills", "surface"},
    "pipeline": {"face", "sources", "sinks", "render", "tracker"},
    "seam": {"face", "sources", "sinks", "tracker"},
    "jobs": {"face", "sources", "sinks", "avatar", "render", "tracker"},
    "running": {"face", "sources", "sinks", "avatar", "render", "tracker", "pipeline", "seam", "jobs"},
    "pictures": {"face", "sources", "sinks", "surface", "render", "tracker"},
    "replay": {"face", "sinks", "tracker"},
    "batch": {"face", "sources", "sinks", "tracking", "tracker", "jobs", "running"},
    "view": {"face", "sources", "sinks", "avatar", "surface", "render", "tracker", "pipeline", "jobs", "running"},
    "demo": {"face"},
    "importers": {"face", "nets", "backends"},
    "training": {"face", "nets", "surface", "tracking", "tracker"},
    "bench": {"face", "sources", "sinks", "render", "nets", "backends", "demo", "tracker", "pipeline"},
}
EVERYTHING = {"cli", "__init__", "__main__"}  # they may use all, and nobody may use `cli`
# Steps of training: each may use those before it.
STEPS = ("model", "labels", "samples", "learning", "eyes", "mask", "detail", "evaluation")


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(module: str) -> set[str]:
    """Modules of ours that one imports, inside functions too; what only a type checker sees does not count."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    guards = [n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    hidden = {id(node) for guard in guards for node in ast.walk(guard)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in named}
    return {name for name in found if name in MODULES and name not in ("realtime3d", module)}


def room(module: str) -> str:
    return [*module.split("."), "__init__"][1]


@pytest.mark.parametrize("module", MODULES)
def test_arrows_run_down(module: str) -> None:
    here = room(module)
    if here in EVERYTHING:
        return
    may = WORDS if here in WORDS else WORDS | MAY_USE[here] | {here}
    strangers = {name for name in imports(module) if room(name) not in may}
    assert not strangers, f"{module} uses {sorted(strangers)}; {here} may use {sorted(may - WORDS)} and the words"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("realtime3d.training.") and m.count(".") == 3])
def test_the_steps_of_training_use_the_steps_before_them(module: str) -> None:
    step = module.split(".")[2]
    later = STEPS[STEPS.index(step) + 1 :]
    assert not {n for n in imports(module) if n.startswith(tuple(f"realtime3d.training.{s}." for s in later))}


def test_no_circles() -> None:
    try:
        tuple(TopologicalSorter({module: imports(module) for module in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")
