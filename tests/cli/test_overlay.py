"""How an overlay looks, from the command line to the film."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from realtime3d.running import run

Video = Callable[..., int]
PLAIN = ("--hide", "hud,box,axes")


def first_picture(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(iter(container.decode(video=0))).to_ndarray(format="bgr24").astype(int)


def test_style_and_hide_reach_the_film(video: Video, clip: Path, tmp_path: Path) -> None:
    before = first_picture(clip)
    drawn = {}
    for style in ("off", "mask", "shaded"):
        assert video(clip, "--overlay", tmp_path / f"{style}.mp4", "--style", style, *PLAIN) == 0
        drawn[style] = first_picture(tmp_path / f"{style}.mp4")
    assert np.abs(drawn["off"] - before).max() < 12  # encoding
    assert drawn["mask"][:20].mean() < 0.4 * before[:20].mean()
    assert (np.abs(drawn["shaded"] - before).max(axis=2) > 40).mean() > 0.02
    assert video(clip, "--overlay", tmp_path / "texts.mp4", "--style", "off") == 0
    assert np.abs(first_picture(tmp_path / "texts.mp4") - before).max() > 40


def test_the_renderer_is_the_one_that_was_named(
    video: Video, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyrender", None)
    assert video(clip, "--overlay", tmp_path / "a.mp4", "--renderer", "pyrender") == 3
    assert "[render]" in capsys.readouterr().err


def test_the_same_in_python(clip: Path, tmp_path: Path, net_folder: Path) -> None:
    from realtime3d import Config, OverlayStyle

    config = Config().with_options({"models": str(net_folder), "backend": "fake"})
    style = OverlayStyle(mode="mask", box=False, label=False, axes=False, bars=False)
    run(clip, overlay=tmp_path / "mask.mp4", style=style, end=0.1, config=config)
    assert first_picture(tmp_path / "mask.mp4")[:20].mean() < 0.4 * first_picture(clip)[:20].mean()
