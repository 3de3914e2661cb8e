"""Who may ask the dashboard, and for what: checked before any page is looked up.

A page on the web can make a browser ask a server on its own machine, under a name of the attacker's
(DNS rebinding): so the name asked for must be one of this server's. Nothing can be changed: so only
GET and HEAD are understood. Away from loopback everybody on the network can connect: so a token is
wanted.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

import psutil
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_METHODS = ("GET", "HEAD")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",
}


class Guard:
    """Lets a request through to the app, or answers it.

    Args:
        app: What answers those let through.
        hosts: Names and addresses under which this server may be asked for.
        token: What a client must know; empty for nothing.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], token: str = "") -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token
        # Cookies do not tell ports apart: two dashboards on one machine keep two cookies.
        self._cookie = f"vtrain-{hashlib.sha256(token.encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", _POLICY)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        names = headers.getlist("host")
        if len(names) != 1 or host_name(names[0]) not in self._hosts:
            return PlainTextResponse("This server has another name.\n", 403)
        if scope["method"] not in _METHODS:
            return PlainTextResponse(
                "Nothing can be changed here.\n", 405, {"allow": ", ".join(_METHODS)}
            )
        if not self._token:
            return None
        words = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["path"] == "/" and self._matches(words.get("token", "")):
            # Out of the address bar and the history, into a cookie that scripts cannot read.
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
            return answer
        if any(self._matches(given) for given in self._given(headers)):
            return None
        return PlainTextResponse(
            "A token is wanted: open the address that the server printed.\n", 401
        )

    def _given(self, headers: Headers) -> list[str]:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip()] if kind.lower() == "bearer" else []
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:  # of another server on this machine
            return given
        return given + ([cookies[self._cookie].value] if self._cookie in cookies else [])

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def host_name(header: str) -> str:
    """The name in a `Host` header, without the port; empty for what is no such header."""
    text = header.strip().lower()
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        return name if bracket and _is_port(port) else ""
    name, _, port = text.partition(":")
    return name if _is_port(f":{port}" if ":" in text else "") else ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_names(host: str) -> frozenset[str]:
    """The names that a server bound to an address may be asked for under."""
    if is_loopback(host):
        return LOOPBACK | {host}
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return LOOPBACK | {host}
    addresses = {
        address.address.partition("%")[0]
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    return LOOPBACK | addresses | {socket.gethostname()}


def _is_port(text: str) -> bool:
    return not text or (text.startswith(":") and text[1:].isdecimal() and len(text) <= 6)
