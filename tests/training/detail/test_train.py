"""The detail net learns, goes on where it stopped, and answers the same once exported."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError, UsageError
from realtime3d.nets import modelset
from realtime3d.surface.refine import MIDDLE, PLANES, Refiner
from realtime3d.training.detail.composites import Composite, Composites
from realtime3d.training.detail.net import SOLVED, DetailNet
from realtime3d.training.detail.release import add_detail
from realtime3d.training.detail.train import (
    Crops,
    DetailRun,
    DetailTrainer,
    batch_of,
    detail_loss,
    load_detail_net,
    measure,
    padded,
    train,
    turned,
)  # fmt: skip
from realtime3d.training.learning import checkpoint


def lines(count: int = 4) -> Composites:
    """Grooves that the solve finds half, beside stains that it takes for grooves."""
    rng, items = np.random.default_rng(0), []
    for _ in range(count):
        levels = rng.integers(MIDDLE - 3, MIDDLE + 4, (96, 80, PLANES), dtype=np.uint8)
        truth = np.full((96, 80), 128, np.uint8)
        row, column = rng.integers(20, 60, 2)
        truth[row : row + 4] = 90
        levels[row : row + 4, :, [0, SOLVED]] = (MIDDLE - 60, MIDDLE - 30)
        levels[:, column : column + 4, SOLVED] = MIDDLE - 30
        items.append(Composite(levels, truth, np.full((96, 80), 255, np.uint8)))
    return Composites(tuple(items))


def run_in(folder: Path, **more: float) -> DetailRun:
    return DetailRun(folder, folder / "composites.npz", minutes=0.02, crop=64, batch=4, **more)  # type: ignore[arg-type]


def test_it_begins_at_the_solve_learns_and_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trainer = DetailTrainer(run_in(tmp_path))
    crops = Crops(lines(), 64, np.random.default_rng(0))
    batch = crops.batch(4)
    solved = (batch.levels[:, SOLVED].float() - MIDDLE) * (0.4 / 127)
    assert torch.allclose(trainer.net.of_planes(batch.levels), solved, atol=1e-6)
    losses = [trainer.train_step(batch, 2e-3) for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]
    checkpoint.save(tmp_path / "last.pt", trainer.state())
    again = DetailTrainer(run_in(tmp_path))
    assert again.samples == trainer.samples == 120
    assert again.train_step(batch, 1e-4) < 0.7 * losses[0]


def test_a_run_writes_what_can_be_exported(tmp_path: Path) -> None:
    lines(20).save(tmp_path / "composites.npz")
    net, samples = load_detail_net(train(run_in(tmp_path)))
    assert samples > 0 and (tmp_path / "last.pt").exists()
    before, after = measure(net, lines(2))
    assert 0 < before < 1 and 0 < after <= 1


def test_slopes_follow_when_a_crop_is_turned() -> None:
    item = padded(lines(1).items[0], 10, 8, 64)
    item.levels[..., 4:6] = (MIDDLE + 20, MIDDLE - 9)
    mirrored, lower, other = turned(item, 1, 0, 0), turned(item, 0, 1, 0), turned(item, 0, 0, 1)
    assert mirrored.levels[0, 0, 4:6].tolist() == [MIDDLE - 20, MIDDLE - 9]
    assert lower.levels[0, 0, 4:6].tolist() == [MIDDLE + 20, MIDDLE + 9]
    assert other.levels[0, 0, 4:6].tolist() == [MIDDLE - 9, MIDDLE + 20]
    assert (other.truth == item.truth.T).all() and (lower.truth == item.truth[::-1]).all()


def test_what_does_not_count_teaches_nothing() -> None:
    item = padded(lines(1).items[0], 90, 0, 64)  # beyond the picture
    batch = batch_of([item])
    answer = torch.zeros((1, 64, 64), requires_grad=True)
    detail_loss(answer, batch).backward()
    assert answer.grad is not None and answer.grad[0, 6:].abs().max() == 0


def test_the_exported_net_answers_the_same_and_is_listed(net_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = DetailNet().eval()
    torch.nn.init.normal_(net.head.weight, 0, 0.05)
    state = {"kind": "detail", "net_config": {"size": 1024}, "average": net.state_dict(), "samples": 7}
    checkpoint.save(tmp_path / "release.pt", state)
    folder = tmp_path / "nets"
    shutil.copytree(net_folder, folder)
    add_detail(folder, tmp_path / "release.pt", ["tiny"], "a test")
    found = modelset.find(str(folder))
    found.check()
    assert list(found.more) == ["detail"] and found.files["detail"].facts["samples"] == 7
    assert found.files["detail"].path.stat().st_size < 2.5e6
    refiner = Refiner.opened(OnnxRuntimeBackend("cpu", 1), found.more["detail"])
    levels = np.full((512, 512, PLANES), MIDDLE, np.uint8)
    levels[:200, :160] = np.random.default_rng(0).integers(60, 200, (200, 160, PLANES), dtype=np.uint8)
    with torch.no_grad():
        planes = torch.from_numpy(levels).permute(2, 0, 1)[None]
        truth = load_detail_net(tmp_path / "release.pt")[0].of_planes(planes)[0, :200, :160].numpy()
    answer = refiner.refined(levels[:200, :160])
    assert np.abs(answer - truth).max() < 0.05 * np.abs(truth).max()  # weights are rounded
    refiner.close()
    with pytest.raises(UsageError, match="no set other"):
        add_detail(folder, tmp_path / "release.pt", ["other"], "")


def test_other_checkpoints_and_sizes_are_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.pt", {"kind": "track", "net_config": {}, "average": {}, "samples": 0})
    with pytest.raises(MissingError, match="no detail net"):
        load_detail_net(tmp_path / "x.pt")
    with pytest.raises(UsageError, match="multiple of 16"):
        DetailRun(tmp_path, tmp_path / "c", minutes=1, crop=100)
