"""VRM files: bones and expressions by the specification of version 0. Tests of the page open one as programs do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.face.arkit import NAMES
from realtime3d.face.mesh import Y_UP
from realtime3d.geometry import Camera
from realtime3d.render.drawn import drawn_texture
from realtime3d.sinks.glb_head import Head
from realtime3d.sinks.meshes import encoded, write_mesh
from realtime3d.sinks.vrm import PRESETS, vrm_bytes
from tests.helpers.avatars import shipped_model
from tests.helpers.faces import make_face
from tests.helpers.glb_reader import Glb
from tests.helpers.peers import khronos_report

CAMERA = Camera.from_fov(640, 480)
NEEDED = {"hips", "spine", "chest", "neck", "head"} | {
    f"{side}{bone}"
    for side in ("left", "right")
    for bone in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
}  # by the specification of version 0


def of_nobody() -> bytes:
    model = shipped_model()
    skin = encoded(drawn_texture(model), ".jpg")
    return vrm_bytes(Head(model, model.mean, [0.0] * 52, texture_jpeg=skin, albedo=True), of_nobody=True)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vrm") / "head.vrm"
    path.write_bytes(of_nobody())
    return path


def world(glb: Glb, bone: str) -> np.ndarray:
    """Metres; no bone is turned, as version 0 wants it."""
    nodes = glb.content["nodes"]
    parents = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}
    at, place = next(i for i, node in enumerate(nodes) if node["name"] == bone), np.zeros(3)
    while True:
        assert not {"rotation", "scale", "matrix"} & nodes[at].keys()
        place = place + nodes[at]["translation"]
        if at not in parents:
            return place
        at = parents[at]


def test_a_body_stands_on_the_ground_and_looks_along_minus_z(file: Path) -> None:
    glb = Glb.read(file)
    bones = {one["bone"]: one["node"] for one in glb.content["extensions"]["VRM"]["humanoid"]["humanBones"]}
    assert bones.keys() == NEEDED
    assert all(glb.content["nodes"][node]["name"] == bone for bone, node in bones.items())
    assert world(glb, "rightHand")[0] > 0.5 and world(glb, "leftHand")[0] < -0.5
    assert 0 < world(glb, "leftFoot")[1] < 0.1
    points = glb.positions(np.zeros(52)) + world(glb, "face")
    assert points[:, 1].max() < 1.8 and points[:, 1].min() > world(glb, "chest")[1]
    model = shipped_model()
    nose = points[np.argmin(points[:, 2])]
    assert abs(nose[0]) < 0.01 and nose[2] < world(glb, "head")[2] - 0.08
    own = (model.mean * Y_UP / 1000)[model.mesh().uv_vertex]
    assert glb.positions(np.zeros(52)) == pytest.approx(own * (-1, 1, -1), abs=1e-6)


def test_every_action_and_preset_moves_what_it_should(file: Path) -> None:
    groups = {g["name"]: g for g in Glb.read(file).content["extensions"]["VRM"]["blendShapeMaster"]["blendShapeGroups"]}
    order = [str(name) for name in shipped_model().arkit_names]
    assert len(groups) == 52 + len(PRESETS)
    for name in NAMES:
        group = groups[name[0].upper() + name[1:]]
        assert group["binds"] == [{"mesh": 0, "index": order.index(name), "weight": 100.0}]
        assert group["presetName"] == "unknown"
    blink = {order[bind["index"]]: bind["weight"] for bind in groups["Blink"]["binds"]}
    assert blink == {"eyeBlinkLeft": 100, "eyeBlinkRight": 100}
    assert groups["Blink_L"]["presetName"] == "blink_l"
    assert groups["Joy"]["binds"] and not groups["Neutral"]["binds"]


def test_the_validator_finds_no_fault_but_the_name_that_the_format_has(file: Path) -> None:
    """glTF wants a prefix in names of extensions; version 0 of VRM is older than that rule."""
    issues = khronos_report(file)["issues"]
    assert issues["numErrors"] == 0
    assert {one["code"] for one in issues["messages"] if one["severity"] < 2} == {"INVALID_EXTENSION_NAME_FORMAT"}


def test_a_person_s_own_head_is_theirs_and_rests(tmp_path: Path) -> None:
    face = make_face(CAMERA, face_model=shipped_model(), shape=np.full(99, 0.5))
    picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    (path,) = write_mesh(tmp_path / "me.vrm", face, image=picture)
    glb = Glb.read(path)
    assert glb.content["extensions"]["VRM"]["meta"]["allowedUserName"] == "OnlyAuthor"
    assert not any(glb.mesh["weights"]) and glb.image()[:2] == b"\xff\xd8"
    model = shipped_model()
    own = (model.neutral(face.shape) * Y_UP / 1000)[model.mesh().uv_vertex]
    assert glb.positions(np.zeros(52)) == pytest.approx(own * (-1, 1, -1), abs=1e-6)
