"""Jobs from inputs and output options, and everything that is refused before the first frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.avatar.options import SendOptions
from realtime3d.config import Config
from realtime3d.errors import OutputError, SourceError, UsageError
from realtime3d.jobs import Job, plan
from realtime3d.sinks.more import MoreColumns


def plan_jobs(inputs: list[str], outputs: dict[str, Path], *, replace: bool) -> list[Job]:
    return plan(inputs, outputs, Job(source="", overwrite=replace))


@pytest.fixture
def clip(tmp_path: Path) -> str:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"video")
    return str(path)


def test_one_input_takes_files_as_named(clip: str, tmp_path: Path) -> None:
    (job,) = plan_jobs([clip], {"csv": tmp_path / "a.csv", "overlay": tmp_path / "b.mov"}, replace=False)
    assert job.source == clip
    assert job.outputs == {"csv": tmp_path / "a.csv", "overlay": tmp_path / "b.mov"}


def test_a_folder_is_made_and_filled_by_name(clip: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    other = tmp_path / "öther clip.avi"
    other.write_bytes(b"")
    jobs = plan_jobs([clip, str(other)], {"csv": out, "overlay": out}, replace=False)
    assert [job.outputs["csv"] for job in jobs] == [out / "clip.csv", out / "öther clip.csv"]
    assert jobs[0].outputs["overlay"] == out / "clip.mp4"
    assert out.is_dir()


@pytest.mark.parametrize("name", ["a.avi", "a.gif", "a.txt", "a"])
def test_an_overlay_is_named_as_what_it_is(clip: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"this output is a \.mp4 file: name it .*a\.mp4"):
        plan_jobs([clip], {"overlay": tmp_path / name}, replace=True)


def test_one_input_and_a_folder(clip: str, tmp_path: Path) -> None:
    (job,) = plan_jobs([clip], {"parquet": tmp_path}, replace=False)
    assert job.outputs["parquet"] == tmp_path / "clip.parquet"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("rtsp://host:8554/cam?x=1", "cam_x=1.csv"),
        ("0", "0.csv"),
        ("/dev/video0", "video0.csv"),
        ("frames/%05d.png", "_05d.csv"),
        ("a/b/", "b.csv"),
    ],
)
def test_names_for_what_is_no_file(source: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (job,) = plan_jobs([source], {"csv": tmp_path}, replace=False)
    assert job.outputs["csv"] == tmp_path / name


def test_a_missing_input_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        plan_jobs([str(tmp_path / "none.mp4")], {}, replace=False)


@pytest.mark.parametrize("name", ["x" * 5000 + ".mp4", "a\0b.mp4"])
def test_an_impossible_name_is_a_source_error(name: str) -> None:
    with pytest.raises(SourceError, match=r"no file name|does not exist"):
        plan_jobs([name], {}, replace=False)


def test_several_inputs_need_folders(clip: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a folder"):
        plan_jobs([clip, clip], {"csv": tmp_path / "all.csv"}, replace=False)


def test_two_inputs_of_one_name_do_not_overwrite_each_other(clip: str, tmp_path: Path) -> None:
    twin = tmp_path / "sub" / "clip.mp4"
    twin.parent.mkdir()
    twin.write_bytes(b"video")
    with pytest.raises(UsageError, match=r"clip\.csv.*as well"):
        plan_jobs([clip, str(twin)], {"csv": tmp_path / "out"}, replace=True)


def test_an_output_is_never_an_input(clip: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is the input"):
        plan_jobs([clip], {"overlay": tmp_path / "." / "clip.mp4"}, replace=True)


def test_outputs_do_not_share_a_file(clip: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="as well"):
        plan([clip], {"csv": tmp_path / "a.csv"}, Job(source="", profile=tmp_path / "a.json", overwrite=True))


def test_tables_of_one_input_share_their_sidecar(clip: str, tmp_path: Path) -> None:
    (job,) = plan_jobs([clip], {"csv": tmp_path / "a.csv", "parquet": tmp_path / "a.parquet"}, replace=False)
    assert set(job.outputs) == {"csv", "parquet"}


def test_existing_files_are_refused_unless_told(clip: str, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("precious")
    with pytest.raises(OutputError, match="--overwrite"):
        plan_jobs([clip], {"csv": old}, replace=False)
    assert plan_jobs([clip], {"csv": old}, replace=True)
    assert old.read_text() == "precious"


def test_a_missing_folder_above_an_output_is_made(clip: str, tmp_path: Path) -> None:
    plan_jobs([clip], {"csv": tmp_path / "some" / "where" / "a.csv"}, replace=False)
    assert (tmp_path / "some" / "where").is_dir()


def test_a_folder_that_cannot_be_made_is_an_output_error(clip: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        plan_jobs([clip, clip], {"csv": tmp_path / "file" / "sub"}, replace=False)


@pytest.mark.parametrize(
    ("outputs", "changes", "wanted"),
    [
        (["csv"], {}, False),
        (["csv", "parquet"], {"raw": True}, False),
        (["csv"], {"blendshapes": True}, True),
        (["csv"], {"more": MoreColumns(gaze=True)}, True),
        (["csv"], {"more": MoreColumns(emotions=True)}, True),
        (["csv"], {"more": MoreColumns(landmarks="mediapipe478")}, True),
        (["csv"], {"send": SendOptions(targets=("udp://127.0.0.1:5005",))}, True),
        (["csv"], {"shown": True}, True),
        (["csv", "overlay"], {}, True),
        (["livelink-csv"], {}, True),
        ([], {}, True),
    ],
)
def test_eyes_are_looked_at_where_something_shows_them(outputs: list[str], changes: dict, wanted: bool) -> None:
    job = Job("clip.mp4", outputs={kind: Path(kind) for kind in outputs}, **changes)
    assert job.tracker().config.models.eyes is wanted


def test_eyes_that_are_off_stay_off() -> None:
    job = Job("clip.mp4", blendshapes=True, config=Config().with_options({"eyes": False}))
    assert not job.tracker().config.models.eyes
