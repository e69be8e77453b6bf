"""Settings: defaults, files, checks."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from realtime3d.config import Config
from realtime3d.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def test_printed_file_is_the_defaults_again(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(Config().to_toml(), encoding="utf-8")
    assert Config.read(file) == Config()
    assert tomllib.loads(file.read_text(encoding="utf-8")) == Config().as_dict()


def test_any_text_survives_the_file(tmp_path: Path) -> None:
    odd = Config().updated({"camera": {"intrinsics": 'C:\\Kameras\\"ä"\n\u0001#x.yml'}, "detector": {"min_score": 1}})
    file = tmp_path / "odd.toml"
    file.write_text(odd.to_toml(), encoding="utf-8")
    assert Config.read(file) == odd


def test_every_setting_has_a_meaning_and_its_default_is_allowed() -> None:
    config = Config()
    for section in dataclasses.fields(config):
        values = getattr(config, section.name)
        for entry in dataclasses.fields(values):
            assert entry.metadata["doc"], f"{section.name}.{entry.name}"
        assert config.updated({section.name: dataclasses.asdict(values)}) == config


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"modls": {}}, ("[modls]", "models")),
        ({"models": {"treads": 2}}, ("'treads'", "[models]", "threads")),
        ({"models": {"xyz": 2}}, ("'xyz'", "nearest")),
        ({"models": 3}, ("[models]",)),
        ({"models": {"threads": 2.0}}, ("models.threads", "whole number")),
        ({"models": {"threads": True}}, ("models.threads", "whole number")),
        ({"models": {"threads": 0}}, ("models.threads", "1", "256")),
        ({"models": {"set": 1}}, ("models.set", "text")),
        ({"camera": {"fov": "60"}}, ("camera.fov", "number")),
        ({"camera": {"fov": float("nan")}}, ("camera.fov", "nan")),
        ({"camera": {"fov": 1e9}}, ("camera.fov", "170")),
        ({"camera": {"mirror": 1}}, ("camera.mirror", "true or false")),
        ({"detector": {"range": "middle"}}, ("detector.range", "short, full, both")),
    ],
)
def test_wrong_values_are_usage_errors_that_name_the_key(values: dict[str, object], parts: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        Config().updated(values)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_whole_numbers_are_numbers() -> None:
    assert Config().updated({"camera": {"fov": 75}}).camera.fov == 75.0


@pytest.mark.parametrize("text", [b"[models\n", b"\xff\xfe", b"models = 3\n"])
def test_broken_files_are_usage_errors_with_their_name(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(text)
    with pytest.raises(UsageError, match=r"broken\.toml"):
        Config.read(file)
    with pytest.raises(UsageError, match=r"absent\.toml"):
        Config.read(tmp_path / "absent.toml")
