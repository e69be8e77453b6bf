"""Libraries that tell their makers that they are used do not get to do so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


DETECTION = """
import time
import numpy as np
from realtime3d.detect.mediapipe_box import MediaPipeBoxes
from realtime3d.types import Frame

detector = MediaPipeBoxes()
for index in range(20):
    detector.detect(Frame(index, index, np.zeros((480, 640, 3), np.uint8)))
time.sleep(1)  # what MediaPipe reports at its start is sent by a thread of its own
detector.close()
time.sleep(1)
"""
EVERYTHING = """
from realtime3d.cli import main

assert main(["doctor", "-q"]) == 0  # loads every library there is and follows a face
"""


@pytest.mark.parametrize("code", [DETECTION, EVERYTHING], ids=["detector", "doctor"])
def test_the_kernel_gives_no_socket_to_the_internet(code: str, tmp_path: Path) -> None:
    """Natively, too: MediaPipe reports to its makers through a library of its own, which Python does not see."""
    log = tmp_path / "calls"
    watch = ["strace", "-f", "-q", "-e", "trace=socket", "-o", str(log)]
    if not shutil.which("strace") or subprocess.run([*watch, "true"], capture_output=True).returncode:
        pytest.skip("needs strace, and a system that lets it watch")
    talking = {variable: value for variable, value in os.environ.items() if variable not in SILENT}
    done = subprocess.run(
        [*watch, sys.executable, "-c", code], cwd=tmp_path, env=talking, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    internet = re.findall(r"socket\(AF_INET.*= (.+)", log.read_text())
    assert not [answer for answer in internet if not answer.startswith("-1 EACCES")]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has the filter")
def test_what_is_opened_offline_has_no_network_and_the_program_keeps_its_own() -> None:
    import socket

    from realtime3d.detect.offline import opened_offline

    def refused() -> list[bool]:
        return [_refused(socket.AF_INET), _refused(socket.AF_INET6)]

    def below() -> list[bool]:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(refused).result()

    assert opened_offline(refused) == opened_offline(below) == [True, True]
    assert not _refused(socket.AF_INET)
    with pytest.raises(ZeroDivisionError):
        opened_offline(lambda: 1 // 0)


def _refused(family: int) -> bool:
    import socket

    try:
        socket.socket(family, socket.SOCK_STREAM).close()
    except PermissionError:
        return True
    return False


def test_without_the_filter_no_certificates_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime3d.detect import offline

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not offline.refuse_sockets()
    mediapipe = pytest.importorskip("mediapipe", minversion="1.0")
    options = offline.without_certificates(mediapipe.tasks.BaseOptions)(model_asset_buffer=b"x").to_ctypes()
    assert not Path(options.ca_bundle_path.decode()).exists()
