"""ICT Face Model Light (MIT), from a checkout of its repository or from the two repacked files, in our axes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from realtime3d.errors import SourceError
from realtime3d.types import Array

REPOSITORY = "https://github.com/ICT-VGL/ICT-FaceKit"
HEAD_FILE, IDENTITY_FILE, LICENCE_FILE = "ict_head.npz", "ict_identity.npz", "LICENSE"
CHECKOUT_FOLDER, NEUTRAL = "FaceXModel", "generic_neutral_mesh"
N_IDENTITY = 99  # the authors' hundredth adds 0.09 mm
VERTICES, FACES = 26719, 26384
MM_PER_UNIT = 10.0  # the repository's unit is a centimetre
TO_HEAD_AXES = np.array([1.0, -1.0, -1.0])  # theirs: y up, z to the front

# Rows of `faces` by part, from the authors' table. What only their shaders need is left out: lacrimal fluid, blend and
# occlusion meshes, and the irises' own meshes, which lie behind the eyeballs' clear fronts.
PARTS = {
    "face": (0, 9230),
    "head": (9230, 11144),
    "mouth": (11144, 13226),
    "sockets": (13226, 14034),
    "gums": (14034, 17006),  # with the tongue
    "teeth": (17006, 21496),
    "left_eye": (21496, 22296),
    "right_eye": (23094, 23894),
    "lashes": (25304, 26384),
}
# Vertices that mirror each other: within the same range, or with the other one.
MIRRORED = (
    ((0, 9409), (0, 9409)),
    ((9409, 11248), (9409, 11248)),
    ((11248, 13294), (11248, 13294)),
    ((13294, 14062), (13294, 14062)),
    ((14062, 17039), (14062, 17039)),
    ((17039, 19247), (17039, 19247)),
    ((19247, 21451), (19247, 21451)),
    ((21451, 23021), (23021, 24591)),
)
LASHES = (25351, 26035, 26719)  # left, right, end: the same order on both sides


@dataclass(frozen=True)
class IctSource:
    """The parts of the head that we keep, symmetric at rest, in mm and our axes (the builder sets the origin)."""

    neutral: Array  # (V, 3)
    identity: Array  # (99, V, 3) one standard deviation each
    expression: dict[str, Array]  # the authors' name -> (V, 3)
    faces: NDArray[np.int32]  # (F, 4) quads, -1 last where a triangle
    face_part: NDArray[np.str_]  # (F,) key of PARTS
    face_uv: NDArray[np.int32]  # (F, 4) rows of `uv`
    uv: Array  # (U, 2) the authors': one tile a material
    partner: NDArray[np.intp]  # (V,) vertex on the other side
    authors_vertex: NDArray[np.intp]  # (V,) its number in the authors' files
    licence: str

    @classmethod
    def load(cls, path: Path) -> IctSource:
        """From a checkout (its folder, or `FaceXModel` in it) or a folder with the two repacked files."""
        if (path / HEAD_FILE).is_file():
            raw = _read_repacked(path)
        elif (path / CHECKOUT_FOLDER).is_dir():
            raw = _read_checkout(path / CHECKOUT_FOLDER)
        else:
            raise SourceError(
                f"{path} holds neither {CHECKOUT_FOLDER} nor {HEAD_FILE}: name a checkout of {REPOSITORY}"
            )
        return cls._kept(raw, _licence(path))

    @classmethod
    def _kept(cls, raw: dict[str, NDArray], licence: str) -> IctSource:
        neutral = raw["neutral"].astype(np.float64)
        if neutral.shape != (VERTICES, 3) or raw["faces"].shape != (FACES, 4):
            raise SourceError(f"the model has {len(neutral)} vertices and {len(raw['faces'])} faces, not {VERTICES} "
                              f"and {FACES}: use ICT Face Model Light from {REPOSITORY}")  # fmt: skip
        partner = mirror_partners(neutral)
        part = np.full(FACES, "", dtype="<U12")
        for name, (first, end) in PARTS.items():
            part[first:end] = name
        rows = np.flatnonzero(part != "")
        faces = raw["faces"][rows]
        kept = np.unique(faces[faces >= 0])
        number = np.full(VERTICES + 1, -1)  # its last entry keeps -1
        number[kept] = np.arange(len(kept))

        def ours(field: NDArray) -> Array:
            return field[..., kept, :].astype(np.float64) * TO_HEAD_AXES

        partner = number[partner[kept]]
        names = [str(name) for name in raw["expression_names"]]
        rest = symmetric(ours(neutral), partner)
        faces, face_uv = _cut_shorter(number[faces].astype(np.int32), raw["face_uvs"][rows].astype(np.int32), rest)
        return cls(
            neutral=rest,
            identity=ours(raw["identity"][:N_IDENTITY]),
            expression=_mirror_pairs({n: ours(raw["expression"][i]) for i, n in enumerate(names)}, partner),
            faces=faces,
            face_part=part[rows],
            face_uv=face_uv,
            uv=raw["uv"].astype(np.float64),
            partner=partner,
            authors_vertex=kept,
            licence=licence,
        )

    def vertices_of(self, *parts: str) -> NDArray[np.bool_]:
        """(V,) vertices with a face in one of the parts."""
        mask = np.zeros(len(self.neutral), dtype=bool)
        faces = self.faces[np.isin(self.face_part, parts)]
        mask[faces[faces >= 0]] = True
        return mask


def _cut_shorter(faces: NDArray, face_uv: NDArray, rest: Array) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Quads turned so that the cut from corner 0 to corner 2 is the shorter one: then both sides are cut alike."""
    corners = rest[np.maximum(faces, 0)]
    middles = np.abs(corners[..., 0]) + corners[..., 1] + corners[..., 2]  # decides between cuts of one length

    def cost(a: int, b: int) -> Array:
        length = np.linalg.norm(corners[:, a] - corners[:, b], axis=1)
        return np.round(length, 6) + 1e-7 * (middles[:, a] + middles[:, b])

    turn = (faces[:, 3] >= 0) & (cost(1, 3) < cost(0, 2))
    rolled, rolled_uv = (np.where(turn[:, None], np.roll(f, -1, axis=1), f) for f in (faces, face_uv))
    return rolled, rolled_uv


def mirrored(field: Array, partner: NDArray[np.intp]) -> Array:
    """(..., V, 3) in a mirror with the same vertex order."""
    return field[..., partner, :] * np.array([-1.0, 1.0, 1.0])


def symmetric(field: Array, partner: NDArray[np.intp]) -> Array:
    """Made exactly symmetric: the mean of itself and its mirror image."""
    return (field + mirrored(field, partner)) / 2


def _mirror_pairs(expression: dict[str, Array], partner: NDArray[np.intp]) -> dict[str, Array]:
    """Left and right of an action made mirror images of each other (they differ by sculpting noise, 0.3 mm at most on
    the gums), and actions of both sides symmetric."""
    out = {}
    for name, field in expression.items():
        out[name] = (field + mirrored(expression[_twin(name)], partner)) / 2
    return out


def _twin(name: str) -> str:
    """The action of the other side; of a two-sided action itself."""
    for one, other in (("_L", "_R"), ("Left", "Right")):
        if name.endswith(one):
            return name.removesuffix(one) + other
        if name.endswith(other):
            return name.removesuffix(other) + one
    return name


def mirror_partners(neutral: Array) -> NDArray[np.intp]:
    """(V,) for each vertex the one on the other side; every vertex is the partner of exactly one."""
    partner = np.arange(len(neutral))
    flipped = neutral * (-1, 1, 1)
    for (a, b), (c, d) in MIRRORED:
        found = cKDTree(neutral[c:d]).query(flipped[a:b])[1]
        shared = np.flatnonzero(np.bincount(found, minlength=d - c)[found] > 1)
        if len(shared):  # two vertices nearly in one place: the farther one takes the vertex nobody wants
            far = np.linalg.norm(neutral[c + found[shared]] - flipped[a + shared], axis=1)
            found[shared[far > far.min()]] = np.setdiff1d(np.arange(d - c), found)
        partner[a:b], partner[c + found] = c + found, np.arange(a, b)
    left, right, end = LASHES
    partner[left:right], partner[right:end] = np.arange(right, end), np.arange(left, right)
    return partner


def _read_repacked(folder: Path) -> dict[str, NDArray]:
    try:
        with np.load(folder / HEAD_FILE, allow_pickle=False) as head:
            raw = {key: head[key] for key in head.files}
        with np.load(folder / IDENTITY_FILE, allow_pickle=False) as identity:
            return {**raw, "identity": identity["identity"]}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise SourceError(f"{folder} cannot be read ({error}): get {HEAD_FILE} and {IDENTITY_FILE} again") from error


def _read_checkout(folder: Path) -> dict[str, NDArray]:
    """Wavefront files: the neutral head, and one file for each identity mode and action."""
    points, faces, face_uvs, uv = _read_obj(folder / f"{NEUTRAL}.obj")
    modes = [folder / f"identity{k:03d}.obj" for k in range(N_IDENTITY)]
    actions = sorted(p for p in folder.glob("*.obj") if not p.stem.startswith(("identity", "generic_neutral")))
    if not actions:
        raise SourceError(f"{folder} has no actions: use a whole checkout of {REPOSITORY}")

    def offsets(files: list[Path]) -> NDArray[np.float32]:
        return np.stack([(_read_points(file) - points) * MM_PER_UNIT for file in files]).astype(np.float32)

    return {
        "neutral": points * MM_PER_UNIT, "faces": faces, "face_uvs": face_uvs, "uv": uv,
        "identity": offsets(modes), "expression": offsets(actions),
        "expression_names": np.array([file.stem for file in actions]),
    }  # fmt: skip


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}): use a whole checkout of {REPOSITORY}") from error


def _read_points(path: Path) -> Array:
    rows = [line[2:] for line in _text(path).splitlines() if line.startswith("v ")]
    if len(rows) != VERTICES:
        raise SourceError(f"{path} has {len(rows)} vertices, not {VERTICES}: use a whole checkout of {REPOSITORY}")
    return np.array(" ".join(rows).split(), dtype=np.float64).reshape(-1, 3)


def _read_obj(path: Path) -> tuple[Array, NDArray[np.int32], NDArray[np.int32], Array]:
    """Vertices, quads (-1 last where a triangle), their rows of texture coordinates, and these."""
    lines = _text(path).splitlines()
    uv = np.array([line.split()[1:3] for line in lines if line.startswith("vt ")], dtype=np.float64)
    corners = [[c.split("/")[:2] for c in line.split()[1:]] for line in lines if line.startswith("f ")]
    both = np.full((len(corners), 4, 2), 0, dtype=np.int32)
    for row, face in zip(both, corners, strict=True):
        row[: len(face)] = [[int(v), int(t)] for v, t in face]
    return _read_points(path), both[..., 0] - 1, both[..., 1] - 1, uv


def _licence(path: Path) -> str:
    for name in (LICENCE_FILE, f"{LICENCE_FILE}.txt", f"{LICENCE_FILE}.md"):
        for folder in (path, path.parent):
            if (folder / name).is_file():
                return _text(folder / name)
    raise SourceError(f"no {LICENCE_FILE} beside the model in {path}: the licence's text has to travel with it")
