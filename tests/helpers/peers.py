"""Readers that nobody here wrote."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.paths import ROOT

PEERS = ROOT / "tests" / "peers"


def khronos_report(path: Path) -> dict[str, Any]:
    """What the Khronos validator says of a GLB file."""
    if shutil.which("node") is None or not (PEERS / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("the Khronos validator is not installed: (cd tests/peers && npm ci)")
    command = ["node", str(PEERS / "gltf_validate.cjs"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
