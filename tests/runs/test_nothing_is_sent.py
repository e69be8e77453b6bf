"""Libraries that tell their makers that they are used do not get to do so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SILENT = ("ORT_DISABLE_TELEMETRY", "CI")  # where they keep quiet by themselves


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_nets_run_and_nobody_is_told(name: str, net_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip(name)
    code = (
        "import sys\n"
        "sys.addaudithook(lambda event, told: event.startswith('socket.') and print(event))\n"
        "from realtime3d.nets import modelset\n"
        "from realtime3d.backends.choose import create_backend\n"
        f"create_backend({name!r}).load(modelset.find({str(net_folder)!r}).nets['track'])\n"
        "print('openvino_telemetry' in sys.modules)\n"
    )
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}  # before they tell, they note here who told
    talking = {variable: value for variable, value in os.environ.items() if variable not in SILENT}
    done = subprocess.run([sys.executable, "-c", code], env={**talking, **home}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, [*tmp_path.iterdir()]) == (0, "False\n", []), done.stderr


def test_openvino_is_whole_for_others_in_the_process() -> None:
    pytest.importorskip("openvino")
    code = (
        "from realtime3d.backends.choose import create_backend\n"
        "create_backend('openvino')\n"
        "from openvino import convert_model\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
