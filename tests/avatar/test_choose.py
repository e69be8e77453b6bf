"""From a URL to a target: what may be written, and what is said of the rest."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from realtime3d.avatar.calibration import Calibration
from realtime3d.avatar.choose import SCHEMES, chosen, parse
from realtime3d.avatar.learning import LEARN
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.cli import options
from realtime3d.errors import UsageError
from realtime3d.face.arkit import GROUPS


@pytest.mark.parametrize("name", SCHEMES)
def test_every_example_is_valid_and_its_port_the_usual_one(name: str) -> None:
    target = parse(SCHEMES[name].example)
    assert target.scheme == name
    if SCHEMES[name].port is not None and name not in ("ws", "wss"):
        assert parse(f"{name}://localhost").port == SCHEMES[name].port == target.port


def test_the_parts_of_a_url() -> None:
    target = parse("livelink://unreal-box:2222/My%20Face")
    assert (target.host, target.port, target.path) == ("unreal-box", 2222, "My Face")
    assert parse("vmc://[::1]:39540").host == "::1"
    assert parse("ws://localhost:8000/a?room=1").options == {}  # the server's own


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("vnc://localhost", "cannot send to 'vnc://localhost': write one of vmc://"),
        ("localhost:39539", "cannot send to"),
        ("vmc:localhost", "cannot send to"),
        ("", "cannot send to"),
        ("vmc://[::1", "cannot send to"),
        ("ws://[zz]:1/", "cannot send to"),
        ("vmc://localhost:99999", "a number up to 65535"),
        ("vmc://localhost:abc", "a number up to 65535"),
        ("vmc://", "host and port are missing"),
        ("udp://localhost", "host and port are missing: write it as udp://127.0.0.1:5005"),
        ("osc://:9000", "host and port are missing"),
        ("vmc://*:39539", "name the host that listens"),
        ("vmc://localhost?prests=none", "unknown option 'prests'; the nearest there is: presets"),
        ("livelink://localhost?presets=none", "unknown option 'presets'"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(url: str, line: str) -> None:
    with pytest.raises(UsageError, match=line) as caught:
        parse(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("vmc://localhost?presets=vrm2", "presets is one of vrm0, vrm1, none, not 'vrm2'"),
        ("ifacialmocap://localhost?version=3", "version is one of 1, 2"),
        ("vmc://localhost?only=lid", "only knows no weight 'lid'"),
        ("osc://localhost:9000/a b", "no OSC address"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_before_anything_is_opened(url: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        Sending(SendOptions((url,)))


def test_a_target_may_get_a_part_of_the_weights() -> None:
    assert chosen(parse("vmc://localhost?only=lids,jawOpen&without=eyeWide")) == (
        set(GROUPS["lids"]) - {"eyeWideLeft", "eyeWideRight"} | {"jawOpen"}
    )
    assert chosen(parse("vmc://localhost")) is None


def test_targets_of_the_calibration_come_on_top_each_once(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    Calibration().updated({"send": {"targets": ["vmc://localhost", "udp://localhost:5"], "rate": 20}}).save(path)
    wanted = SendOptions(("udp://localhost:5",), calibration=path)
    assert wanted.all_targets() == ("udp://localhost:5", "vmc://localhost")
    assert [sender._rate for sender in Sending(wanted).senders] == [20, 20]
    faster = Sending(SendOptions(("udp://localhost:5",), calibration=path, rate=9)).senders
    assert faster[0]._rate == 9


def test_vtube_studio_gets_no_fewer_than_it_needs() -> None:
    (sender,) = Sending(SendOptions(("vts://localhost",), rate=0.2)).senders
    assert sender._rate == 1.0


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        (SendOptions(rate=0), "--rate 0"),
        (SendOptions(rate=-5), "--rate -5"),
        (SendOptions(pace=-1), "--pace -1"),
        (SendOptions(calibration=Path("no such file")), "cannot read the calibration"),
    ],
)
def test_options_outside_their_range(wanted: SendOptions, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        wanted.check()


def test_a_calibration_to_be_learned_may_be_new(tmp_path: Path) -> None:
    new = SendOptions(("udp://localhost:5",), calibration=tmp_path / "new.toml", learn="neutral")
    new.check()
    assert Sending(new).learner.learning == "neutral"


def test_options_travel_to_other_processes() -> None:
    wanted = SendOptions(("vmc://localhost",), face="all", rate=30)
    assert pickle.loads(pickle.dumps(wanted)) == wanted


def test_the_command_lines_lists_are_those_of_the_library() -> None:
    assert set(re.split(", ", options.SCHEMES)) == set(SCHEMES) - {"-"}
    assert options.LEARN == LEARN
