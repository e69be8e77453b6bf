"""The build hook: two files of another wheel, known by their hashes, or one line that says why not."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from realtime3d.detect import weights

ROOT = Path(__file__).parents[1]
pytest.importorskip("hatchling")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv(module.VARIABLE, raising=False)
    return module


@pytest.fixture
def files(hook: ModuleType) -> dict[str, bytes]:
    return {name: (weights._folder() / name).read_bytes() for name in hook.FILES}


@pytest.fixture
def wheel(hook: ModuleType, files: dict[str, bytes], tmp_path: Path) -> Path:
    """What the files are taken out of."""
    path = tmp_path / "mediapipe-0.10.21-cp311-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(hook.INSIDE + name, data)
    return path


class Aborted(Exception):
    """The build ends with this line."""


def started(hook: ModuleType, root: Path) -> object:
    def abort(line: str) -> None:
        raise Aborted(line)

    made = hook.Hook.__new__(hook.Hook)
    app = SimpleNamespace(abort=abort, display_warning=lambda line: None)
    made.__dict__.update(_BuildHookInterface__root=str(root), _BuildHookInterface__app=app)
    return made


def test_the_package_knows_the_same_files(hook: ModuleType) -> None:
    assert tuple(hook.FILES) == weights.NAMES and set(hook.FILES.values()) <= set(weights.KNOWN)
    assert (ROOT / hook.FOLDER) == weights.FOLDER
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"/{hook.FOLDER}/" in ignored  # others' work stays out of the repository


@pytest.mark.parametrize("folder", [True, False])
def test_a_wheel_gets_them_with_a_notice_and_leaves_nothing_behind(
    hook: ModuleType, wheel: Path, tmp_path: Path, folder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hook.VARIABLE, str(wheel.parent if folder else wheel))
    build, data = started(hook, tmp_path / "source"), {"force_include": {}}
    build.initialize("standard", data)  # type: ignore[attr-defined]
    packed = {Path(to).name: Path(where) for where, to in data["force_include"].items()}
    assert sorted(packed) == sorted([*hook.FILES, "NOTICE"])
    assert b"MediaPipe Authors" in packed["NOTICE"].read_bytes()
    build.finalize("standard", data, "")  # type: ignore[attr-defined]
    assert not any(path.exists() for path in packed.values())
    assert not (tmp_path / "source").exists()


def test_an_editable_install_has_them_beside_the_code_and_does_not_fetch_again(
    hook: ModuleType, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hook.VARIABLE, str(wheel))
    data = {"force_include": {}}
    started(hook, tmp_path).initialize("editable", data)  # type: ignore[attr-defined]
    assert data == {"force_include": {}}
    assert sorted(path.name for path in (tmp_path / hook.FOLDER).iterdir()) == sorted([*hook.FILES, "NOTICE"])
    monkeypatch.setenv(hook.VARIABLE, "nowhere")
    started(hook, tmp_path).initialize("editable", data)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda wheel: wheel.unlink(), "which is not there"),
        (lambda wheel: wheel.write_bytes(b"no zip"), "has no face detector's weights"),
        (lambda wheel: zipfile.ZipFile(wheel, "w").close(), "has no face detector's weights"),
    ],
)
def test_what_is_wrong_with_the_wheel_is_one_line(
    hook: ModuleType, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: object, said: str
) -> None:
    monkeypatch.setenv(hook.VARIABLE, str(wheel))
    break_it(wheel)  # type: ignore[operator]
    with pytest.raises(Aborted, match=said) as caught:
        started(hook, tmp_path).initialize("standard", {"force_include": {}})  # type: ignore[attr-defined]
    assert "\n" not in str(caught.value)


def test_a_folder_without_the_wheel_is_said(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(hook.VARIABLE, str(tmp_path))
    with pytest.raises(Aborted, match=r"where no mediapipe-0\.10\.21-\*\.whl is"):
        started(hook, tmp_path).initialize("standard", {"force_include": {}})  # type: ignore[attr-defined]


def test_a_weight_of_another_hash_is_refused(
    hook: ModuleType, files: dict[str, bytes], wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in files.items():
            archive.writestr(hook.INSIDE + name, data + b"\0")
    monkeypatch.setenv(hook.VARIABLE, str(wheel))
    with pytest.raises(Aborted, match=r"is another file \(sha256 [0-9a-f]{12}\.\.\.\): take mediapipe==0\.10\.21"):
        started(hook, tmp_path).initialize("standard", {"force_include": {}})  # type: ignore[attr-defined]


def test_without_network_and_variable_the_line_names_both(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Aborted, match=rf"pip cannot download mediapipe==0\.10\.21.*by {hook.VARIABLE}"):
        started(hook, tmp_path).initialize("standard", {"force_include": {}})  # type: ignore[attr-defined]


def test_pip_shows_the_line_and_no_traceback(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    (source / "realtime3d").mkdir()
    (source / "realtime3d" / "__init__.py").write_text("")
    (source / "models").mkdir()
    (source / "models" / "models.toml").write_text("")
    monkeypatch.setenv(hook.VARIABLE, str(tmp_path / "nowhere.whl"))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert (
        f"realtime3d: {hook.VARIABLE} names {tmp_path / 'nowhere.whl'}, which is not there" in done.stdout + done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr


# -- the live page ----------------------------------------------------------------------------------------------------


def test_the_page_is_made_by_npm_and_goes_into_the_wheel(
    hook: ModuleType, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hook.VARIABLE, str(wheel))
    (tmp_path / "web" / "node_modules").mkdir(parents=True)
    (tmp_path / "web" / "build.mjs").write_text("")
    ran: list[list[str]] = []

    def run(program: str, words: list[str], folder: Path) -> str:
        ran.append([program, *words])
        assert not (folder / "node_modules").exists()  # what a developer has there is not taken
        if program == "node":
            Path(words[1]).mkdir(parents=True)
            (Path(words[1]) / "index.html").write_text("page")
        return ""

    monkeypatch.setattr(hook, "_run", run)
    data: dict[str, dict[str, str]] = {"force_include": {}}
    started(hook, tmp_path).initialize("standard", data)  # type: ignore[attr-defined]
    assert f"{hook.PAGE}/index.html" in data["force_include"].values()
    assert [words[0] for words in ran] == ["npm", "node"] and "--ignore-scripts" in ran[0]


@pytest.mark.parametrize("problem", ["no web", "npm fails", "not wanted"])
def test_without_the_page_the_install_goes_on(
    hook: ModuleType, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setenv(hook.VARIABLE, str(wheel))
    if problem != "no web":
        (tmp_path / "web").mkdir()
    if problem == "not wanted":
        monkeypatch.setenv(hook.NO_PAGE, "1")
    monkeypatch.setattr(hook, "_run", lambda program, words, folder: "npm does not answer")
    said = hook.make_page(tmp_path / "web", tmp_path / "out")
    assert {"no web": "web", "npm fails": "npm does not answer", "not wanted": hook.NO_PAGE}[problem] in said
    data: dict[str, dict[str, str]] = {"force_include": {}}
    started(hook, tmp_path).initialize("standard", data)  # type: ignore[attr-defined]
    assert not [name for name in data["force_include"].values() if name.startswith(hook.PAGE)]


def test_node_is_fetched_only_where_the_machine_has_none(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    build = started(hook, ROOT)
    monkeypatch.setattr(hook, "_npm_here", lambda: True)
    assert build.dependencies() == []  # type: ignore[attr-defined]
    monkeypatch.setattr(hook, "_npm_here", lambda: False)
    assert build.dependencies() == [hook.NODE_WHEEL]  # type: ignore[attr-defined]
    monkeypatch.setenv(hook.NO_PAGE, "1")
    assert build.dependencies() == []  # type: ignore[attr-defined]


def test_the_lock_file_names_no_host() -> None:
    assert "resolved" not in (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")
