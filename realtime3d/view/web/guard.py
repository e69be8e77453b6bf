"""Who may come in: this machine's own browser, or who has the token; pages of other sites never.

A browser lets any site open a socket to 127.0.0.1, and a site may give its own name this machine's address (DNS
rebinding). So `Host` must be a name of this machine, and `Origin`, where there is one, must be this server.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_WRONG = 10  # tokens from one address ...
WRONG_S = 60.0  # ... within this time; then it has to wait
COOKIE_S = 7 * 24 * 3600
MAX_ADDRESSES = 1000  # whose wrong tokens are remembered


def is_loopback(host: str) -> bool:
    return host in LOOPBACK


def new_token() -> str:
    return secrets.token_urlsafe(18)


def view_token(token: str) -> str:
    """What lets somebody watch and not control; the other token cannot be found from it."""
    return hmac.new(token.encode(), b"view", hashlib.sha256).hexdigest()[:24]


@dataclass(slots=True)
class Verdict:
    """What becomes of a request."""

    status: int = 0  # of a refusal; 0 lets it in
    text: str = ""
    may_control: bool = True
    token: str = ""  # that came in the address and belongs into a cookie


@dataclass(slots=True)
class Guard:
    """Judges requests by their headers. `token` empty: this machine only, and everybody on it may control."""

    host: str
    token: str = ""
    _wrong: dict[str, list[float]] = field(default_factory=dict)

    def judge(self, scope: Mapping[str, Any]) -> Verdict:
        """`scope` is ASGI's, of a request or a socket."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        named = headers.get("host", "")
        if not self._is_ours(named):
            return Verdict(400, f"{named[:80]} is no name of this server: open the address that it printed")
        origin = headers.get("origin")
        if origin is not None and not _is_from(origin, named):
            return Verdict(403, "pages of other sites may not talk to this server")
        if not self.token or scope["path"] == "/healthz":
            return Verdict()
        return self._judge_token(scope, headers)

    def _is_ours(self, named: str) -> bool:
        try:
            name = (urlsplit(f"//{named}").hostname or "").lower()
        except ValueError:
            return False
        if is_loopback(name) or name == self.host.lower():
            return bool(name)
        if is_loopback(self.host):
            return False
        return _is_address(name) or name.removesuffix(".local") == socket.gethostname().lower()

    def _judge_token(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> Verdict:
        address = (scope.get("client") or ("",))[0]
        recent = [at for at in self._wrong.get(address, []) if time.monotonic() - at < WRONG_S]
        if len(recent) >= MAX_WRONG:
            return Verdict(429, "too many wrong tokens: wait a minute")
        in_address = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        given = in_address or headers.get("authorization", "").removeprefix("Bearer ") or _in_cookie(headers)
        if _same(given, self.token):
            return Verdict(token=in_address)
        if _same(given, view_token(self.token)):
            return Verdict(token=in_address, may_control=False)
        if given:
            if len(self._wrong) >= MAX_ADDRESSES:
                self._wrong.clear()
            self._wrong[address] = [*recent, time.monotonic()]
        return Verdict(401, "this server wants its token: open the whole link that it printed")


def _is_from(origin: str, named: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == named.lower()
    except ValueError:  # "http://[" and the like
        return False


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _in_cookie(headers: Mapping[str, str]) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


COOKIE = "realtime3d"


def _is_address(name: str) -> bool:
    """An address cannot be rebound, a name can."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class GuardedApp:
    """An ASGI application behind a guard; what is let in finds `may_control` in its scope."""

    def __init__(self, app: Any, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        verdict = self._guard.judge(scope)
        if scope["type"] == "websocket" and verdict.status:
            await send({"type": "websocket.close", "code": 1008, "reason": verdict.text[:120]})  # 403, before any data
            return
        if verdict.status:
            await _answer(send, verdict.status, verdict.text)
            return
        if verdict.token and scope["type"] == "http" and scope["method"] == "GET":
            await _answer(send, 303, "", _without_token(scope, verdict.token))
            return
        scope["may_control"] = verdict.may_control
        await self._app(scope, receive, send)


def _without_token(scope: Any, token: str) -> list[tuple[bytes, bytes]]:
    """The same page with the token in a cookie and not in the address, which is seen and shared."""
    left = [(k, v) for k, vs in parse_qs(scope["query_string"].decode("latin-1"), True).items() for v in vs]
    query = urlencode([(key, value) for key, value in left if key != "token"])
    secure = "; Secure" if scope.get("scheme") == "https" else ""
    cookie = f"{COOKIE}={token}; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Strict{secure}"
    path = "/" + quote(scope["path"].lstrip("/"))  # of this server, and in one line
    return [(b"location", f"{path}{'?' if query else ''}{query}".encode()), (b"set-cookie", cookie.encode())]


async def _answer(send: Any, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *(headers or [])]})
    await send({"type": "http.response.body", "body": text.encode()})
