"""The mask net learns, goes on where it stopped, and answers the same once exported."""

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
from realtime3d.surface.mask import CLASSES, OCCLUDER, SKIN, Masker
from realtime3d.training.learning import checkpoint
from realtime3d.training.mask.labels import UNKNOWN
from realtime3d.training.mask.net import MaskConfig, MaskNet
from realtime3d.training.mask.release import add_mask
from realtime3d.training.mask.train import MaskRun, MaskTrainer, load_mask_net, mask_loss
from tests.helpers.paths import FACE_MODEL

INIT = FACE_MODEL.parent / "compact_track.onnx"


def run_in(folder: Path) -> MaskRun:
    return MaskRun(folder, (), Path("none.glb"), (), INIT, minutes=1, size=64, batch=4)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Grey pictures with a green square, which is the occluder."""
    images = np.full((4, 64, 64, 3), 140, np.uint8)
    labels = np.full((4, 64, 64), SKIN, np.uint8)
    for k in range(4):
        images[k, 8 * k : 8 * k + 24, 20:44] = (30, 200, 30)
        labels[k, 8 * k : 8 * k + 24, 20:44] = OCCLUDER
    labels[:, :, :4] = UNKNOWN
    return torch.from_numpy(images), torch.from_numpy(labels)


def test_it_learns_from_what_is_known_and_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trainer = MaskTrainer(run_in(tmp_path))
    images, labels = batch()
    losses = [trainer.train_step(images, labels, 2e-3) for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    checkpoint.save(tmp_path / "last.pt", trainer.state())
    again = MaskTrainer(run_in(tmp_path))
    assert again.samples == trainer.samples == 48
    assert again.train_step(images, labels, 1e-4) < 0.7 * losses[0]


def test_nothing_is_learned_where_nothing_is_known() -> None:
    logits = torch.zeros((1, len(CLASSES), 4, 4), requires_grad=True)
    labels = torch.full((1, 4, 4), UNKNOWN, dtype=torch.uint8)
    labels[0, 0, 0] = SKIN
    mask_loss(logits, labels).backward()
    assert logits.grad is not None
    assert logits.grad[0, :, 0, 0].abs().sum() > 0 and logits.grad[0, :, 1:].abs().sum() == 0


def test_the_exported_net_answers_the_same_and_is_listed(net_folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = MaskNet(MaskConfig(64)).eval()
    state = {"kind": "mask", "net_config": {"size": 64}, "average": net.state_dict(), "samples": 7}
    checkpoint.save(tmp_path / "release.pt", state)
    folder = tmp_path / "nets"
    shutil.copytree(net_folder, folder)
    before = modelset.find(str(folder))
    add_mask(folder, tmp_path / "release.pt", ["tiny"], "a test")
    found = modelset.find(str(folder))
    found.check()
    assert before.more == {} and list(found.more) == ["mask"] and list(found.nets) == list(before.nets)
    assert found.files["mask"].facts["samples"] == 7
    masker = Masker.opened(OnnxRuntimeBackend("cpu", 1), found.more["mask"])
    images = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3), dtype=np.uint8)
    with torch.no_grad():
        truth = load_mask_net(tmp_path / "release.pt")[0](torch.from_numpy(images)).numpy()
    answer = masker._net.run(images)["mask"]
    assert np.abs(answer - truth).max() < 0.05 * np.abs(truth).max() + 0.02  # weights are rounded
    masker.close()
    with pytest.raises(UsageError, match="no set other"):
        add_mask(folder, tmp_path / "release.pt", ["other"], "")


def test_other_checkpoints_and_sizes_are_refused(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.pt", {"kind": "track", "net_config": {}, "average": {}, "samples": 0})
    with pytest.raises(MissingError, match="no mask net"):
        load_mask_net(tmp_path / "x.pt")
    with pytest.raises(UsageError, match="multiple of 16"):
        MaskRun(tmp_path, (), Path("a"), (), INIT, minutes=1, size=100)
