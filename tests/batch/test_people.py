"""Who is who in many films, by shapes with the errors that the nets make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.batch.people import NEAREST, Seen, name_people, people_rows, write_people
from realtime3d.face.model import FaceModel
from realtime3d.tracking.identity import ANSWERED
from realtime3d.tracking.likeness import CALIBRATIONS, SHIPPED


def faces(model: FaceModel, people: int, films: int, error: float, together: bool = False) -> list[tuple[int, Seen]]:
    """Each person once in every film; `error`: of one shape, where strangers are 1 apart."""
    chance = np.random.default_rng(3)
    shapes = ANSWERED * chance.standard_normal((people, model.n_shape))
    found = []
    for person in range(people):
        for film in range(films):
            noise = ANSWERED * error * chance.standard_normal(model.n_shape)
            span = (0.0, 10.0) if together else (10.0 * person, 10.0 * person + 10.0)
            shape = (shapes[person] + noise).astype(np.float32)
            found.append((person, Seen(f"f{film}", person, shape, 60.0, 100 * (people - person), span)))
    return found


def test_people_are_found_again(model: FaceModel) -> None:
    known = faces(model, people=12, films=6, error=0.15)
    labels = name_people([seen for _, seen in known], model, NEAREST)
    truth = {(seen.film, seen.face_id): person for person, seen in known}
    assert {(label.person, truth[label.seen.film, label.seen.face_id]) for label in labels} == {
        (i, i) for i in range(12)
    }
    assert all(0.0 <= label.sure <= 1.0 for label in labels)


def test_the_less_is_known_the_less_sure(model: FaceModel) -> None:
    def sure(error: float) -> float:
        seen = [seen for _, seen in faces(model, people=20, films=4, error=error)]
        sures = [label.sure for label in name_people(seen, model)]
        assert all(value is not None and 0.0 <= value <= 1.0 for value in sures)
        return float(np.mean([value or 0.0 for value in sures]))

    assert sure(0.02) > sure(0.25)


def test_the_more_people_the_less_sure(model: FaceModel) -> None:
    def sure(people: int) -> float:
        seen = [seen for _, seen in faces(model, people, films=2, error=0.2)]
        return float(np.mean([label.sure or 0.0 for label in name_people(seen, model)]))

    assert sure(3) > sure(40)


def test_a_person_seen_once_has_nothing_to_compare(model: FaceModel) -> None:
    (label,) = name_people([faces(model, 1, 1, 0.0)[0][1]], model)
    assert label.sure is None


def test_two_at_the_same_time_are_two(model: FaceModel) -> None:
    twins = [seen for _, seen in faces(model, people=1, films=1, error=0.0)]
    twins += [Seen("f0", 1, twins[0].shape, 60.0, 50, twins[0].span)]
    assert [label.person for label in name_people(twins, model, NEAREST)] == [0, 1]


def test_who_was_split_in_two_is_told(model: FaceModel) -> None:
    known = faces(model, people=2, films=2, error=0.0)
    far = known[0][1].shape * np.float32(1.6)  # the same face, told stronger: too far to be joined
    split = [*(seen for _, seen in known), Seen("f9", 0, far, 60.0, 50, (0.0, 10.0))]
    labels = name_people(split, model, NEAREST)
    (alone,) = [label for label in labels if label.seen.film == "f9"]
    (same, *_) = [label.person for label in labels if label.seen.face_id == 0 and label.seen.film == "f0"]
    assert alone.person != same
    assert (alone.rival, alone.rival_same) == (same, pytest.approx(CALIBRATIONS[SHIPPED].probability(1.0), abs=0.01))
    assert f"person {same} (" in str(people_rows(labels).rows)


def test_two_at_the_same_time_are_no_rivals(model: FaceModel) -> None:
    twins = [Seen("f0", i, faces(model, 1, 1, 0.0)[0][1].shape, 60.0, 50, (0.0, 10.0)) for i in (0, 1)]
    assert [label.rival for label in name_people(twins, model, NEAREST)] == [None, None]


def test_nobody(model: FaceModel) -> None:
    assert name_people([], model, NEAREST) == []


def test_the_table(model: FaceModel, tmp_path: Path) -> None:
    labels = name_people([seen for _, seen in faces(model, 2, 2, 0.1)], model, NEAREST)
    write_people(tmp_path / "people.csv", labels)
    lines = (tmp_path / "people.csv").read_text().splitlines()
    assert lines[0] == "film,face_id,person,sure,distance,frames,rival,rival_same"
    assert len(lines) == 5
    assert [row[:3] for row in people_rows(labels).rows] == [("0", "2", "400"), ("1", "2", "200")]


def test_a_batch_writes_people(batch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    summary = batch(people=True)
    assert tmp_path / "out" / "people.csv" in summary.files
