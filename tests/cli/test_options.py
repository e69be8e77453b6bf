"""Options, and how they lie over --config and the defaults."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from realtime3d import cli
from realtime3d.cli import options
from realtime3d.config import Config
from realtime3d.errors import UsageError


def parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    options.add_config_options(parser)
    return parser.parse_args(argv)


def test_nothing_given_is_the_defaults() -> None:
    assert options.config_from(parse()) == Config()


def test_every_option_overrides_its_setting() -> None:
    given = ["--models", "accurate", "--backend", "onnxruntime", "--device", "cpu", "--max-faces", "3"]
    given += ["--detect-every", "7", "--no-smooth", "--fov", "45.5", "--mirror"]
    changed = options.config_from(parse(*given)).as_dict()
    assert changed["models"] == Config().as_dict()["models"] | {
        "set": "accurate", "backend": "onnxruntime", "device": "cpu",
    }  # fmt: skip
    assert (changed["track"]["max_faces"], changed["track"]["detect_every"]) == (3, 7)
    assert changed["smooth"]["enabled"] is False
    assert (changed["camera"]["fov"], changed["camera"]["mirror"]) == (45.5, True)
    assert options.config_from(parse("--intrinsics", "lens.json")).camera.intrinsics == "lens.json"


def test_options_lie_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[camera]\nfov = 50.0\nmirror = true\n[track]\nmax_faces = 2\n")
    config = options.config_from(parse("--config", str(file), "--fov", "80"))
    assert (config.camera.fov, config.camera.mirror, config.track.max_faces) == (80.0, True, 2)


def test_a_value_out_of_range_names_the_setting() -> None:
    with pytest.raises(UsageError, match=r"track\.max_faces"):
        options.config_from(parse("--max-faces", "0"))


def test_printed_settings_can_be_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config", "--fov", "72", "--no-smooth"]) == 0
    file = tmp_path / "printed.toml"
    file.write_text(capsys.readouterr().out)
    config = options.config_from(parse("--config", str(file)))
    assert (config.camera.fov, config.smooth.enabled) == (72.0, False)


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many"])
def test_counts_are_whole_and_not_below_the_bound(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        options.at_least(1)(text)
    assert options.at_least(1)("1") == 1


def test_styles_and_renderers_are_those_there_are() -> None:
    from realtime3d.render.base import MODES
    from realtime3d.render.choose import RENDERERS

    assert options.STYLES == MODES
    assert tuple(RENDERERS) == options.RENDERERS


@pytest.mark.parametrize(("text", "said"), [("hat", "called hat; choose from hud, box, axes"), ("hud,", "")])
def test_what_can_be_hidden(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = cli.build_parser()
    if not said:
        assert parser.parse_args(["video", "a.mp4", "--hide", text]).hide == ("hud",)
        return
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["video", "a.mp4", "--hide", text])
    assert said in capsys.readouterr().err
