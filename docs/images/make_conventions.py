"""Makes conventions.png and crop.png beside this file with the project's own renderer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.geometry import (
    ANCHOR_MM,
    Camera,
    Matrix,
    euler_to_matrix,
    head_angles_to_matrix,
    matrix_to_euler,
    matrix_to_head_angles,
)
from realtime3d.nets.crop import crop_from_pose, warp
from realtime3d.render.base import Mode, OverlayStyle
from realtime3d.render.choose import create_renderer
from realtime3d.types import FaceCoeffs, Frame, IdentityState, Image, Pose

HERE = Path(__file__).parent
MODEL = FaceModel.load(HERE.parents[1] / "models" / "face_model.npz")
RED, GREEN, BLUE, INK = "#d62828", "#2a9d3a", "#1d4ed8", "#333333"
WIDE, HIGH, FOV = 640, 560, 30.0


def face_at(R: Matrix, t: tuple[float, float, float], camera: Camera, id: int = 0) -> FaceState:
    pose = Pose(R, np.array(t, dtype=np.float64))
    eta, extras, alpha = (np.zeros(n, np.float32) for n in (MODEL.n_expression, MODEL.n_extras, MODEL.n_shape))
    raw = FaceCoeffs(pose, eta, extras, 1.0, 1.0, alpha)
    status: Any = "held" if id == 0 else "tracked"  # a held face is grey
    return FaceState(id, status, 1.0, pose, eta, extras, alpha, raw, IdentityState(alpha, True, 1), MODEL, camera)


def head(face: FaceState, mode: Mode = "shaded", picture: Image | None = None) -> Image:
    blank = np.full((face.camera.height, face.camera.width, 3), 255, dtype=np.uint8)
    picture = blank if picture is None else picture
    style = OverlayStyle(mode=mode, box=False, label=False, axes=False, bars=False, whole_head=True)
    return create_renderer("software", style).draw(picture, FrameResult(Frame(0, 0, picture), (face,)))


def show(axes: Any, picture: Image, title: str) -> None:
    axes.imshow(picture[..., ::-1])
    axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.set_axis_off()


def arrow(axes: Any, start: Any, end: Any, colour: str, text: str, shift: tuple[float, float] = (0, 0)) -> None:
    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2.2, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=end, xytext=start, arrowprops=style, annotation_clip=False)
    axes.text(end[0] + shift[0], end[1] + shift[1], text, color=colour, fontsize=9, ha="center", va="center",
              bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1})  # fmt: skip


def head_frame(axes: Any) -> None:
    camera = Camera.from_fov(WIDE, HIGH, FOV)
    face = face_at(euler_to_matrix(0.12, 0.45, 0), (0, -20, 780), camera)
    show(axes, head(face), "head frame")
    ends = np.array([[0, 0, 0], [115, 0, 0], [0, 115, 0], [0, 0, -150]]) @ face.pose.R.T + face.pose.t
    points = camera.project(ends)
    arrow(axes, points[0], points[1], RED, "x: the picture's right,\nthe person's left", (62, 4))
    arrow(axes, points[0], points[2], GREEN, "y: down", (0, 16))
    arrow(axes, points[0], points[3], BLUE, "-z: where the face looks\n(z: into the head)", (-8, 30))
    axes.plot(*points[0], "o", color="black", markersize=6)
    axes.annotate("origin: midpoint between\nthe eyeballs' centres", points[0], (12, 40), fontsize=9, color=INK,
                  arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8})  # fmt: skip


def camera_frame(axes: Any) -> None:
    camera = Camera.from_fov(WIDE, HIGH, FOV)
    show(axes, head(face_at(np.eye(3), (0, -20, 900), camera)), "camera frame: R = I, the face looks into the camera")
    axes.plot([0, WIDE - 1, WIDE - 1, 0, 0], [0, 0, HIGH - 1, HIGH - 1, 0], color="#999999", linewidth=1)
    middle = (WIDE - 1) / 2, (HIGH - 1) / 2
    arrow(axes, middle, (middle[0] + 190, middle[1]), RED, "x: right", (34, -14))
    arrow(axes, middle, (middle[0], middle[1] + 190), GREEN, "y: down", (44, 0))
    axes.plot(*middle, "o", color=BLUE, markersize=9)
    axes.annotate("z: away from the camera,\ninto the picture", middle, (18, 400), fontsize=9, color=BLUE,
                  arrowprops={"arrowstyle": "-", "color": BLUE, "linewidth": 0.8})  # fmt: skip
    axes.plot(0, 0, "s", color=INK, markersize=5, clip_on=False)
    axes.text(10, 20, "pixel (0, 0): its middle is at 0, 0", fontsize=8, color=INK)


def turned(axes: Any, angles_deg: tuple[float, float, float], title: str, start: Any, end: Any, bend: float) -> None:
    camera = Camera.from_fov(WIDE, HIGH, FOV)
    place = (0.0, -20.0, 900.0)
    ghost = head(face_at(np.eye(3), place, camera), "wire")
    faded = (255 - (255 - ghost.astype(int)) // 3).astype(np.uint8)
    show(axes, head(face_at(euler_to_matrix(*np.radians(angles_deg)), place, camera, 3), "shaded", faded), title)
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 2.4, "mutation_scale": 20,
             "connectionstyle": f"arc3,rad={bend}"}  # fmt: skip
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def conventions() -> None:
    figure = Figure(figsize=(12, 8.2), dpi=100, layout="constrained")
    rows = figure.subplots(2, 6, gridspec_kw={"height_ratios": [1.25, 1]})
    for axes in rows.ravel():
        axes.set_axis_off()
    grid = rows[0, 0].get_gridspec()
    camera_frame(figure.add_subplot(grid[0, :3]))
    head_frame(figure.add_subplot(grid[0, 3:]))
    turned(figure.add_subplot(grid[1, :2]), (25, 0, 0), "pitch +25°: looks down", (520, 190), (520, 370), -0.4)
    turned(
        figure.add_subplot(grid[1, 2:4]),
        (0, 25, 0),
        "yaw +25°: turns to the person's own right",
        (400, 80),
        (220, 80),
        0.3,
    )
    turned(
        figure.add_subplot(grid[1, 4:]), (0, 0, 25), "roll +25°: clockwise in the picture", (200, 70), (440, 70), -0.35
    )
    figure.savefig(HERE / "conventions.png")


def crop_picture() -> None:
    camera = Camera.from_fov(960, 720)
    face = face_at(euler_to_matrix(0.05, -0.35, 0.3), (185, -120, 560), camera, 3)
    picture = head(face, "shaded", np.full((720, 960, 3), 225, dtype=np.uint8))
    crop = crop_from_pose(face.pose, 224)
    figure = Figure(figsize=(11, 5), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.55, 1])
    show(left, picture, "the camera's picture, and what the crop sees of it")
    side = crop.size - 1
    ring = np.array([[0, 0, 1], [side, 0, 1], [side, side, 1], [0, side, 1], [0, 0, 1]], dtype=np.float64)
    corners = camera.project((ring @ np.linalg.inv(crop.K).T) @ crop.R)
    left.plot(*corners.T, color=BLUE, linewidth=2)
    anchor = camera.project(face.pose.R @ ANCHOR_MM + face.pose.t)
    left.plot(*anchor, "o", color=RED, markersize=7)
    middle = (camera.cx, camera.cy)
    left.annotate("", xy=anchor, xytext=middle, arrowprops={"arrowstyle": "->", "color": RED, "linewidth": 1})
    left.text(middle[0] - 8, middle[1] + 26, "optical axis", color=RED, fontsize=9, ha="right")
    show(right, warp(picture, camera, crop), "the crop: upright, 210 mm across at the anchor")
    right.plot(side / 2, side / 2, "o", color=RED, markersize=7)
    right.plot([0, side, side, 0, 0], [0, 0, side, side, 0], color=BLUE, linewidth=3)
    figure.savefig(HERE / "crop.png")


def angles() -> None:
    """A head that turns to profile while it looks down by 20 degrees, and both ways to write its rotation."""
    camera = Camera.from_fov(WIDE, HIGH, FOV)
    yaws = np.linspace(0, 120, 241)
    turns = [head_angles_to_matrix(np.radians(20), np.radians(yaw), 0) for yaw in yaws]
    figure = Figure(figsize=(12, 6.4), dpi=100, layout="constrained")
    grid = figure.add_gridspec(2, 10, height_ratios=[1, 1.15])
    for column, yaw in enumerate((0, 45, 80, 90, 110)):
        R = head_angles_to_matrix(np.radians(20), np.radians(yaw), 0)
        picture = head(face_at(R, (0, -20, 900), camera, 3))
        show(figure.add_subplot(grid[0, 2 * column : 2 * column + 2]), picture, f"looks down by 20°, yaw {yaw}°")
    for columns, name, of in (
        (slice(0, 5), "head angles: R = Ry Rx Rz", matrix_to_head_angles),
        (slice(5, 10), "OpenFace's: R = Rx Ry Rz", matrix_to_euler),
    ):
        axes = figure.add_subplot(grid[1, columns])
        for values, label, colour in zip(
            np.degrees([of(R) for R in turns]).T, ("pitch", "yaw", "roll"), (RED, GREEN, BLUE), strict=True
        ):
            axes.plot(yaws, values, color=colour, label=label, linewidth=2)
        axes.set(title=name, xlabel="the head has turned by, degrees", ylabel="written as, degrees", ylim=(-190, 190))
        axes.grid(color="#dddddd")
        axes.legend(loc="upper left", frameon=False)
    figure.savefig(HERE / "angles.png")


if __name__ == "__main__":
    conventions()
    angles()
    crop_picture()
