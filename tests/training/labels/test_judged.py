"""Photographs whose expression people judged: read, compared, seen by the nets, learned from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.demo import clip_path
from realtime3d.errors import SourceError
from realtime3d.face.expressions import EMOTIONS
from realtime3d.sources.choose import open_source
from realtime3d.training.labels.judged import Judgement, agreement, kappa, read, seen, without_kept_out


def demo_frame() -> np.ndarray:
    with open_source(clip_path()) as source:
        return next(iter(source)).image


def table(path: Path, *rows: str, head: str = "file,first,second") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def test_judgements_are_read_and_compared(tmp_path):
    rows = ["a.jpg,anger,anger", "b.jpg,neutral,sadness", "c.jpg,unsure,unsure", "d.jpg,neutral,neutral"]
    found = read(table(tmp_path / "judged.csv", *rows))
    assert found[1] == Judgement("b.jpg", "neutral", "sadness")
    assert [row.agreed for row in found] == [True, False, False, True]
    share, beyond_chance = agreement(found)
    assert share == 0.75 and beyond_chance == pytest.approx((0.75 - 0.25) / (1 - 0.25))


def test_people_who_are_kept_out_are_not_learned_from(tmp_path):
    files = [f"london_{person:03d}_08.jpg" for person in range(1, 9)] + ["faker_01.jpg"]
    for name in files:
        (tmp_path / name).touch()
    left = without_kept_out([Judgement(name, "anger", "anger") for name in files], tmp_path)
    assert [row.file for row in left] == [name for name in files if name[7:10] not in ("001", "005")]


def test_kappa_is_nought_by_chance_and_one_where_all_agree():
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert kappa(a, b) == pytest.approx(0) and kappa(a, a) == 1 and kappa(a[:2], a[:2]) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,label\nx,y\n", "its first line must be file,first,second"),
        ("file,first,second\na.jpg,angry,anger\n", "line 2: a judgement is one of neutral,"),
        ("file,first,second\na.jpg,anger\n", "line 2: a judgement is one of"),
        ("", "its first line must be"),
    ],
)
def test_other_tables_are_refused(text, told, tmp_path):
    path = tmp_path / "judged.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=told):
        read(path)


def test_nets_look_at_what_was_judged_alike(tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), demo_frame())
    cv2.imwrite(str(tmp_path / "none.png"), np.zeros((200, 200, 3), np.uint8))
    judgements = [
        Judgement("face.png", "happiness", "happiness"),
        Judgement("none.png", "anger", "anger"),
        Judgement("absent.png", "anger", "fear"),
    ]
    with FaceTracker() as tracker:
        found = seen(tracker, tmp_path, judgements)
        assert found.rows.shape == (1, 54) and found.emotions.tolist() == [EMOTIONS.index("happiness")]
        with pytest.raises(SourceError, match=r"absent\.png is missing"):
            seen(tracker, tmp_path, [Judgement("absent.png", "anger", "anger")])
        with pytest.raises(SourceError, match="judged alike and has a face"):
            seen(tracker, tmp_path, judgements[1:2])
