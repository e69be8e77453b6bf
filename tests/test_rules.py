"""Rules that keep the package light: heavy libraries have one home each, and importing loads none of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import realtime3d

PACKAGE = Path(realtime3d.__file__).parent
HOMES = {  # library -> where it may be imported
    "torch": ("backends", "training", "importers"),
    "onnxruntime": ("backends",),
    "tensorrt": ("backends",),
    "tensorrt_rtx": ("backends",),
    "tensorrt_rtx_bindings": ("backends",),
    "mediapipe": ("detect",),
    "pyrender": ("render",),
    "OpenGL": ("render",),
    "av": ("sources", "sinks", "training"),
    "pyarrow": ("sinks",),
    "ray": ("batch",),
    "fsspec": ("sources",),
    "open3d": ("view",),
    "onnx": ("training", "backends", "importers"),
    "h5py": ("importers",),
    "matplotlib": ("demo", "training", "bench"),
}
GUESTS = (  # run in other environments, with their libraries
    PACKAGE / "bench" / "peers" / "worker.py",
    PACKAGE / "training" / "model" / "solutions_worker.py",
)
HEAVY = [
    *("torch", "cv2", "mediapipe", "onnxruntime", "numba", "av", "matplotlib", "pyarrow", "scipy", "tensorrt", "h5py"),
    *("ray", "fsspec"),
]
MODULES = sorted(set(PACKAGE.rglob("*.py")) - set(GUESTS))


def imported(path: Path) -> set[str]:
    """Names of the libraries a module imports, at the top or inside functions, or through `require`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("require", "import_module"):
            found |= {
                arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            }
    return {name.partition(".")[0] for name in found}


@pytest.mark.parametrize("path", MODULES, ids=[str(p.relative_to(PACKAGE)) for p in MODULES])
def test_heavy_libraries_stay_in_their_homes(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    strangers = {name for name in imported(path) if name in HOMES and room not in HOMES[name]}
    assert not strangers, f"{path.name} imports {strangers}; their homes are {[HOMES[name] for name in strangers]}"


def test_what_runs_in_other_environments_imports_nothing_of_ours() -> None:
    for guest in GUESTS:
        assert "numpy" in imported(guest)
        assert "realtime3d" not in imported(guest)


def test_the_rule_sees_every_way_to_import(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text("import a.b\nfrom c import d\ndef f():\n    import e\n    require('g.h', 'x', 'y')\n")
    assert imported(file) == {"a", "c", "e", "g"}


def loaded_by(code: str) -> list[str]:
    probe = f"import sys; {code}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "code",
    [
        "import realtime3d",
        "import realtime3d; dir(realtime3d); realtime3d.Config().to_toml(); realtime3d.UsageError",
        "import realtime3d.types, realtime3d.errors, realtime3d.geometry",
        "import realtime3d.face.model, realtime3d.nets.modelset",
    ],
)
def test_importing_loads_no_heavy_library(code: str) -> None:
    assert loaded_by(code) == []


def test_the_tracker_is_constructed_without_nets_detector_or_encoder() -> None:
    heavy = loaded_by("import realtime3d; realtime3d.FaceTracker()")
    assert set(heavy) <= {"cv2"}


def test_public_names_are_all_there() -> None:
    for name in realtime3d.__all__:
        assert getattr(realtime3d, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        realtime3d.nothing  # noqa: B018
