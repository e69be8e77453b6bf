"""A sender: which face, how often, when nobody is there, and how old the picture was."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from realtime3d.avatar.base import AvatarFrame, Packet, Percentiles
from realtime3d.avatar.calibration import Calibration
from realtime3d.avatar.learning import Learner
from realtime3d.avatar.message import Messages
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.avatar.sender import Sender
from realtime3d.errors import OutputError
from tests.helpers.avatars import moment, receiver, tracked
from tests.helpers.faults import fault


class Kept:
    """A line that keeps what is sent."""

    address, pace, status = "nowhere", "newest", "kept"

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.sent = 0

    def open(self) -> None: ...

    def send(self, packets: Sequence[Packet]) -> None:
        self.sent += len(packets)
        self.messages += [json.loads(packet) for packet in packets]

    def close(self) -> None: ...


class One(Messages):
    many = False

    def packets(self, frames: Sequence[AvatarFrame]) -> Sequence[Packet]:
        assert len(frames) == 1
        return super().packets(frames)


def ids(message: dict) -> list[int]:
    return [face["id"] for face in message["faces"]]


def test_the_lowest_id_is_sent_unless_another_is_chosen() -> None:
    both = moment(0.0, tracked(face_id=4), tracked(face_id=2))
    for face, expected in ((None, [2]), (4, [4]), (9, []), ("all", [2, 4])):
        line = Kept()
        with Sender(line, Messages(), face=face) as sender:
            sender.write(both, None)
        assert ids(line.messages[0]) == expected


def test_a_protocol_for_one_face_gets_one() -> None:
    line = Kept()
    with Sender(line, One(), face="all") as sender:
        sender.write(moment(0.0, tracked(face_id=1), tracked(face_id=0)), None)
    assert ids(line.messages[0]) == [0]


def test_of_all_faces_who_leaves_is_eased_out_and_then_not_said_any_more() -> None:
    line = Kept()
    with Sender(line, Messages(), face="all") as sender:
        for i in range(90):
            there = [tracked({"jawOpen": 1.0}, face_id=0)] + [tracked({"jawOpen": 1.0}, face_id=1)] * (i < 10)
            sender.write(moment(i / 30, *there), None)
        sender.write(moment(90 / 30), None)
    second = [[f for f in message["faces"] if f["id"] == 1] for message in line.messages[:-1]]
    assert [f[0]["present"] for f in second[:12]] == [True] * 10 + [False] * 2
    jaws = [faces[0]["weights"]["jawOpen"] for faces in second if faces]
    assert jaws[0] == 1.0 and jaws[-1] == 0.0 and len(jaws) < 45
    assert line.messages[-2]["faces"][0]["present"] is False and line.messages[-1]["type"] == "end"


def test_nobody_is_said_too() -> None:
    line = Kept()
    with Sender(line, Messages()) as sender:
        sender.write(moment(0.0), None)
    assert line.messages[0]["faces"] == [] and line.messages[0]["type"] == "faces"


@pytest.mark.parametrize(("rate", "expected"), [(0, 60), (60, 60), (30, 30), (10, 10), (1, 1)])
def test_the_rate_limits_by_the_frames_own_times(rate: float, expected: int) -> None:
    line = Kept()
    with Sender(line, Messages(), rate=rate) as sender:
        for i in range(60):
            sender.write(moment(i / 60 + (0.001 if i % 2 else 0.0), tracked(), index=i), None)
    assert len(line.messages) - 1 == pytest.approx(expected, abs=1)


def test_a_recording_that_begins_again_is_sent_again() -> None:
    line = Kept()
    with Sender(line, Messages(), rate=1) as sender:
        for t in (0.0, 5.0, 10.0, 0.0, 5.0):
            sender.write(moment(t, tracked()), None)
    assert len(line.messages) == 6


def test_new_rules_count_from_the_next_frame_on() -> None:
    line, learner = Kept(), Learner(Calibration())
    with Sender(line, Messages(), learner=learner) as sender:
        sender.write(moment(0.0, tracked({"jawOpen": 0.4})), None)
        learner.calibration = Calibration().updated({"weights": {"jawOpen": {"gain": 2.0}}})
        sender.write(moment(0.1, tracked({"jawOpen": 0.4})), None)
    assert [m["faces"][0]["weights"]["jawOpen"] for m in line.messages[:2]] == [0.4, 0.8]


def test_the_pictures_age_is_measured_of_live_sources() -> None:
    now = [10_000_000_000]
    with Sender(Kept(), Messages(), live=True, clock=lambda: now[0]) as sender:
        for i in range(100):
            result = moment(10 + i / 30, tracked())
            now[0] = result.frame.t_ns + (i + 1) * 1_000_000  # 1 to 100 ms later
            sender.write(result, None)
    assert sender.latency_ms.at(50) == pytest.approx(51, abs=1)
    assert sender.latency_ms.at(95) == pytest.approx(96, abs=1)
    assert "p95 96" in sender.summary and "100 frames" in sender.summary
    assert sender.encode_ms.count == 100


@fault("avatars", "the camera is gone while values are sent", "the face goes to rest")
def test_a_camera_that_is_gone_lets_the_face_go_to_rest() -> None:
    """The run gives the last result again and again, whose faces become held and then lost."""
    now, line = [10_000_000_000], Kept()
    with Sender(line, Messages(), live=True, clock=lambda: now[0]) as sender:
        sender.write(moment(10.0, tracked({"jawOpen": 0.8})), None)
        for _ in range(20):
            now[0] += 100_000_000
            sender.write(moment(10.0), None)
    jaws = [message["faces"][0]["weights"]["jawOpen"] for message in line.messages[:-1]]
    assert jaws[0] == jaws[2] == 0.8 and jaws[-1] == 0 and sorted(jaws, reverse=True) == jaws
    assert sender.latency_ms.count == 1


def test_percentiles_keep_the_newest_only() -> None:
    values = Percentiles(keep=10)
    for i in range(1000):
        values.add(i)
    assert 990 <= values.at(0) <= values.at(95) <= 999 and values.count == 1000
    assert Percentiles().at(50) != Percentiles().at(50)  # NaN


@fault("avatars", "the run fails while values are sent", "the receiver gets the last packet, the line is closed")
def test_the_goodbye_is_sent_and_the_line_closed_also_after_a_failure() -> None:
    with receiver() as got:
        (sender,) = Sending(SendOptions((f"udp://127.0.0.1:{got.port}",))).senders
        with pytest.raises(RuntimeError), sender:
            sender.write(moment(0.0, tracked()), None)
            raise RuntimeError("elsewhere")
        assert [json.loads(p)["type"] for p in got.packets(2)] == ["faces", "end"]


def test_a_host_that_is_not_found_is_one_clear_line() -> None:
    (sender,) = Sending(SendOptions(("vmc://no-such-host.invalid",))).senders
    with pytest.raises(OutputError, match=r"cannot find the host no-such-host.invalid .*: check the name"), sender:
        raise AssertionError("never reached")
