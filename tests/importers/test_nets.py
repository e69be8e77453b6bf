"""The imported nets, on every back end that is here, against the same nets in PyTorch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[import]'")
torch = pytest.importorskip("torch", reason="torch is not installed: pip install '.[torch]'")

from realtime3d.backends.base import NetSpec
from realtime3d.backends.choose import create_backend
from realtime3d.errors import MissingError
from realtime3d.importers import expnet, facepose, resnet, shape3dmm
from realtime3d.importers.piece import Piece
from tests.helpers import checkpoints, official, torch_nets
from tests.helpers.official import Checkout, thin

BACKENDS = ("onnxruntime", "openvino", "torch")
NAMES = ("weights", "biases")


def pictures(size: int) -> NDArray[np.uint8]:
    """Noise that is coarse enough to be seen by all layers."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    fine = np.kron(coarse, np.ones((1, 30, 30, 1), np.uint8))[:, :size, :size]
    return np.clip(fine + rng.normal(0, 20, fine.shape), 0, 255).astype(np.uint8)


def answer(piece: Piece, backend: str, folder: Path) -> NDArray[np.float32]:
    file = folder / f"{piece.part}.onnx"
    file.write_bytes(piece.data)
    facts = piece.facts
    digest = hashlib.sha256(piece.data).hexdigest()
    spec = NetSpec(piece.part, file, digest, facts["input"], facts["size"], tuple(facts["outputs"]))
    net = create_backend(backend, "cpu").load(spec)
    try:
        return net.run(pictures(facts["size"]))[facts["outputs"][0]].copy()
    finally:
        net.close()


def agree(piece: Piece, expected: NDArray, folder: Path, backends: tuple[str, ...] = BACKENDS) -> None:
    assert expected.std(axis=0).min() > 0, "the net must see the pictures"
    for backend in backends:
        if backend == "openvino" and not _has_openvino():
            continue
        found = answer(piece, backend, folder)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max(), err_msg=backend)


def _has_openvino() -> bool:
    try:
        import openvino  # noqa: F401
    except ImportError:
        return False
    return True


def tf_expected(variables: dict[str, NDArray], scope: str, mean: NDArray) -> NDArray:
    x = torch_nets.resized(torch_nets.pixels(pictures(227)), 224) - torch.from_numpy(mean).float()
    features = torch_nets.TfResNet(variables, scope)(x)
    return torch_nets.full(features, variables, f"{scope}/{scope}_fc1", NAMES).numpy()


def test_expnet(checkout: Checkout, tmp_path: Path) -> None:
    piece = expnet.read(checkout.folder)
    assert piece.facts["mean"] == "3DMM_shape_mean.npy"  # what the released program subtracts
    agree(piece, tf_expected(checkout.expression, "exprCNN", checkout.mean), tmp_path)


def test_expnet_with_a_mean_of_its_own(checkout: Checkout, tmp_path: Path) -> None:
    own = checkout.expression_file.with_name("3DMM_expr_mean.npy")
    expected = tf_expected(checkout.expression, "exprCNN", checkout.mean + 5)
    piece = expnet.read(checkout.expression_file, own)
    assert piece.facts["mean"] == own.name
    agree(piece, expected, tmp_path, ("onnxruntime",))
    alone = tmp_path / "elsewhere"
    shutil.copytree(checkout.expression_file.parent, alone)
    agree(expnet.read(alone), expected, tmp_path, ("onnxruntime",))


def test_3dmm_from_tensorflow(checkout: Checkout, tmp_path: Path) -> None:
    expected = tf_expected(checkout.shape, "shapeCNN", checkout.mean)
    agree(shape3dmm.read(checkout.shape_file.parent), expected[:, :99], tmp_path)


def test_facepose_alexnet(checkout: Checkout, tmp_path: Path) -> None:
    x = torch_nets.pixels(pictures(227)) / 255 - torch.from_numpy(official.PIXEL_MEAN).float()[:, None, None]
    labels = torch_nets.alexnet(x, checkout.pose, facepose.ALEX_SCOPE).numpy()
    piece = facepose.read(checkout.folder)
    assert piece.facts["outputs"] == ["camera_pose"]
    agree(piece, labels * official.LABEL_STD + official.LABEL_MEAN, tmp_path)


@pytest.fixture
def later(tmp_path: Path) -> tuple[Path, dict[str, NDArray], NDArray]:
    """Face-Pose-Net's checkout: what training began with, what it changed, and the statistics."""
    with thin():
        start = checkpoints.resnet_variables("shapeCNN", 21)
        sizes = (resnet.features(), *facepose.HIDDEN, facepose.WIDTH)
        end = checkpoints.full_variables("Pose", sizes, 22)
        end.update({name: values + np.float32(0.01) for name, values in start.items() if "res5c" in name})
    folder = tmp_path / "Face-Pose-Net"
    for name in ("models", "train_stats"):
        (folder / name).mkdir(parents=True)
    checkpoints.write_newer(folder / "models" / "ini_shapeNet_model_L7L_trainable.ckpt", start)
    checkpoints.write_newer(folder / "models" / "model_0.0001_1_18_0.0_2048_4096.ckpt", end)
    mean = np.random.default_rng(5).uniform(80, 130, (3, 224, 224))
    np.save(folder / "train_stats" / "3DMM_shape_mean.npy", mean)
    rest = np.arange(128.0)  # of the labels: shapes and expressions
    np.save(folder / "train_stats" / "train_label_mean_300WLP.npy", np.concatenate([official.SCALED_MEAN, rest]))
    np.save(folder / "train_stats" / "train_label_std_300WLP.npy", np.concatenate([official.SCALED_STD, rest]))
    return folder, {**start, **end}, mean


def test_facepose_resnet(later: tuple[Path, dict[str, NDArray], NDArray], tmp_path: Path) -> None:
    folder, variables, mean = later
    with thin():
        piece = facepose.read(folder)
    x = torch_nets.TfResNet(variables, "shapeCNN")(torch_nets.pixels(pictures(224)) - torch.from_numpy(mean).float())
    for layer in ("fc1", "fc2"):
        x = torch.relu(torch_nets.full(x, variables, f"Pose/{layer}", ("W", "baises")))
    labels = torch_nets.full(x, variables, "Pose/fc3", ("W", "baises")).numpy()
    assert piece.facts["outputs"] == ["scaled_pose"]
    assert piece.facts["size"] == 224
    agree(piece, labels * official.SCALED_STD + official.SCALED_MEAN, tmp_path)


def test_the_projection_is_refused_by_name(later: tuple[Path, dict[str, NDArray], NDArray], tmp_path: Path) -> None:
    checkpoints.write_newer(tmp_path / "p.ckpt", checkpoints.full_variables("Pose", (4, 3, 3, 11), 1))
    with pytest.raises(MissingError, match="a projection of 11 numbers, which is not read"):
        facepose.read(tmp_path / "p.ckpt")
    folder = later[0]
    checkpoints.write_newer(
        folder / "models" / "model_iniLR.ckpt", checkpoints.full_variables("Pose", (4, 3, 3, 11), 1)
    )
    with thin():
        assert "model_0.0001_1_18" in facepose.read(folder).read  # the one of 6 numbers


def kit_model(seed: int) -> torch.nn.Module:
    """3DMM-CNN as its converter from Caffe made it: one module with all layers under their names."""
    torch.manual_seed(seed)

    class KitModel(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for conv, (norm, (out, into, side, _)) in resnet.convolutions().items():
                shrinks = conv[3:6] in ("3a_", "4a_", "5a_") and conv.endswith(("branch1", "branch2a"))
                stride = 2 if conv == "conv1" or shrinks else 1
                pad = 1 if side == 3 else 0
                setattr(self, conv, torch.nn.Conv2d(into, out, side, stride, pad, bias=False))
                normalising = torch.nn.BatchNorm2d(out, eps=2e-5)
                normalising.running_mean.normal_(0, 0.05)
                normalising.running_var.uniform_(0.8, 1.2)
                torch.nn.init.uniform_(normalising.weight, 0.2, 0.4 if "2c" in norm else 1.2)
                torch.nn.init.normal_(normalising.bias, 0, 0.05)
                setattr(self, norm, normalising)
            self.fc_ftnew_1 = torch.nn.Linear(resnet.features(), 198)

        def part(self, x: torch.Tensor, name: str) -> torch.Tensor:
            norm = "bn_conv1" if name == "conv1" else name.replace("res", "bn")
            return getattr(self, norm)(getattr(self, name)(x))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            pad = torch.nn.functional.pad
            x = torch.relu(self.part(pad(x, (3, 3, 3, 3)), "conv1"))
            x = torch.nn.functional.max_pool2d(pad(x, (0, 1, 0, 1), value=float("-inf")), 3, 2)
            for name, *_ in resnet.blocks():
                y = torch.relu(self.part(x, f"res{name}_branch2a"))
                y = self.part(torch.relu(self.part(y, f"res{name}_branch2b")), f"res{name}_branch2c")
                x = torch.relu(y + (self.part(x, f"res{name}_branch1") if name.endswith("a") else x))
            return self.fc_ftnew_1(torch.nn.functional.avg_pool2d(x, 7)[:, :, 0, 0])

    return KitModel().eval()


@pytest.mark.parametrize("zipped", [True, False])
def test_3dmm_from_pytorch(zipped: bool, checkout: Checkout, tmp_path: Path) -> None:
    net = kit_model(4)
    torch.save({"state_dict": net.state_dict()}, tmp_path / "shape_model.pth", _use_new_zipfile_serialization=zipped)
    np.savez(tmp_path / "shape_mean.npz", checkout.mean)
    piece = shape3dmm.read(tmp_path)
    assert piece.facts["crop"] == "landmarks"
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = shape3dmm.EPSILON  # a state dict does not say
    with torch.inference_mode():
        expected = net(torch_nets.pixels(pictures(224)) - torch.from_numpy(checkout.mean).float())
    agree(piece, expected[:, :99].numpy(), tmp_path)


def caffe_layers(net: torch.nn.Module) -> dict[str, tuple[str, list[NDArray]]]:
    """The same numbers as Caffe keeps them: sums and how many were summed, and the scaling in a layer of its own."""
    found: dict[str, tuple[str, list[NDArray]]] = {}
    for name, module in net.named_children():
        numbers = {key: values.numpy() for key, values in module.state_dict().items()}
        if isinstance(module, torch.nn.BatchNorm2d):
            sums = [numbers["running_mean"] * 999, numbers["running_var"] * 999, np.array([999.0])]
            found[name] = "BatchNorm", sums
            found[name.replace("bn", "scale")] = "Scale", [numbers["weight"], numbers["bias"]]
        elif isinstance(module, torch.nn.Linear):
            found["fc_ftnew"] = "InnerProduct", [numbers["weight"], numbers["bias"]]
        else:
            found[name] = "Convolution", [numbers["weight"]]
    return found


@pytest.mark.parametrize("old", [True, False])
def test_3dmm_from_caffe(old: bool, checkout: Checkout, tmp_path: Path) -> None:
    net = kit_model(5)
    file = tmp_path / "3dmm_cnn_resnet_101.caffemodel"
    checkpoints.write_caffe(file, caffe_layers(net), old)
    (tmp_path / "mean.binaryproto").write_bytes(checkpoints.blob(checkout.mean, old=True))
    piece = shape3dmm.read(tmp_path)
    assert (piece.facts["crop"], piece.facts["mean"]) == ("landmarks", "mean.binaryproto")
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = shape3dmm.EPSILON
    with torch.inference_mode():
        expected = net(torch_nets.pixels(pictures(224)) - torch.from_numpy(checkout.mean).float())
    agree(piece, expected[:, :99].numpy(), tmp_path, ("onnxruntime",))
    data = file.read_bytes()
    for size in (10, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:size])
        with pytest.raises(MissingError, match=r"it is no file of Caffe|lacks \d+ of the 520 variables"):
            shape3dmm.read(file)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["expnet", "facepose"])
def test_true_widths(which: str, tmp_path: Path) -> None:
    """44 and 58 million weights."""
    folder = tmp_path / "weights"
    folder.mkdir()
    make: dict[str, Callable[[Path], tuple[Piece, NDArray]]] = {"expnet": _true_expnet, "facepose": _true_facepose}
    with torch.inference_mode():
        piece, expected = make[which](folder)
    agree(piece, expected, tmp_path, ("onnxruntime", "torch"))


def _true_expnet(folder: Path) -> tuple[Piece, NDArray]:
    variables = checkpoints.resnet_variables("exprCNN", 1)
    variables.update(checkpoints.head_variables("exprCNN/exprCNN_fc1", 29, 2))
    assert len(variables) == 522  # 104 convolutions with 4 numbers a channel behind each, and the last layer
    checkpoints.write_newer(folder / "ini_exprNet_model.ckpt", variables)
    mean = np.full((3, 224, 224), 110.0)
    np.save(folder / "3DMM_expr_mean.npy", mean)
    return expnet.read(folder), tf_expected(variables, "exprCNN", mean)


def _true_facepose(folder: Path) -> tuple[Piece, NDArray]:
    variables = checkpoints.alexnet_variables(1)
    checkpoints.write_newer(folder / "model_0_1.0_1.0_1e-07_1_16000.ckpt", variables)
    np.savez(folder / facepose.ALEX_LABELS, mean_labels=official.LABEL_MEAN, std_labels=official.LABEL_STD)
    np.savez(folder / facepose.ALEX_PIXELS, train_mean_vec=official.PIXEL_MEAN)
    x = torch_nets.pixels(pictures(227)) / 255 - torch.from_numpy(official.PIXEL_MEAN).float()[:, None, None]
    labels = torch_nets.alexnet(x, variables, facepose.ALEX_SCOPE).numpy()
    return facepose.read(folder), labels * official.LABEL_STD + official.LABEL_MEAN
