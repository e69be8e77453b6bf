"""Shards: complete or not there, checked when read."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.errors import OutputError, SourceError
from realtime3d.training.samples.shards import FIELDS, read_shard, shard_names, write_shard
from tests.helpers.plain_heads import make_shard


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards")
    make_shard(path, "plain", 12, seed=3)
    return path


def test_written_and_read(folder):
    shard = read_shard(folder, "plain")
    assert shard_names(folder) == ["plain"] and len(shard) == 12
    assert shard.images.dtype == np.uint8 and set(shard.labels) == set(FIELDS)
    assert np.isfinite(shard.labels["R"]).all() and shard.labels["has_face"].sum() == 8


def test_a_shard_without_labels_is_not_there_yet(folder):
    (folder / "half.images.npy").write_bytes((folder / "plain.images.npy").read_bytes())
    assert shard_names(folder) == ["plain"]
    (folder / "half.images.npy").unlink()


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_cut_off_file_is_named(folder, tmp_path, keep):
    for suffix in ("images.npy", "labels.npz"):
        (tmp_path / f"cut.{suffix}").write_bytes((folder / f"plain.{suffix}").read_bytes())
    file = tmp_path / "cut.labels.npz"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(SourceError, match="cut"):
        read_shard(tmp_path, "cut")


def _labels(folder):
    shard = read_shard(folder, "plain")
    return np.array(shard.images), {k: v.copy() for k, v in shard.labels.items()}


def test_labels_that_lack_a_field_or_are_not_finite_are_refused(folder, tmp_path):
    images, labels = _labels(folder)
    with pytest.raises(SourceError, match="lacks eta"):
        write_shard(tmp_path, "bad", images, {k: v for k, v in labels.items() if k != "eta"})
    labels["eta"][0, 0] = np.nan
    with pytest.raises(SourceError, match="not finite"):
        write_shard(tmp_path, "bad", images, labels)
    assert list(tmp_path.iterdir()) == []


def test_samples_without_a_face_get_a_pose_that_can_be_looked_at(folder, tmp_path):
    images, labels = _labels(folder)
    for key in ("R", "focal", "has_face"):
        labels[key][-1] = 0
    write_shard(tmp_path, "empty", images, labels)
    read = read_shard(tmp_path, "empty").labels
    assert np.allclose(read["R"][-1], np.eye(3)) and read["focal"][-1] > 0


def test_a_folder_that_cannot_be_made_is_told(folder, tmp_path):
    images, labels = _labels(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="name another folder"):
        write_shard(tmp_path / "file" / "shards", "x", images, labels)
