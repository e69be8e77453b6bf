"""Avatars that somebody drops onto the page: VRM of both versions, with ARKit's shapes or presets, and what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.face.arkit import NAMES
from tests.helpers.browser import Tab
from tests.helpers.faults import fault
from tests.helpers.vrm_files import vrm

PRESETS = ("aa", "ih", "ou", "ee", "oh", "blinkLeft", "blinkRight")
# Influences of the shapes and the world rotation of the head's bone, with the values that they should follow.
LOOK = """async () => {
  const {turntable, faces} = realtime3d, {group, meshes: [mesh]} = turntable.avatar, seen = [];
  let last = -1;
  while (seen.length < 12) {
    await new Promise(requestAnimationFrame);
    const {index, faces: [face]} = faces.frame;
    if (index === last || face?.status !== "tracked") continue;
    last = index;
    group.updateMatrixWorld(true);
    const {elements} = mesh.matrixWorld;
    const [a, b, c] = [elements.slice(0, 3), elements.slice(4, 7), elements.slice(8, 11)];
    seen.push({moved: [...mesh.morphTargetInfluences], weights: face.weights, R: face.R, world: [a, b, c]});
  }
  return seen;
}"""


def wear(tab: Tab, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    tab.page.locator("#file").set_input_files(file)


def turned(seen: dict[str, object], version: int) -> np.ndarray:
    """The head bone's rotation as the world sees it: columns of length 1; version 0 was turned round first."""
    world = np.array(seen["world"]).T
    world = world / np.linalg.norm(world, axis=0)
    return world @ np.diag([-1, 1, -1]) if version == 0 else world


@pytest.mark.parametrize("version", [0, 1])
def test_a_vrm_with_arkit_s_shapes_follows_all_52_and_turns_its_head(tab: Tab, tmp_path: Path, version: int) -> None:
    wear(tab, tmp_path / "avatar.vrm", vrm(version, NAMES))
    tab.until("realtime3d.turntable.avatar")
    order = tab.ask("realtime3d.faces.topology.weights")
    for seen in tab.page.evaluate(LOOK):
        weights = dict(zip(order, seen["weights"], strict=True))
        assert np.allclose(seen["moved"], [weights[name] for name in NAMES], atol=1e-5)
        flip = np.diag([1, -1, -1])
        assert np.allclose(turned(seen, version), flip @ np.reshape(seen["R"], (3, 3)) @ flip, atol=1e-3)
    assert tab.errors == []
    tab.page.keyboard.press("a")
    tab.until("!realtime3d.turntable.avatar")


def test_our_own_head_as_vrm_opens_as_an_avatar(tab: Tab, tmp_path: Path) -> None:
    with tab.page.expect_download() as download:
        tab.page.locator("#own-vrm").click()
    tab.page.locator("#file").set_input_files(files={"name": "own.vrm", "mimeType": "model/gltf-binary",
                                                     "buffer": download.value.path().read_bytes()})  # fmt: skip
    tab.until("realtime3d.turntable.avatar")
    order = tab.ask("realtime3d.faces.topology.weights")
    places = tab.ask("realtime3d.turntable.avatar.meshes[0].morphTargetDictionary")
    for seen in tab.page.evaluate(LOOK):
        moved = [seen["moved"][places[name]] for name in order]
        assert np.allclose(moved, seen["weights"], atol=1e-5)
        flip = np.diag([1, -1, -1])
        assert np.allclose(turned(seen, 0), flip @ np.reshape(seen["R"], (3, 3)) @ flip, atol=1e-3)
    assert tab.errors == []


@pytest.mark.parametrize("version", [0, 1])
def test_a_vrm_with_presets_only_speaks_and_blinks(tab: Tab, tmp_path: Path, version: int) -> None:
    wear(tab, tmp_path / "avatar.vrm", vrm(version, PRESETS))
    tab.until("realtime3d.turntable.avatar")
    order = tab.ask("realtime3d.faces.topology.weights")
    for seen in tab.page.evaluate(LOOK):
        weights, moved = dict(zip(order, seen["weights"], strict=True)), dict(zip(PRESETS, seen["moved"], strict=True))
        assert moved["blinkLeft"] == pytest.approx(weights["eyeBlinkLeft"], abs=1e-5)
        assert moved["blinkRight"] == pytest.approx(weights["eyeBlinkRight"], abs=1e-5)
        vowels = sum(moved[name] for name in ("aa", "ee", "oh"))
        assert vowels <= max(weights["jawOpen"] - weights["mouthClose"], 0) + 1e-5


@fault("page", "a file that is no avatar is dropped on the page", "the page says so, the mesh stays")
def test_what_is_no_avatar_is_said_and_the_mesh_stays(tab: Tab, tmp_path: Path) -> None:
    wear(tab, tmp_path / "broken.vrm", b"glTF but not really" * 20)
    tab.until("!document.getElementById('error').hidden")
    assert "broken.vrm" in tab.ask("document.getElementById('error').textContent")
    wear(tab, tmp_path / "mute.vrm", vrm(1, []))
    tab.until("document.getElementById('error').textContent.includes('mute.vrm')")
    assert "jawOpen" in tab.ask("document.getElementById('error').textContent")
    assert tab.ask("realtime3d.turntable.avatar") is None
