"""OSC to the byte, against the specification's own example and another library."""

from __future__ import annotations

import importlib.util
import struct

import pytest

from realtime3d.avatar.osc import Osc, bundles, message
from realtime3d.errors import UsageError
from realtime3d.face.arkit import NAMES
from tests.helpers.avatars import counted, frame


def test_the_specifications_own_examples() -> None:
    """The two messages that the OSC 1.0 specification writes out."""
    assert message("/oscillator/4/frequency", 440.0) == b"/oscillator/4/frequency\0,f\0\0\x43\xdc\0\0"
    numbers, last = struct.pack(">ii", 1000, -1), struct.pack(">ff", 1.234, 5.678)
    expected = b"/foo\0\0\0\0,iisff\0\0" + numbers + b"hello\0\0\0" + last
    assert message("/foo", 1000, -1, "hello", 1.234, 5.678) == expected


@pytest.mark.parametrize("word", ["", "a", "abc", "abcd", "日本"])
def test_texts_end_with_a_zero_and_fill_four_bytes(word: str) -> None:
    data = message("/a", word)
    assert len(data) % 4 == 0
    assert data == b"/a\0\0,s\0\0" + word.encode() + bytes(4 - len(word.encode()) % 4)


def test_a_bundle_is_cut_before_the_limit_and_keeps_the_order() -> None:
    messages = [message("/n", i) for i in range(200)]
    packed = bundles(messages, 200)
    assert all(len(one) <= 200 for one in packed)
    assert b"".join(packed).count(b"/n\0\0") == 200
    assert [m for one in packed for m in split(one)] == messages


def test_a_message_larger_than_the_limit_still_goes_out() -> None:
    large = message("/x", "y" * 3000)
    assert [split(one) for one in bundles([large, message("/b")], 1500)] == [[large], [message("/b")]]


def split(bundle: bytes) -> list[bytes]:
    """A bundle's messages, by the specification."""
    assert bundle[:16] == b"#bundle\0" + bytes(7) + b"\x01"
    found, at = [], 16
    while at < len(bundle):
        (size,) = struct.unpack_from(">i", bundle, at)
        found.append(bundle[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(bundle)
    return found


def test_every_value_has_its_address() -> None:
    face = frame(counted(), turn=(10, -20, 5), place=(1, 2, 3))
    messages = [one for part in Osc("/face").packets([face]) for one in split(part)]
    assert message("/face/tracked", 1) in messages
    assert message("/face/jawOpen", counted()["jawOpen"]) in messages
    assert message("/face/head/position", 1.0, 2.0, 3.0) in messages
    assert len(messages) == 7 + len(NAMES)


def test_several_faces_are_told_apart_by_their_id() -> None:
    both = [frame(face_id=2), frame(face_id=7)]
    text = b"".join(Osc("/f", with_ids=True).packets(both))
    assert b"/f/2/jawOpen" in text and b"/f/7/jawOpen" in text


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no OSC address"):
        Osc("/a b")


def test_python_osc_reads_it() -> None:
    if importlib.util.find_spec("pythonosc") is None:
        pytest.skip("python-osc is not installed")
    from pythonosc.osc_packet import OscPacket

    face = frame(counted(), turn=(10, -20, 5))
    read = {}
    for part in Osc("/face").packets([face]):
        read |= {timed.message.address: timed.message.params for timed in OscPacket(part).messages}
    assert read["/face/jawOpen"] == [pytest.approx(counted()["jawOpen"])]
    assert read["/face/head/rotation"] == pytest.approx([10, -20, 5], abs=1e-5)
    assert read["/face/tracked"] == [1]
