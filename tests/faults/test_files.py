"""Files that exist, are inputs, are links: nothing of the user's is destroyed unasked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime3d.sinks.pictures import save_png
from realtime3d.sinks.read_back import read_recording
from tests.fuzz.scratch import face_model
from tests.helpers.cli_clip import FRAMES
from tests.helpers.faults import cases, fault

Video = Callable[..., Any]
REFUSED = "one line, exit code 5; the file stays as it is"
TWICE = "one line, exit code 2; nothing is written"


@pytest.mark.parametrize(
    "words",
    cases(
        "files",
        TWICE,
        {
            "--profile is the sidecar of the CSV": ["--profile", "me.json", "--csv", "me.csv"],
            "--profile is the sidecar of the overlay": ["--profile", "me.json", "--overlay", "me.mp4"],
            "--profile is the CSV": ["--profile", "me.csv", "--csv", "me.csv"],
            "--profile is the lock of the CSV": ["--profile", ".me.lock", "--csv", "me.csv"],
            "--profile is a Parquet's folder of parts": ["--profile", "a.parquet.parts", "--parquet", "a.parquet"],
            "two outputs of one name": ["--csv", "me.csv", "--jsonl", "./me.csv"],
        },
    ),
)
def test_no_file_is_written_twice(words: list[str], video: Video, clip: Path, tmp_path: Path, cwd: None) -> None:
    video(clip, *words).is_one_line(2, "as well" if words[0] == "--profile" else "")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("there", "words"),
    cases(
        "files",
        REFUSED,
        {
            "the CSV exists": ("a.csv", ["--csv", "a.csv"]),
            "the Parquet exists": ("a.parquet", ["--parquet", "a.parquet"]),
            "the JSONL exists": ("a.jsonl", ["--jsonl", "a.jsonl"]),
            "the overlay exists": ("a.mp4", ["--overlay", "a.mp4"]),
            "a file of the user's has the name of the CSV's sidecar": ("a.json", ["--csv", "a.csv"]),
            "a file of the user's has the name of the JSONL's sidecar": ("a.json", ["--jsonl", "a.jsonl"]),
            "a file has the name of the folder of parts": ("a.parquet.parts", ["--parquet", "a.parquet"]),
            "a file has the name of a video taken over": ("a.mp4.previous", ["--overlay", "a.mp4"]),
            "the name of the output is that of a folder": ("a.csv/b", ["--csv", "a.csv/"]),
        },
    ),
)
def test_what_exists_stays(there: str, words: list[str], video: Video, clip: Path, tmp_path: Path, cwd: None) -> None:
    if "/" in there:
        (tmp_path / "a.csv").mkdir()
        there, words = "a.csv/clip.csv", ["--csv", "a.csv/"]
    (tmp_path / there).write_text("mine")
    video(clip, *words).is_one_line(
        5, "killed run left" if there.endswith(("parts", "previous")) else "there already", "--overwrite"
    )
    assert (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "words"),
    cases(
        "files",
        "one line, exit code 5, with --overwrite too; the file stays as it is",
        {
            "the overlay is the input, whose name holds [": ("a[1].mp4", ["INPUT", "--overlay", "INPUT"]),
            "the overlay is the input, whose name holds %": ("100%.mp4", ["INPUT", "--overlay", "INPUT"]),
            "the overlay is the input, given as file://": ("a.mp4", ["file://INPUT", "--overlay", "INPUT"]),
            "the overlay is the input, by another way": ("a.mp4", ["INPUT", "--overlay", "FOLDER/../folder/a.mp4"]),
            "the calibration is the sidecar": ("a.json", ["CLIP", "--intrinsics", "INPUT", "--csv", "FOLDER/a.csv"]),
            "the boxes are the CSV": ("b.csv", ["CLIP", "--boxes", "INPUT", "--csv", "INPUT"]),
            "the calibration is the profile": ("a.json", ["CLIP", "--intrinsics", "INPUT", "--profile", "INPUT"]),
            "the settings are the profile": ("a.toml", ["CLIP", "--config", "INPUT", "--profile", "INPUT"]),
            "the input is the profile": ("a.mp4", ["INPUT", "--profile", "INPUT"]),
        },
    ),
)
def test_an_input_is_never_replaced(name: str, words: list[str], video: Video, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / name
    if path.suffix == ".mp4":
        shutil.copy(clip, path)
    else:
        matrix = [[300, 0, 160], [0, 300, 120], [0, 0, 1]]
        path.write_text({".json": json.dumps({"camera_matrix": matrix}), ".toml": ""}.get(path.suffix, "frame\n"))
    before = path.read_bytes()
    parts = {"INPUT": str(path), "CLIP": str(clip), "FOLDER": str(folder)}
    for mark, value in parts.items():
        words = [word.replace(mark, value) for word in words]
    if "--csv" not in words and "--overlay" not in words:
        words += ["--csv", str(tmp_path / "out.csv")]
    video(*words, "--overwrite").is_one_line(5, "is the input")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "spec",
    cases(
        "files",
        "one line, exit code 5, with --overwrite too; the picture stays as it is",
        {
            "the profile is a picture of the input's folder": "FOLDER",
            "the profile is a picture of the input's pattern": "FOLDER/%02d.png",
            "the profile is a picture of the input's glob": "FOLDER/*.png",
        },
    ),
)
def test_frames_of_a_folder_are_inputs(spec: str, video: Video, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    for number in range(3):
        frames.mkdir(exist_ok=True)
        save_png(frames / f"{number:02d}.png", np.full((48, 64, 3), 90, np.uint8))
    before = (frames / "01.png").read_bytes()
    spec = spec.replace("FOLDER", str(frames))
    answer = video(spec, "--csv", tmp_path / "a.csv", "--profile", frames / "01.png", "--overwrite")
    answer.is_one_line(5, "is the input")
    assert (frames / "01.png").read_bytes() == before


@fault("files", "--overwrite, and the source fails after it was opened", "exit code 4; the old files are as they were")
def test_old_files_go_only_for_new_ones(video: Video, clip: Path, tmp_path: Path) -> None:
    names = ["a.csv", "a.json", "a.jsonl", "a.parquet", "a.mp4"]
    for name in names:
        (tmp_path / name).write_text(f"old {name}")
    outputs = [w for kind in ("csv", "jsonl", "parquet") for w in (f"--{kind}", tmp_path / f"a.{kind}")]
    answer = video(clip, *outputs, "--overlay", tmp_path / "a.mp4", "--overwrite", "--start", "100")
    answer.is_one_line(4, "start")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: f"old {name}" for name in names}


@fault("files", "--overwrite of all outputs", "the new files, and nothing of the old run beside them")
def test_overwriting_replaces_everything(video: Video, clip: Path, tmp_path: Path) -> None:
    outputs = [w for kind in ("csv", "jsonl", "parquet") for w in (f"--{kind}", tmp_path / f"a.{kind}")]
    for name in ("a.csv", "a.json", "a.jsonl", "a.parquet"):
        (tmp_path / name).write_text("old")
    (tmp_path / "a.parquet.parts").mkdir()
    (tmp_path / "a.parquet.parts" / "000000.parquet").write_text("old")
    assert video(clip, *outputs, "--overwrite").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.jsonl", "a.parquet"]
    assert (tmp_path / "a.csv").read_text().count("\n") == FRAMES + 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
@pytest.mark.parametrize(
    "target",
    cases(
        "files",
        "one line, exit code 5, with --overwrite too; where the link leads stays as it is",
        {"the output is a link to a file": "mine.txt", "the output is a link to nothing": "nowhere.txt"},
    ),
)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "overlay", "parquet"])
def test_links_are_not_followed(target: str, kind: str, video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    path = tmp_path / f"a.{kind.replace('overlay', 'mp4')}"
    path.symlink_to(tmp_path / target)
    video(clip, f"--{kind}", path, "--overwrite").is_one_line(5, "symbolic link")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not (tmp_path / "nowhere.txt").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX links")
@fault("files", "a link appears in the output's place at the start", "one line, exit code 5; nothing is followed")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "overlay", "parquet"])
def test_a_link_made_between_check_and_opening(
    kind: str, video: Video, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from realtime3d.sinks.run_files import RunFiles

    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    path = tmp_path / f"a.{kind.replace('overlay', 'mp4')}"
    begin = RunFiles._begin

    def link_first(self: RunFiles) -> Any:
        if kind == "parquet":
            path.with_name(f"{path.name}.parts").symlink_to(tmp_path / "folder")
        else:
            path.symlink_to(tmp_path / "mine.txt")
        self._old = []  # as if the link came after the old files had gone
        return begin(self)

    monkeypatch.setattr(RunFiles, "_begin", link_first)
    video(clip, f"--{kind}", path).is_one_line(5, "cannot write")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs a device file")
@fault("files", "the output is a device or a pipe", "one line, exit code 5; it stays as it is")
def test_devices_are_not_replaced(video: Video, clip: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    video(clip, "--csv", tmp_path / "a.csv", "--overwrite").is_one_line(5, "no ordinary file")
    assert (tmp_path / "a.csv").is_fifo()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    cases(
        "files",
        "one line that says how to name it; nothing is made",
        {
            "--csv a.txt": (["--csv", "a.txt"], 2, "name it a.csv"),
            "--parquet a.csv": (["--parquet", "a.csv"], 2, "name it a.parquet"),
            "--jsonl a.json": (["--jsonl", "a.json"], 2, "name it a.jsonl"),
            "--csv results, which is no folder": (["--csv", "results"], 2, "name it results.csv"),
            "a name of 300 characters": (["--csv", "n" * 300 + ".csv"], 5, "name is too long"),
            "a folder of 300 characters": (["--csv", "n" * 300 + "/"], 5, "name is too long"),
            "a name too long for what stands beside it": (["--csv", "n" * 251 + ".csv"], 5, "name is too long"),
            "no output at all": ([], 2, "--csv"),
            "--resume with --overwrite": (["--csv", "a.csv", "--resume", "--overwrite"], 2, "--resume goes on"),
        },
    ),
)
def test_names_that_say_something_else(
    words: list[str], code: int, says: str, video: Video, clip: Path, tmp_path: Path, cwd: None
) -> None:
    video(clip, *words).is_one_line(code, says)
    assert list(tmp_path.iterdir()) == []


@fault("files", "--csv results/ with one input", "the folder is made, with a table named after the input")
def test_a_folder_with_one_input(video: Video, clip: Path, tmp_path: Path, cwd: None) -> None:
    assert video(clip, "--csv", "results/").code == 0
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["clip.csv", "clip.json"]


@pytest.mark.skipif(os.name == "nt", reason="file names are bytes on POSIX")
@fault("files", "the input's name is not UTF-8", "followed like any other; the name is escaped in messages and sidecar")
def test_a_name_that_is_not_utf8(video: Video, clip: Path, tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.mp4")
    shutil.copy(clip, name)
    assert video(name, "--csv", tmp_path / "a.csv", "--overlay", tmp_path / "a.mp4").err == ""
    assert json.loads((tmp_path / "a.json").read_text())["source"]["name"] == "caf\udce9.mp4"
    folder = tmp_path / "out"
    assert video(name, clip, "--csv", folder).code == 0
    assert len(list(folder.iterdir())) == 4


@pytest.mark.skipif(os.name == "nt", reason="file names are bytes on POSIX")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "overlay", "glb"])
@fault("files", "the output's name is not UTF-8", "written like any other; --resume and replay read it again")
def test_an_output_whose_name_is_not_utf8(kind: str, video: Video, clip: Path, tmp_path: Path) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    path = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9")) / f"caf\udce9.{'mp4' if kind == 'overlay' else kind}"
    assert video(clip, f"--{kind}", path).code == 0
    assert path.stat().st_size > 0
    if kind in ("csv", "jsonl", "parquet"):
        assert video(clip, f"--{kind}", path, "--resume").code == 0
        assert len(list(read_recording(path, face_model()))) == FRAMES


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@fault("files", "the input's name holds control characters", "they are escaped in every message")
def test_escape_characters_are_not_printed(video: Video, clip: Path, tmp_path: Path) -> None:
    answer = video(tmp_path / "\x1b[31mred\x07.mp4", "--csv", tmp_path / "a.csv")
    answer.is_one_line(4, "\\x1b[31mred\\x07")
    assert "\x1b" not in answer.err


@fault("files", "the folder of the profile cannot be made", "one line, exit code 5, before the first frame")
def test_a_profile_that_cannot_be_written(video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = video(clip, "--csv", tmp_path / "a.csv", "--profile", tmp_path / "file" / "me.json")
    answer.is_one_line(5, "me.json")
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
@fault("files", "the folder of the profile is read-only", "one line, exit code 5, before the first frame")
def test_a_profile_in_a_read_only_folder(video: Video, clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o500)
    answer = video(clip, "--csv", tmp_path / "a.csv", "--profile", folder / "me.json")
    answer.is_one_line(5, "permission denied")
