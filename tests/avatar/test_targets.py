"""Targets that come and go while a run goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

import pytest

from realtime3d.avatar.base import Packet
from realtime3d.avatar.message import Messages
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.avatar.sender import Sender
from realtime3d.avatar.targets import Targets
from realtime3d.errors import OutputError, UsageError
from tests.helpers.avatars import moment, receiver, tracked, until
from tests.helpers.faults import fault


class Kept:
    """A line that keeps what is sent, and may be slow to open or refuse."""

    pace, status = "newest", "kept"

    def __init__(self, url: str) -> None:
        self.address = url
        self.kinds: list[str] = []
        self.sent = 0
        self.go = threading.Event()
        self.closed = False

    def open(self) -> None:
        if "refused" in self.address:
            raise OutputError("nobody is there: start it")
        if "slow" in self.address:
            assert self.go.wait(120)

    def send(self, packets: Sequence[Packet]) -> None:
        self.sent += len(packets)
        self.kinds += [json.loads(packet)["type"] for packet in packets]

    def close(self) -> None:
        self.closed = True


def make(lines: dict[str, Kept]):  # type: ignore[no-untyped-def]
    def one(url: str) -> Sender:
        lines[url] = Kept(url)
        return Sender(lines[url], Messages())

    return one


def write(targets: Targets, i: int = 0) -> bool:
    targets.write(moment(i / 30, tracked(), index=i), None)
    return False


def test_one_that_comes_later_gets_what_comes_then_and_one_that_goes_gets_a_goodbye() -> None:
    lines: dict[str, Kept] = {}
    with Targets(make(lines), ["first"]) as targets:
        assert until(lambda: write(targets) or lines["first"].kinds)
        targets.add("second")
        targets.add("second")
        assert [target.url for target in targets.all] == ["first", "second"]
        assert until(lambda: write(targets, 1) or lines["second"].kinds)
        assert targets.remove(targets.all[0].number)
        assert not targets.remove(99)
        assert until(lambda: lines["first"].closed)
        assert lines["first"].kinds[-1] == "end" and not lines["second"].closed
    assert lines["second"].closed and lines["second"].kinds[-1] == "end"


@fault("avatars", "one of several receivers cannot be opened", "it says why, the others get theirs")
def test_one_that_cannot_be_opened_says_why_and_delays_nobody() -> None:
    lines: dict[str, Kept] = {}
    with Targets(make(lines), ["refused", "slow", "good"]) as targets:
        assert until(lambda: write(targets) or lines["good"].kinds)
        refused, slow, good = targets.all
        assert until(lambda: refused.problem)
        assert refused.line == "nobody is there: start it" and "good" in good.line
        assert not lines["slow"].kinds
        targets.remove(slow.number)  # before it is open
        lines["slow"].go.set()
        assert until(lambda: lines["slow"].closed)


def test_they_take_the_place_of_those_that_a_run_was_started_with() -> None:
    with receiver() as got:
        url = f"udp://127.0.0.1:{got.port}"
        sending = Sending(SendOptions((url,)))
        targets = sending.choose([])
        assert sending.senders == [] and sending.sinks == [targets] and sending.lines() == []
        targets.add(url)
        with targets:
            assert until(lambda: write(targets) or sending.senders[0].frames)
        assert json.loads(got.packets(2)[-1])["type"] == "end"
        assert sending.lines()[0].startswith("sent to")
        with pytest.raises(UsageError):
            targets.add("vmc://x?presets=none&names=loud")
