"""Labels for photographs: pose, identity and expression fitted to MediaPipe's 478 landmarks, many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.training.labels.calibration import Calibration
from realtime3d.training.labels.fits import Fits
from realtime3d.training.labels.splits import person
from realtime3d.training.model.regions import LID_GAPS, LIP_GAPS

DISTANCE_MM = 1000.0  # portraits: the picture's true focal length is unknown, only its ratio to this is fitted
RATES = {"rotvec": 0.02, "xy": 0.02, "log_focal": 0.01, "alpha": 0.05, "action": 0.02}
STAGES: tuple[dict, ...] = (
    # Pose with a strong prior on identity: a long chin and a nod look alike in 2D, and the weaker the prior the more
    # of the nod the chin takes. On labelled photographs frontal faces then looked up more than turned ones: by 5.4
    # degrees at 1e-4, 1.1 at 1e-3.
    {"alpha_price": 1e-3, "action_price": 4e-5, "frozen": ()},
    # Cheap actions: with 2e-5 a smile becomes a shape. Two pictures of one person, neutral and smiling, were then as
    # far apart as 0.61 of the distance between people; 0.45 now. A cheap identity, too: people's modes of the scans are
    # then 0.7 standard deviations large. An identity found on one picture of 40 people fits another one, with another
    # expression, to 0.865 % of the eyes' distance at 6e-6, 0.817 % at 7e-7, 0.803 % at 3e-7.
    {"alpha_price": 7e-7, "action_price": 3e-6, "frozen": ("rotvec",)},
)
STEPS = 300  # of each stage
# How far lids and lips are open is worth more than the few landmarks on their rims: without it their neighbours held
# them back, and fits had 0.7 of a lid's way and were off by a millimetre at the lips.
GAP_WEIGHT = 0.5  # of all gaps together, where all landmarks together have 1
# MediaPipe leaves 1.2 to 2.2 mm between lids that are closed, and sees others right from 4 mm on.
CLOSED_MM, CERTAIN_MM = 1.5, 4.0
# Where the eyes look hangs on ten landmarks of 478. At the price of other actions the first 4 degrees were not worth
# it, so most labels said "straight ahead"; and both eyes, each for itself, squinted.
FIRST_IRIS = 468
IRISES = 0.08  # of all landmarks' weight
GAZE_PRICE = 0.1  # of another action's
TOGETHER = 1e-4  # price of the squared difference between both eyes' directions
ROBUST = 0.03  # of the eyes' distance: larger errors count linearly


class Problem:
    """Photographs to fit together: what is looked for, and how far it is from the landmarks."""

    def __init__(
        self,
        model: FaceModel,
        to_motion: NDArray,
        calibration: Calibration,
        landmarks: NDArray,
        sizes: NDArray,
        people: NDArray[np.intp] | None = None,
    ) -> None:
        """`people` (N,) numbers from 0 who each photograph shows: those of one person share one alpha."""
        on = model.landmark_sets["mediapipe478"].on
        n = len(landmarks)
        self.mean = torch.tensor(on(model.mean) + calibration.offset, dtype=torch.float32)
        self.shape = torch.tensor(on(model.shape_basis))
        self.motion = torch.tensor(on(np.concatenate([model.expression_basis, model.extra_basis])))
        self.to_motion = torch.tensor(to_motion)
        self.usual = torch.tensor(calibration.alpha, dtype=torch.float32)
        self.target = torch.tensor(landmarks) - (torch.tensor(sizes, dtype=torch.float32)[:, None] - 1) / 2
        self.eye = (self.target[:, 33] - self.target[:, 263]).norm(dim=-1)
        weight = torch.tensor(1 / (calibration.spread + 5.0) ** 2, dtype=torch.float32)
        self.weight = _shared_out(weight)
        self.price = torch.tensor([GAZE_PRICE if name.startswith("eyeLook") else 1.0 for name in model.arkit_names])
        self.gaze = self.to_motion[model.n_expression : model.n_expression + 4]
        self.gaps = torch.tensor([*LID_GAPS, *LIP_GAPS]).T
        self.scale = (self.target - self.target.mean(1, keepdim=True)).norm(dim=-1).mean(1)
        model_scale = (self.mean - self.mean.mean(0)).norm(dim=-1).mean()
        self.people = torch.arange(n) if people is None else torch.tensor(people)
        self.free = {
            "rotvec": _initial_rotation(self.target),
            "xy": (self.target.mean(1) / self.scale[:, None]),
            "log_focal": torch.log(self.scale * DISTANCE_MM / model_scale),
            "alpha": self.usual.repeat(int(self.people.max()) + 1, 1),
            "action": torch.zeros(n, len(model.arkit_names)),
        }
        for value in self.free.values():
            value.requires_grad_(True)

    def camera_space(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(N, 478, 3) mm, and the pose."""
        free = self.free
        motion = free["action"].clamp(0, 1) @ self.to_motion.T
        points = self.mean + torch.einsum("nk,kpc->npc", free["alpha"], self.shape)[self.people]
        points = points + torch.einsum("nk,kpc->npc", motion, self.motion)
        R = rotation_matrix(free["rotvec"])
        xy = free["xy"] * (self.scale / free["log_focal"].exp())[:, None] * DISTANCE_MM
        t = torch.cat([xy, torch.full((len(xy), 1), DISTANCE_MM)], dim=1)
        return points @ R.transpose(1, 2) + t[:, None], R, t

    def missing_px(self) -> torch.Tensor:
        """(N, 478, 2) from where the model puts each landmark to where it was found."""
        p = self.camera_space()[0]
        return self.target - self.free["log_focal"].exp()[:, None, None] * p[..., :2] / p[..., 2:]

    def missing_mm(self) -> torch.Tensor:
        """(N, 478, 3) the same in the head's frame, as far as a picture can tell."""
        p, R, _ = self.camera_space()
        xy = self.missing_px() * p[..., 2:] / self.free["log_focal"].exp()[:, None, None]
        return torch.cat([xy, torch.zeros_like(xy[..., :1])], dim=-1) @ R

    def cost(self, stage: dict) -> torch.Tensor:
        missing = self.missing_px()
        places = (self._robust(missing) * self.weight).sum(1)
        gaps = GAP_WEIGHT * self._robust(self._missing_gaps(missing)).mean(1)
        identity = stage["alpha_price"] * (self.free["alpha"] - self.usual).square().sum()
        actions = stage["action_price"] * (self.free["action"].abs() * self.price).sum(1)
        left, right = (self.free["action"] @ self.gaze.T).view(-1, 2, 2).unbind(1)
        apart = TOGETHER * (left - right).square().sum(1)
        return (places + gaps + actions + apart).sum() + identity

    def _missing_gaps(self, missing: torch.Tensor) -> torch.Tensor:
        """(N, G, 2) px between the openings of lids and lips as they were found and as the model has them."""
        upper, lower = self.gaps
        lids = slice(len(LID_GAPS))
        found = (self.target[:, lower] - self.target[:, upper])[:, lids]
        mm = found.norm(dim=-1, keepdim=True) * DISTANCE_MM / self.free["log_focal"].detach().exp()[:, None, None]
        less = found * (1 - ((mm - CLOSED_MM) / (CERTAIN_MM - CLOSED_MM)).clamp(0, 1))
        gaps = missing[:, lower] - missing[:, upper]
        return torch.cat([gaps[:, lids] - less, gaps[:, len(LID_GAPS) :]], dim=1)

    def _robust(self, px: torch.Tensor) -> torch.Tensor:
        error = px.norm(dim=-1) / self.eye[:, None].clamp(min=1e-3)
        return torch.nn.functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=ROBUST)

    def solve(self, stages: Sequence[dict] = STAGES, steps: int = STEPS) -> Problem:
        """Adam, stage after stage."""
        for stage in stages:
            trained = [key for key in self.free if key not in stage["frozen"]]
            optimiser = torch.optim.Adam([{"params": [self.free[key]], "lr": RATES[key]} for key in trained])
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, [RATES[key] for key in trained], total_steps=steps, pct_start=0.1
            )
            for _ in range(steps):
                optimiser.zero_grad()
                self.cost(stage).backward()
                optimiser.step()
                schedule.step()
                with torch.no_grad():
                    self.free["action"].clamp_(0, 1)
        return self

    @torch.no_grad()
    def fits(self, files: Sequence[str], landmarks: NDArray, sizes: NDArray) -> Fits:
        _, R, t = self.camera_space()
        residual = (self.missing_px().norm(dim=-1) * self.weight).sum(1) / self.eye
        free = {key: value.detach().numpy() for key, value in self.free.items()}
        motion = free["action"] @ self.to_motion.numpy().T
        return Fits(
            tuple(files), landmarks, R.numpy(), t.numpy(), np.exp(free["log_focal"]), sizes,
            free["alpha"][self.people.numpy()], free["action"], motion, residual.numpy(),
        )  # fmt: skip


def fit(
    model: FaceModel,
    arkit_to_motion: NDArray,
    calibration: Calibration,
    files: Sequence[str],
    landmarks: NDArray[np.float32],
    sizes: NDArray[np.int32],
    steps: int = STEPS,
) -> Fits:
    """Rotation, position, focal length and 52 bounded actions for each photograph, and alpha (Gaussian prior round the
    usual face) for each person."""
    people = np.unique([person(file) for file in files], return_inverse=True)[1]
    problem = Problem(model, arkit_to_motion, calibration, landmarks, sizes, people)
    return problem.solve(steps=steps).fits(files, landmarks, sizes)


def fit_in_chunks(
    model: FaceModel,
    arkit_to_motion: NDArray,
    calibration: Calibration,
    files: Sequence[str],
    landmarks: NDArray[np.float32],
    sizes: NDArray[np.int32],
    progress: Callable[[Iterable], Iterable] = lambda items: items,
    chunk: int = 400,
) -> Fits:
    """`fit` for any number of photographs: chunks stay in the processor's cache and show progress. A person's
    photographs stay together."""
    order = sorted(range(len(files)), key=lambda i: (person(files[i]), i))
    parts = [
        fit(model, arkit_to_motion, calibration, [files[i] for i in rows], landmarks[rows], sizes[rows])
        for rows in progress(_chunks(order, [person(files[i]) for i in order], chunk))
    ]
    back = np.argsort(order)
    fields = {
        key: np.concatenate([part.__dict__[key] for part in parts])[back] for key in parts[0].__dict__ if key != "files"
    }
    return Fits(files=tuple(files), **fields)


def _chunks(order: list[int], people: list[str], size: int) -> list[list[int]]:
    """`order` cut after about `size` entries, never between two of one person."""
    found, start = [], 0
    while start < len(order):
        end = min(start + size, len(order))
        while end < len(order) and people[end] == people[end - 1]:
            end += 1
        found.append(order[start:end])
        start = end
    return found


def calibrate(
    model: FaceModel,
    arkit_to_motion: NDArray,
    start: Calibration,
    landmarks: NDArray[np.float32],
    sizes: NDArray[np.int32],
    rounds: int = 2,
) -> Calibration:
    """Where MediaPipe sees its points on people with neutral faces: fitted without actions, what remains is its habit.

    Without this a neutral face comes out as raised brows and rolled lips, and prices on actions that hide it make a
    smile a shape.
    """
    stages = [{**stage, "frozen": (*stage["frozen"], "action")} for stage in STAGES]
    calibration = Calibration(start.spread, np.zeros_like(start.offset), np.zeros_like(start.alpha))
    for _ in range(rounds):
        problem = Problem(model, arkit_to_motion, calibration, landmarks, sizes).solve(stages)
        missing = np.median(problem.missing_mm().detach().numpy(), axis=0)
        usual = problem.free["alpha"].detach().numpy().mean(axis=0)
        calibration = Calibration(start.spread, calibration.offset + missing, usual)
    return calibration


def _shared_out(weight: torch.Tensor) -> torch.Tensor:
    """(478,) weights of landmarks with sum 1, those of the irises with theirs."""
    face, irises = weight[:FIRST_IRIS], weight[FIRST_IRIS:]
    return torch.cat([face * ((1 - IRISES) / face.sum()), irises * (IRISES / irises.sum())])


def _initial_rotation(target: torch.Tensor) -> torch.Tensor:
    """Roll from the eye line, yaw from where the nose lies between the eyes' outer corners."""
    right, left, nose = target[:, 33], target[:, 263], target[:, 4]
    line = left - right
    roll = torch.atan2(line[:, 1], line[:, 0])
    span = line.norm(dim=1)
    offset = ((nose - (left + right) / 2) * line).sum(1) / span.square()
    yaw = torch.asin((-1.2 * offset).clamp(-0.9, 0.9))
    return torch.stack([torch.zeros_like(roll), yaw, roll], dim=1)


def rotation_matrix(rotvec: torch.Tensor) -> torch.Tensor:
    """Rodrigues' formula, batched and differentiable at zero."""
    angle = (rotvec.square().sum(1) + 1e-12).sqrt()[:, None, None]
    x, y, z = rotvec.unbind(1)
    zero = torch.zeros_like(x)
    k = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    identity = torch.eye(3).expand_as(k)
    return identity + torch.sinc(angle / np.pi) * k + (1 - torch.cos(angle)) / angle.square() * (k @ k)
