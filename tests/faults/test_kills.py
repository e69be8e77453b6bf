"""Forty kills at random moments with all outputs: at the end there is what an undisturbed run leaves."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from realtime3d.geometry import euler_to_matrix
from realtime3d.sinks.resume import find_resume_point
from tests.helpers.faults import fault
from tests.helpers.long_film import FPS, write_long_film

KILLS = int(os.environ.get("REALTIME3D_KILLS", "40"))
SETTLED = 30  # frames after a seam
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a POSIX matter"),
]


def outputs(folder: Path) -> dict[str, Path]:
    return {
        "csv": folder / "a.csv",
        "parquet": folder / "a.parquet",
        "jsonl": folder / "a.jsonl",
        "overlay": folder / "b.mp4",
    }


def command(film: Path, folder: Path, *more: str) -> list[str]:
    files = [word for kind, path in outputs(folder).items() for word in (f"--{kind}", str(path))]
    return [sys.executable, "-m", "realtime3d", "video", str(film), *files, "-q", *more]


@dataclass
class Table:
    """A CSV by frame and face."""

    keys: list[tuple[int, int]]
    R: np.ndarray
    shapes: np.ndarray

    @classmethod
    def read(cls, path: Path) -> Table:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        angles = [[float(row[name]) for name in ("pose_Rx", "pose_Ry", "pose_Rz")] for row in rows]
        shapes = [[float(row[f"id_{i}"]) for i in range(99)] for row in rows]
        keys = [(int(row["frame"]), int(row["face_id"])) for row in rows]
        return cls(keys, np.array([euler_to_matrix(*each) for each in angles]), np.array(shapes))


@dataclass
class Tally:
    """What the kills did."""

    kills: int = 0
    chains: int = 0
    refused: int = 0
    seams: list[int] = field(default_factory=list)
    settled_deg: list[float] = field(default_factory=list)  # the largest difference of each chain
    first_deg: list[float] = field(default_factory=list)  # and in the frames just after the seams
    shape_apart: list[float] = field(default_factory=list)


def wait(child: subprocess.Popen[bytes], table: Path, chance: random.Random) -> None:
    """Until a random moment: of each third kill while the program starts, else after the table has grown a little."""
    if chance.random() < 1 / 3:
        limit = time.monotonic() + chance.uniform(0.1, 5.0)
        while child.poll() is None and time.monotonic() < limit:
            time.sleep(0.01)
        return
    size = table.stat().st_size if table.exists() else 0
    size += chance.randrange(400_000)  # of about 2 MB
    while child.poll() is None and not (table.exists() and table.stat().st_size > size):
        time.sleep(0.005)
    time.sleep(chance.random() * 0.3)


def kill_again_and_again(film: Path, folder: Path, chance: random.Random, tally: Tally) -> list[int]:
    """One film, killed and resumed until it is done; the frames of its seams."""
    seams = []
    while True:
        child = subprocess.Popen(command(film, folder, "--resume"), stderr=subprocess.PIPE)
        wait(child, outputs(folder)["csv"], chance)
        child.kill()
        _, err = child.communicate()
        if child.returncode != -signal.SIGKILL:
            assert child.returncode == 0, err.decode()
            return seams
        tally.kills += 1
        seams.append(round(find_resume_point(outputs(folder)).timestamp_s * FPS))


def judge(found: Path, wanted: Path, seams: list[int], tally: Tally) -> None:
    table, reference = Table.read(outputs(found)["csv"]), Table.read(outputs(wanted)["csv"])
    assert table.keys == reference.keys
    turned = np.einsum("nij,nkj->nik", table.R, reference.R)
    apart = np.degrees(np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    frames = np.array([frame for frame, _ in table.keys])
    near = np.zeros(len(frames), bool)
    for seam in seams:
        near |= (frames >= seam) & (frames < seam + SETTLED)
    tally.settled_deg.append(float(apart[~near].max()))
    tally.first_deg.append(float(apart[near].max(initial=0)))
    tally.shape_apart.append(float(np.abs(table.shapes - reference.shapes).max()))
    lines, same = ([json.loads(line) for line in outputs(f)["jsonl"].read_text().splitlines()] for f in (found, wanted))
    assert [line["frame"] for line in lines] == list(range(len(same)))
    ids = [[face["face_id"] for face in line["faces"]] for line in lines]
    assert ids == [[face["face_id"] for face in line["faces"]] for line in same]
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(outputs(found)["parquet"])
    assert list(zip(rows["frame"].to_pylist(), rows["face_id"].to_pylist(), strict=True)) == table.keys
    with av.open(str(outputs(found)["overlay"])) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(same)
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in wanted.iterdir())


@fault(
    "processes",
    "kill -9 forty times, with all outputs",
    "--resume: each face once, with its id; poses settle",
)
def test_forty_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"{text}\n")

    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    film, whole, chance, tally = tmp_path / "film.mp4", tmp_path / "whole", random.Random(0), Tally()
    frames = write_long_film(film)
    start = time.monotonic()
    subprocess.run(command(film, whole), check=True)
    say(f"{frames} frames, undisturbed in {time.monotonic() - start:.0f} s")
    while tally.kills < KILLS:
        folder = tmp_path / str(tally.chains)
        seams = kill_again_and_again(film, folder, chance, tally)
        tally.chains += 1
        tally.seams += seams
        judge(folder, whole, seams, tally)
        say(str(tally))
    assert max(tally.settled_deg) < 1.0
