"""Cameras from calibration files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.config import CameraSettings
from realtime3d.errors import UsageError
from realtime3d.geometry import Camera
from realtime3d.sources.intrinsics import CameraModel, mirrored, read_intrinsics

K = np.array([[800.0, 0, 630], [0, 810, 350], [0, 0, 1]])
DISTORTION = np.array([0.1, -0.05, 0.002, -0.003, 0.01])


def write(path: Path, distortion: np.ndarray = DISTORTION, size: tuple[int, int] | None = (1280, 720)) -> Path:
    extra = {} if size is None else {"image_width": size[0], "image_height": size[1]}
    if path.suffix == ".json":
        values = {"camera_matrix": K.tolist(), "dist_coeffs": distortion.tolist(), **extra}
        path.write_text(json.dumps(values), encoding="utf-8")
    elif path.suffix == ".npz":
        np.savez(path, mtx=K, dist=distortion.reshape(1, -1), **extra)
    else:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
        for name, value in {"camera_matrix": K, "distortion_coefficients": distortion, **extra}.items():
            storage.write(name, value)
        storage.release()
    return path


@pytest.mark.parametrize("suffix", [".json", ".npz", ".yml", ".yaml", ".xml"])
def test_reads_what_calibration_tools_write(tmp_path: Path, suffix: str) -> None:
    camera = read_intrinsics(write(tmp_path / f"cam{suffix}"))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (800, 810, 630, 350)
    assert (camera.width, camera.height) == (1280, 720)
    assert camera.distortion == pytest.approx(tuple(DISTORTION))


def test_no_distortion_is_none(tmp_path: Path) -> None:
    assert read_intrinsics(write(tmp_path / "cam.json", np.zeros(5))).distortion == ()


def test_calibration_is_scaled_to_the_picture(tmp_path: Path) -> None:
    cameras = CameraModel.from_config(CameraSettings(intrinsics=str(write(tmp_path / "cam.yml"))))
    full, half = cameras.camera(1280, 720), cameras.camera(640, 360)
    point = np.array([100.0, -50.0, 700.0])
    assert half.project(point) == pytest.approx((full.project(point) + 0.5) / 2 - 0.5)
    with pytest.raises(UsageError, match=r"1280x720.*640x480"):
        cameras.camera(640, 480)


def test_calibration_without_a_size_is_taken_as_it_is(tmp_path: Path) -> None:
    cameras = CameraModel.from_config(CameraSettings(intrinsics=str(write(tmp_path / "cam.json", size=None))))
    assert cameras.camera(640, 480).fx == 800


@pytest.mark.parametrize("distortion", [(), tuple(DISTORTION)])
def test_mirrored_camera_sees_mirrored_points(distortion: tuple[float, ...]) -> None:
    camera = Camera(800, 810, 630, 350, 1280, 720, distortion)
    points = np.array([[100.0, -50, 700], [-300, 200, 900]])
    there = mirrored(camera).project(points * (-1, 1, 1))
    expected = camera.project(points)
    assert there[:, 0] == pytest.approx(1279 - expected[:, 0])
    assert there[:, 1] == pytest.approx(expected[:, 1])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cam.json", "{"),
        ("cam.json", "[1]"),
        ("cam.json", '{"dist": [0, 0, 0, 0]}'),
        ("cam.json", '{"camera_matrix": [1, 2]}'),
        ("cam.json", '{"camera_matrix": [[0,0,1],[0,1,1],[0,0,1]]}'),
        ("cam.json", '{"camera_matrix": [[1,0,1],[0,1,1],[0,0,1]], "dist": [1, 2, 3]}'),
        ("cam.json", '{"camera_matrix": [[1,0,1],[0,1,1],[0,0,NaN]]}'),
        ("cam.yml", "nothing"),
        ("cam.xml", "<a"),
        ("cam.npz", "x"),
        ("cam.txt", ""),
    ],
)
def test_what_is_no_calibration_is_a_usage_error_with_its_name(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="cam") as caught:
        read_intrinsics(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="absent"):
        read_intrinsics(tmp_path / f"absent{file.suffix}")


def test_single_pictures_of_unknown_cameras_hold_no_face_nearer_than_a_metre() -> None:
    unknown, small, large = CameraModel(0.0), [10, 10, 40, 40], [0, 0, 300, 360]
    usual = unknown.camera(640, 480)
    assert usual == CameraModel(60.0).camera(640, 480)
    assert unknown.portrait(640, 480, [small]) == usual == unknown.portrait(640, 480, [])
    near = unknown.portrait(640, 480, [small, large])
    assert near.fx == near.fy == pytest.approx(360 / 125 * 1000)
    assert (near.cx, near.width) == (usual.cx, 640)
    told = CameraModel(60.0)
    assert told.portrait(640, 480, [large]) == usual
