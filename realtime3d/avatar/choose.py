"""From a URL to a sender: the one place that knows what a scheme means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from realtime3d.avatar.base import AvatarProtocol, Line
from realtime3d.avatar.calibration import RULE_NAMES, chosen_weights
from realtime3d.config import check_name
from realtime3d.errors import UsageError

if TYPE_CHECKING:
    from realtime3d.avatar.message import Messages
    from realtime3d.avatar.options import SendOptions

Parts = tuple[Line, AvatarProtocol]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart."""

    url: str
    scheme: str
    host: str
    port: int
    path: str  # without its first slash
    options: Mapping[str, str]

    def option(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.options.get(name, default)
        if value not in choices:
            raise UsageError(f"{self.url}: {name} is one of {', '.join(choices)}, not {value!r}")
        return value


@dataclass(frozen=True, slots=True)
class Scheme:
    """One protocol."""

    example: str
    what: str
    port: int | None  # where none is written; None: it must be
    make: Callable[[Target, SendOptions], Parts]
    options: tuple[str, ...] = ()  # of the URL's query, beside `only` and `without`
    least_rate: float = 0.0  # frames a second that it cannot do without


def _udp(target: Target) -> Line:
    from realtime3d.avatar.udp import UdpLine

    return UdpLine(target.host, target.port)


def _vmc(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.vmc import Vmc

    return _udp(target), Vmc(
        names=target.option("names", "pascal", ("pascal", "camel")),
        vrm=target.option("presets", "vrm0", ("vrm0", "vrm1", "none")),
        bones=target.option("bones", "all", ("all", "head", "none")),
    )


def _livelink(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.livelink import LiveLink

    return _udp(target), LiveLink(target.path or "realtime3d", each=wanted.face == "all")


def _ifacialmocap(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.ifacialmocap import AnsweringLine, IFacialMocap

    protocol = IFacialMocap(int(target.option("version", "1", ("1", "2"))))
    return (AnsweringLine(target.port, protocol) if target.host == "*" else _udp(target)), protocol


def _vts(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.vts import Vts, VtsLine

    return VtsLine(target.host, target.port), Vts()


def _openseeface(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.openseeface import OpenSeeFace

    return _udp(target), OpenSeeFace()


def _osc(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.osc import Osc

    return _udp(target), Osc(f"/{target.path or 'face'}", with_ids=wanted.face == "all")


def _messages(wanted: SendOptions) -> Messages:
    from realtime3d.avatar.message import Messages

    return Messages(action_units=wanted.action_units, emotions=wanted.emotions, neutral=wanted.neutral())


def _json(target: Target, wanted: SendOptions) -> Parts:
    return _udp(target), _messages(wanted)


def _ws(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.websocket import WebSocketLine

    return WebSocketLine(target.url), _messages(wanted)


def _lines(target: Target, wanted: SendOptions) -> Parts:
    from realtime3d.avatar.lines import OutputLine

    return OutputLine(), _messages(wanted)


SCHEMES: Mapping[str, Scheme] = {
    "vmc": Scheme(
        "vmc://127.0.0.1:39539", "VSeeFace, VNyan, Warudo, Blender", 39539, _vmc, ("names", "presets", "bones")
    ),
    "livelink": Scheme("livelink://127.0.0.1:11111/NAME", "Live Link Face: Unreal, Blender", 11111, _livelink),
    "ifacialmocap": Scheme(
        "ifacialmocap://127.0.0.1:49983", "what takes iFacialMocap", 49983, _ifacialmocap, ("version",)
    ),
    "vts": Scheme("vts://127.0.0.1:8001", "VTube Studio", 8001, _vts, least_rate=1.0),
    "openseeface": Scheme("openseeface://127.0.0.1:11573", "what takes OpenSeeFace", 11573, _openseeface),
    "osc": Scheme("osc://127.0.0.1:9000/face", "OSC programs", None, _osc),
    "ws": Scheme("ws://127.0.0.1:8000/", "own programs, JSON over a WebSocket", 80, _ws),
    "wss": Scheme("wss://example.org/", "the same, encrypted", 443, _ws),
    "udp": Scheme("udp://127.0.0.1:5005", "own programs, JSON in datagrams", None, _json),
    "-": Scheme("-", "JSON lines on standard output", None, _lines),
}
EXAMPLES = tuple(scheme.example for scheme in SCHEMES.values())
ANY_OPTION = ("only", "without")
WEB = ("ws", "wss")  # what follows ? there is the server's


def parse(url: str) -> Target:
    """A URL taken apart; UsageError where something in it cannot be meant."""
    if url == "-":
        return Target(url, url, "", 0, "", {})
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"cannot send to {url!r} ({error}): write one of {', '.join(EXAMPLES)}") from error
    if parts.scheme not in SCHEMES or "://" not in url:
        raise UsageError(f"cannot send to {url!r}: write one of {', '.join(EXAMPLES)}")
    scheme = SCHEMES[parts.scheme]
    try:
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url}: the port is a number up to 65535, as in {scheme.example}") from error
    port = scheme.port if port is None else port
    if not parts.hostname or not port:
        raise UsageError(f"{url}: host and port are missing: write it as {scheme.example}")
    if parts.hostname == "*" and parts.scheme != "ifacialmocap":
        raise UsageError(f"{url}: name the host that listens, as in {scheme.example}")
    options = {} if parts.scheme in WEB else dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        check_name(name, [*scheme.options, *ANY_OPTION], f"{url}: unknown option {{!r}}")
    return Target(url, parts.scheme, parts.hostname, port, unquote(parts.path.removeprefix("/")), options)


def chosen(target: Target) -> frozenset[str] | None:
    """The weights that the URL lets through (`?only=eyeBlink,jawOpen`, `?without=gaze`); None: all."""
    lists = []
    for name in ANY_OPTION:
        words = tuple(word for word in target.options.get(name, "").split(",") if word)
        for word in words:
            check_name(word, RULE_NAMES, f"{target.url}: {name} knows no weight {{!r}}")
        lists.append(words)
    return chosen_weights(*lists) if any(lists) else None
