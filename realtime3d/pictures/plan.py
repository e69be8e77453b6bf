"""From what the user names to one task for each picture, with an ID that can be a folder's name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from realtime3d.config import Config
from realtime3d.errors import UsageError
from realtime3d.face.prior import checked
from realtime3d.render.maps import check_maps
from realtime3d.sinks.more import NOTHING_MORE, MoreColumns
from realtime3d.sources.lists import Box, Wanted, read_inputs

TABLE, ERRORS, SHEET, FACTS = "faces.csv", "errors.csv", "contact.jpg", "faces.json"
PARQUET = "faces.parquet"
OWN_NAMES = {TABLE, ERRORS, SHEET, FACTS, PARQUET}  # of files beside the faces' folders
PLY_KINDS = ("shape", "expression", "posed")
FORMATS = ("ply", "obj", "glb", "vrm", *PLY_KINDS)  # each of PLY_KINDS is one of the files that `ply` stands for
NO_FACE = "no face was found"
NO_DETAIL = "no detail: "  # and why
LAYOUTS = ("own", "extreme-3d", "facial-details")  # of the files of a face: our names, or those of two earlier systems
_UNFIT = re.compile(r'[\x00-\x1f<>:"/\\|?*\ud800-\udfff]')  # the last are bytes that are no text
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # no file names on Windows
LONGEST_ID = 150  # characters: the files' endings are added, and file systems end at 255


@dataclass(frozen=True, slots=True)
class PicturesJob:
    """A whole run over pictures as plain data."""

    inputs: Sequence[str]
    out: Path
    formats: frozenset[str] | None = None  # None: PLY, OBJ and GLB, as far as the face model has what they hold
    level: str | None = None  # of the meshes; None: full for PLY and OBJ, live for GLB
    views: tuple[float, ...] | None = None  # degrees of yaw; empty: the usual ones, to the side that is seen
    plain: bool = False  # views have no background
    crops: int = 0  # px of upright crops; 0: none
    maps: tuple[str, ...] = ()  # of render.maps.MAPS
    overlay: bool = True  # ID_overlay.jpg, and the contact sheet made of them
    mask: bool = False  # ID_mask.png: what hides the face
    detail: bool = False  # wrinkles, maps, and meshes with them
    layout: str = "own"  # one of LAYOUTS; the others write detail alone
    blendshapes: bool = False
    raw: bool = False
    more: MoreColumns = NOTHING_MORE
    prior: str = "none"  # none, facs or emotion: what expressions are weighed against
    parquet: bool = False
    config: Config = field(default_factory=Config)
    workers: int = 1
    resume: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.formats or ()) - set(FORMATS))
        if unknown:
            raise UsageError(f"no format {', '.join(unknown)}; choose from {', '.join(FORMATS)}")
        checked(self.prior)
        if self.layout not in LAYOUTS:
            raise UsageError(f"no layout {self.layout}; choose one of {', '.join(LAYOUTS)}")
        if self.views and not all(-90 <= yaw <= 90 for yaw in self.views):
            raise UsageError(f"views are degrees of yaw from -90 to 90, not {', '.join(map(str, self.views))}")
        if self.crops and not 16 <= self.crops <= 4096:
            raise UsageError(f"crops have 16 to 4096 px, not {self.crops}")
        check_maps(self.maps)
        if self.workers < 1:
            raise UsageError(f"workers must be at least 1, not {self.workers}")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which PLY files are written for each face."""
        formats = {"ply"} if self.formats is None else self.formats
        return tuple(kind for kind in PLY_KINDS if "ply" in formats or kind in formats)


@dataclass(frozen=True, slots=True)
class Task:
    """One picture, or one face of it where a box is given."""

    id: str  # of the first face; the folder of its files
    file: Path
    box: Box | None = None
    face: int = 1  # number of the first face in its picture
    where: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no face: a line of errors.csv."""

    id: str
    file: Path
    where: str
    text: str


def plan(inputs: Sequence[str], out: Path | None = None) -> list[Task | Problem]:
    """What is to be done, in order; a row or picture that cannot be has its `Problem` in its place.

    What lies in `out` is no input.
    """
    planned: list[Task | Problem] = []
    taken: dict[str, Task] = {}
    for wanted in read_inputs(inputs, out):
        task = _task(wanted, taken)
        if isinstance(task, Task):
            taken[_key(task.id)] = task
        planned.append(task)
    return planned


def _task(wanted: Wanted, taken: dict[str, Task]) -> Task | Problem:
    def problem(text: str) -> Problem:
        return Problem(wanted.id, wanted.file, wanted.where, text)

    if wanted.problem:
        return problem(wanted.problem)
    unfit = _unfit(wanted.id) if wanted.id else ""
    if unfit:
        return problem(unfit)
    task = Task(wanted.id or id_of(wanted.file), wanted.file, wanted.box, where=wanted.where)
    if not wanted.id and wanted.box is not None:
        task = _next_face(task, taken)
    there = taken.get(_key(task.id))
    if there is not None:
        return problem(f"the ID {task.id} is taken by {there.where or there.file}")
    return task


def _next_face(task: Task, taken: dict[str, Task]) -> Task:
    """Boxes of one picture without IDs are its first, second ... face."""
    first, number = task.id, 1
    while (there := taken.get(_key(task.id))) is not None and there.file == task.file and there.box is not None:
        number += 1
        task = replace(task, id=numbered(first, number), face=number)
    return task


def numbered(first: str, number: int) -> str:
    """The ID of another face of a picture."""
    return first if number == 1 else f"{first}_{number}"


def id_of(file: Path) -> str:
    """A folder's name for a picture."""
    name = _UNFIT.sub("_", file.stem).strip(". ")[:LONGEST_ID]
    return f"{name}_" if _DEVICES.match(name) or _key(name) in OWN_NAMES else name or "picture"


def _unfit(text: str) -> str:
    """Why an ID cannot be the name of a folder and its files; empty where it can."""
    if "/" in text or "\\" in text or text in (".", ".."):
        return f"the ID {text} would leave the output folder: it must be a plain name"
    if _UNFIT.search(text) or text != text.strip(". ") or _DEVICES.match(text) or len(text) > LONGEST_ID:
        return f"the ID {text[:60]!r} is no file name on every system: take letters, digits, - and _"
    if _key(text) in OWN_NAMES:
        return f"the ID {text} is the name of a file of this run: choose another"
    return ""


def _key(name: str) -> str:
    return os.path.normcase(name)
