"""Tokens of tests are not the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.avatar import tokens


@pytest.fixture(autouse=True)
def own_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config"
    monkeypatch.setenv(tokens.FOLDER_VARIABLE, str(folder))
    return folder
