"""Our bytes in programs that nobody here wrote: node-osc, osc and vtubestudio of npm (tests/avatar/peers)."""

from __future__ import annotations

import json
import subprocess
import threading

import pytest

from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.face.arkit import NAMES, PASCAL
from tests.helpers.avatars import counted, moment, node, tracked
from tests.helpers.vts_server import VtsServer

FRAMES = 100


class Lines:
    """What a program prints, read by a thread, so that nothing waits for ever."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        self.program = program
        self.lines: list[str] = []
        self._new = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.program.stdout is not None
        for line in self.program.stdout:
            with self._new:
                self.lines.append(line)
                self._new.notify_all()

    def wait(self, count: int, seconds: float = 120.0) -> list[str]:
        with self._new:
            self._new.wait_for(lambda: len(self.lines) >= count or self.program.poll() is not None, seconds)
            return list(self.lines)


@pytest.fixture(params=["osc_node.cjs", "osc_osc.cjs"])
def osc_peer(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    program = node(request.param)
    lines = Lines(program)
    try:
        first = lines.wait(1)
        assert first, program.stderr.read() if program.stderr else ""
        yield request.param, int(first[0]), lines
    finally:
        program.kill()
        program.wait(60)


def plain(peer: str, line: str) -> list:
    """[address, value ...] of either program."""
    address, *values = json.loads(line)
    return [address, *([value for _, value in values] if peer == "osc_osc.cjs" else values)]


def test_vmc_arrives_whole_in_other_peoples_receivers(osc_peer) -> None:  # type: ignore[no-untyped-def]
    peer, port, lines = osc_peer
    (sender,) = Sending(SendOptions((f"vmc://127.0.0.1:{port}",))).senders
    per_frame = 2 + 3 + 52 + 7 + 1
    with sender:
        for i in range(FRAMES):
            sender.write(moment(i / 30, tracked(counted(), turn=(10, 20, -5))), None)
            lines.wait(1 + (i + 1) * per_frame)  # a socket's buffer does not hold all frames
        heard = [plain(peer, line) for line in lines.wait(1 + FRAMES * per_frame)[1:]]
    heard = heard[: FRAMES * per_frame]
    assert len(heard) == FRAMES * per_frame
    assert sum(message[0] == "/VMC/Ext/Blend/Apply" for message in heard) == FRAMES
    values = {message[1]: message[2] for message in heard if message[0] == "/VMC/Ext/Blend/Val"}
    expected = {**counted(), "mouthClose": counted()["jawOpen"]}  # no more than the jaw opens
    assert [values[PASCAL[name]] for name in NAMES] == pytest.approx([expected[name] for name in NAMES])
    (head,) = [message for message in heard[:per_frame] if message[1:2] == ["Head"]]
    assert len(head) == 9 and sum(value**2 for value in head[5:]) == pytest.approx(1)
    if peer == "osc_osc.cjs":  # it also says the types
        types = {json.loads(line)[0]: "".join(kind for kind, _ in json.loads(line)[1:]) for line in lines.lines[1:]}
        assert types["/VMC/Ext/Bone/Pos"] == "sfffffff" and types["/VMC/Ext/Blend/Val"] == "sf"
        assert types["/VMC/Ext/OK"] == "iiii" and types["/VMC/Ext/T"] == "f"


def test_osc_arrives_whole_in_other_peoples_receivers(osc_peer) -> None:  # type: ignore[no-untyped-def]
    peer, port, lines = osc_peer
    (sender,) = Sending(SendOptions((f"osc://127.0.0.1:{port}/face",))).senders
    with sender:
        sender.write(moment(0.5, tracked(counted(), turn=(10, 20, -5))), None)
        heard = {m[0]: m[1:] for m in (plain(peer, line) for line in lines.wait(1 + 59)[1:60])}
    assert len(heard) == 59
    assert heard["/face/jawOpen"] == [pytest.approx(counted()["jawOpen"])]
    assert heard["/face/head/rotation"] == pytest.approx([10, 20, -5], abs=1e-4)


def test_the_test_server_of_vtube_studio_satisfies_another_client() -> None:
    """Our client is tested against our server; so the server is tested with a client of somebody else."""
    with VtsServer() as server:
        program = node("vts_client.cjs", str(server.port))
        out, err = program.communicate(timeout=120)
        assert json.loads(out) == {"active": True, "authenticated": True, "refused": 453}, err
        assert server.values["JawOpen"] == 0.5
