"""A short run on plain heads, from samples to a model set; and what happens on a bad day."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import torch

from realtime3d import cli
from realtime3d.errors import MissingError, OutputError, SourceError, UsageError
from realtime3d.nets import modelset
from realtime3d.training.learning import checkpoint
from realtime3d.training.learning import train as training
from realtime3d.training.learning.nets import TrackNet
from realtime3d.training.learning.train import DivergedError, rate_at, train
from realtime3d.training.learning.train_config import TrainConfig
from realtime3d.training.samples.augment import Augmenter
from realtime3d.training.samples.dataset import DataConfig, ShardPool, make_batch
from tests.helpers.paths import FACE_MODEL
from tests.helpers.plain_heads import make_shard

DATA = DataConfig(batch=8, size=64)


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    make_shard(folder, "a", 40, seed=1)
    make_shard(folder, "b", 24, seed=2)
    return folder


@pytest.fixture
def no_pretrained(monkeypatch):
    """Start from random weights: the published ones are a separate package."""
    monkeypatch.setattr(training, "imagenet_weights", dict)
    monkeypatch.setattr(training, "load_imagenet", lambda trunk, state: None)


@pytest.fixture
def config(shards, tmp_path, no_pretrained) -> TrainConfig:
    return TrainConfig(
        tmp_path / "run", (shards,), FACE_MODEL, validation=shards, samples=48, workers=0, threads=1,
        warmup=2, log_steps=2, validation_batches=1, data=DATA,
    )  # fmt: skip


def test_batches_are_seeded_and_their_labels_are_finite(shards):
    def one() -> dict[str, torch.Tensor]:
        rng = np.random.default_rng(4)
        return make_batch(ShardPool((shards,)), DATA, rng, Augmenter(DATA.size, rng))

    first, second = one(), one()
    assert first["image"].shape == (8, 64, 64, 3) and first["image"].dtype == torch.uint8
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert all(torch.isfinite(v.float()).all() for v in first.values())


def test_faces_beside_the_crop_are_told_to_be_none(shards):
    rng = np.random.default_rng(5)
    batch = make_batch(ShardPool((shards,)), replace(DATA, off_face=1.0, batch=32), rng, None)
    assert batch["has_face"].sum() == 0 and batch["w_pose"].sum() == 0


def test_new_shards_are_noticed_and_deleted_ones_forgotten(shards, tmp_path):
    make_shard(tmp_path, "first", 6)
    pool = ShardPool((tmp_path,))
    make_shard(tmp_path, "second", 6)
    pool.rescan()
    assert len(pool) == 12
    (tmp_path / "first.labels.npz").unlink()
    pool.rescan()
    assert len(pool) == 6


def test_no_shards_is_said(tmp_path):
    with pytest.raises(SourceError, match="training render"):
        ShardPool((tmp_path,))


def test_a_run_is_resumed_where_it_stopped_and_decays_into_a_release(config):
    stable = train(replace(config, decay=0.0))
    first = checkpoint.load(stable)
    assert first["samples"] == 48 and (config.run / "log.csv").exists()
    release = train(replace(config, decay=0.5))
    second = checkpoint.load(release)
    assert release.name == "release.pt" and second["samples"] == 96
    assert checkpoint.load(config.run / "last.pt")["samples"] == 48  # the state before the decay stays
    before, after = first["average"]["pose.weight"], second["average"]["pose.weight"]
    assert not torch.equal(before, after) and torch.isfinite(after).all()


def test_a_quick_run_goes_on_from_a_trained_net_and_leaves_its_norms(config, tmp_path):
    with pytest.raises(UsageError, match="--init"):
        train(replace(config, quick=True))
    start = train(replace(config, decay=0.0, samples=16))
    done = train(replace(config, run=tmp_path / "quick", init=start, quick=True, samples=32))
    before, after = (checkpoint.load(path)["average"] for path in (start, done))
    assert all(torch.equal(before[k], after[k]) for k in before if "running" in k)
    assert not torch.equal(before["trunk.stem.conv.weight"], after["trunk.stem.conv.weight"])
    assert all(torch.isfinite(v.float()).all() for v in after.values())


def test_a_run_that_goes_on_trains_its_norms(config, tmp_path):
    start = train(replace(config, decay=0.0, samples=16))
    done = train(replace(config, run=tmp_path / "more", init=start, samples=32))
    before, after = (checkpoint.load(path)["net"]["trunk.stem.norm.running_mean"] for path in (start, done))
    assert not torch.equal(before, after)


def test_the_shape_net_starts_from_a_track_net(config, tmp_path):
    track = train(replace(config, decay=0.0, samples=16))
    done = train(replace(config, run=tmp_path / "shape", net="shape", init=track, samples=16))
    assert checkpoint.load(done)["kind"] == "shape"
    with pytest.raises(UsageError, match="--init"):
        replace(config, run=tmp_path / "other", net="shape")


def test_the_rate_warms_up_stays_and_falls(config):
    c = replace(config, lr=1.0, warmup=10, decay=0.2)
    assert rate_at(c, 0, 0.0) == pytest.approx(0.1) and rate_at(c, 50, 0.5) == 1.0
    assert rate_at(c, 50, 0.9) == pytest.approx(0.5) and rate_at(c, 50, 1.0) == 0.0
    assert rate_at(replace(c, decay=0.0), 50, 1.0) == 1.0


def test_a_diverging_run_stops_and_keeps_the_last_good_state(config, monkeypatch):
    good = train(replace(config, decay=0.0, samples=16))
    kept = good.read_bytes()
    monkeypatch.setattr(training, "MAX_BAD_STEPS", 3)
    monkeypatch.setattr(training, "total", lambda losses, weights: losses["angle"] * float("nan"))
    with pytest.raises(DivergedError, match="lower --lr"):
        train(config)
    assert good.read_bytes() == kept


def test_a_full_disk_costs_a_checkpoint_and_not_the_run(config, monkeypatch, caplog):
    calls = []

    def full(state, file):
        calls.append(1)
        raise OSError(28, "the disk is full on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(OutputError, match="make room"):
        train(replace(config, save_minutes=0.0, decay=0.0, samples=24))
    assert len(calls) > 2 and "the disk is full" in caplog.text
    assert not list(config.run.glob(".*.part"))


def test_checkpoints_that_are_none(tmp_path):
    file = tmp_path / "x.pt"
    for content in (b"", b"not a checkpoint", b"PK\x03\x04 cut off"):
        file.write_bytes(content)
        with pytest.raises(MissingError, match="no checkpoint"):
            checkpoint.load(file)
    torch.save({"format": 99}, file)
    with pytest.raises(MissingError, match="of this version"):
        checkpoint.load(file)
    with pytest.raises(MissingError):
        checkpoint.load(tmp_path / "missing.pt")


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"format": 1, "x": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(MissingError):
        checkpoint.load(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_not_finite_are_never_saved():
    net = TrackNet()
    assert checkpoint.finite(net.state_dict())
    with torch.no_grad():
        net.pose.bias[0] = float("nan")
    assert not checkpoint.finite(net.state_dict())


def step(*words: str) -> int:
    """One step of `realtime3d training` on the command line; gives the exit code."""
    return cli.main(["training", *words, "--model", str(FACE_MODEL), "-q"])


def test_the_commands_train_average_export_and_go_on_from_there(shards, tmp_path, no_pretrained):
    run, out, more = tmp_path / "run", tmp_path / "models", tmp_path / "more"
    budget = ("--shards", str(shards), "--samples", "16", "--size", "64", "--batch", "8", "--workers", "0")
    assert step("train", str(run), *budget) == 0
    assert step("average", f"{run}/release.pt", f"{run}/last.pt", "--out", f"{run}/mean.pt") == 0
    assert step("export", f"{run}/mean.pt", "--out", str(out), "--name", "mine") == 0
    assert modelset.find(str(out)).nets["track"].size == 64
    assert step("train", str(more), *budget, "--quick", "--grow", f"{out}/mine_track.onnx", "--mixed", "16") == 0
    assert checkpoint.load(more / "release.pt")["net_config"]["mixed"] == 16
    assert step("train", str(tmp_path / "live"), *budget, "--init", f"{out}/mine_track.onnx") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--size", "100"), "multiple of 16"),
        (("--photos", "0.95"), "between 0 and 0.9"),
        (("--batch", "1"), "2 or more"),
        (("--grow", "published.onnx"), "go on from it with --quick"),
    ],
)
def test_wrong_options_of_a_run_are_told(words, told, tmp_path, capsys):
    assert step("train", str(tmp_path / "run"), "--shards", str(tmp_path), "--samples", "8", *words) == 2
    assert told in capsys.readouterr().err


def test_missing_shards_are_told_in_one_line(tmp_path, capsys):
    """By the command and not by a worker, whose errors come with their traceback."""
    assert step("train", str(tmp_path / "run"), "--shards", str(tmp_path), "--samples", "8") == 4
    assert capsys.readouterr().err.splitlines()[0].startswith("realtime3d: no training shards in")


def test_a_net_for_identity_does_not_become_one_for_pose(shards, tmp_path, capsys):
    words = ("--samples", "8", "--quick", "--init", str(FACE_MODEL.parent / "compact_shape.onnx"))
    assert step("train", str(tmp_path / "run"), "--shards", str(shards), *words) == 2
    assert "add --net shape" in capsys.readouterr().err


def test_an_evaluation_needs_something_to_measure_on(tmp_path, capsys):
    assert step("evaluate", "compact", "--out", str(tmp_path)) == 2
    assert "nothing to measure on" in capsys.readouterr().err


def test_photographs_are_measured_with_their_fits(tmp_path, capsys):
    assert step("evaluate", "compact", "--val", str(tmp_path), "--out", str(tmp_path)) == 2
    assert "--val-fits" in capsys.readouterr().err


def test_a_section_of_another_name_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("realtime3d.training.evaluation.evaluate._sections", lambda *_: {"still": dict, "val": dict})
    arguments = ("evaluate", "compact", "--val", str(tmp_path), "--out", str(tmp_path), "--only")
    assert step(*arguments, "still,val") == 2
    assert "--only takes still, val" in capsys.readouterr().err
    assert step(*arguments, "still", "val") == 0


def test_what_a_step_is_made_of_can_be_told(monkeypatch, tmp_path):
    told: list[TrainConfig] = []
    monkeypatch.setattr("realtime3d.training.learning.train.train", lambda config: told.append(config))
    words = (
        "--shards",
        str(tmp_path),
        "--samples",
        "8",
        "--photos",
        "0.12",
        "--openings",
        "9",
        "--expression",
        "7",
        "--gaze",
        "12",
    )
    assert step("train", str(tmp_path / "run"), *words) == 0
    assert (told[0].data.photos, told[0].data.rendered) == (0.12, 0.78)
    weights = told[0].weights
    assert (weights.gaps, weights.expression, weights.extras) == (9.0, 7.0, 12.0)
    assert not told[0].quick
    assert step("train", str(tmp_path / "run"), *words, "--quick") == 0
    assert told[1].quick


def test_a_budget_is_needed(shards, tmp_path):
    with pytest.raises(UsageError, match="--minutes or --samples"):
        TrainConfig(tmp_path, (shards,), FACE_MODEL)


def test_a_run_can_grow_from_a_smaller_net(config, tmp_path):
    small = train(replace(config, samples=16))
    grown = train(replace(config, run=tmp_path / "grown", trunk="lite0", grow=small, samples=16))
    assert checkpoint.load_net(grown).config.trunk == "lite0"
    with pytest.raises(UsageError, match="--grow"):
        replace(config, init=small, grow=small)
