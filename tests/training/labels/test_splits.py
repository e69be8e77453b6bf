"""Who a picture shows, by its name."""

from __future__ import annotations

import pytest

from realtime3d.training.labels.splits import held_out_people, is_held_out, person


def test_pictures_of_one_person_have_one_name() -> None:
    assert person("london_007_03.jpg") == person("london_007_08.jpg")
    assert person("london_007_03.jpg") != person("london_070_03.jpg")
    assert person("lisa_15cm.jpg") == person("lisa_lisa4.jpg")


@pytest.mark.parametrize("file", ["faker_1.jpg", "londoner.jpg", "canada_003f.jpg"])
def test_others_are_alone(file: str) -> None:
    assert person(file) == file


def test_every_fourth_person_is_kept_out_with_all_pictures() -> None:
    files = [f"london_{n:03d}_{e}.jpg" for n in range(1, 13) for e in ("03", "08")]
    people = held_out_people(files)
    assert people == {1, 5, 9}
    assert [f for f in files if is_held_out(f, people)] == [f for f in files if int(f[7:10]) in (1, 5, 9)]
