"""Properties of faces in pictures whose properties are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.training.evaluation.limits import GROUPS, by_column, by_group, covered, draw, properties

POINTS = np.column_stack([np.tile(np.linspace(40, 160, 17), 4), np.repeat(np.linspace(30, 170, 4), 17)])


def test_light_and_its_side():
    image = np.full((200, 200, 3), 90, dtype=np.uint8)
    assert properties(image, POINTS)["light"] == pytest.approx(90, abs=1)
    assert properties(image, POINTS)["side light"] < 0.01
    image[:, 100:] = 180
    assert properties(image, POINTS)["side light"] == pytest.approx(1 / 3, abs=0.02)


def test_a_blurred_picture_is_less_sharp_and_size_is_the_box_s():
    image = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(image, (0, 0), 4)
    assert properties(soft, POINTS)["sharpness"] < properties(image, POINTS)["sharpness"] - 1
    assert properties(image, POINTS)["size"] == pytest.approx(np.sqrt(120 * 140))


def test_skin_tone_orders_light_before_dark_and_grey_has_none():
    def tone(bgr: tuple[int, int, int]) -> float:
        return properties(np.full((200, 200, 3), bgr, dtype=np.uint8), POINTS)["skin tone"]

    assert tone((170, 195, 235)) > 40 > tone((110, 150, 200)) > tone((40, 60, 90))
    assert np.isnan(tone((128, 128, 128)))


def test_bins_hold_their_mean_and_small_ones_are_left_out(tmp_path):
    values = {group.name: np.full(30, (group.edges[0] + group.edges[1]) / 2) for group in GROUPS}
    values["yaw"] = np.array([5.0] * 20 + [20.0] * 10)
    values["pitch"][0] = 20.0
    found = by_group(values, np.array([2.0] * 20 + [8.0] * 10))
    yaw, pitch = (next(found[name] for name in found if name.startswith(start)) for start in ("yaw", "pitch"))
    assert [(b["label"], b["pictures"], b["error"]) for b in yaw] == [("0 to 15", 20, 2), ("15 to 30", 10, 8)]
    assert len(pitch) == 1


def test_what_somebody_saw_makes_groups_too(tmp_path):
    table = tmp_path / "seen.csv"
    files = [f"{i}.jpg" for i in range(30)]
    table.write_text("file,glasses\n" + "".join(f"{f},{'dark' if i < 12 else 'none'}\n" for i, f in enumerate(files)))
    found = by_column(files, np.array([3.0] * 12 + [1.0, 2.0] * 9), table)
    assert [(b["label"], b["pictures"], b["error"]) for b in found["glasses"]] == [("dark", 12, 3), ("none", 18, 1.5)]
    assert found["glasses"][1]["deviation"] == pytest.approx(0.5 / np.sqrt(18))
    draw({"one": {"degrees": found}, "two": {"degrees": found}}, tmp_path / "limits.png")
    assert cv2.imread(str(tmp_path / "limits.png")).shape[1] > 500


def test_a_table_that_lacks_a_picture_says_so(tmp_path):
    table = tmp_path / "seen.csv"
    table.write_text("file,glasses\n1.jpg,none\n")
    with pytest.raises(SourceError, match="no line for 2"):
        by_column(["1.jpg", "2.jpg"], np.zeros(2), table)
    table.write_text("name,glasses\n1.jpg,none\n")
    with pytest.raises(SourceError, match="column `file`"):
        by_column(["1.jpg"], np.zeros(1), table)


def test_dark_glasses_and_things_in_front_of_a_face_are_told(tmp_path):
    table = tmp_path / "seen.csv"
    table.write_text("file,glasses,covered\na,dark,no\nb,clear,no\nc,none,partly\nd,none,no\n")
    assert covered(["a", "b", "c", "d"], table) == {"a", "c"}
    with pytest.raises(SourceError, match=r"no line for e\.jpg"):
        covered(["a", "e.jpg"], table)
