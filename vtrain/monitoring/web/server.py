"""The dashboard's server: its socket, its limits on clients, its end."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vtrain.errors import UsageError
from vtrain.monitoring.web.app import build_app
from vtrain.monitoring.web.guard import is_loopback, own_names
from vtrain.monitoring.web.runs import Runs

TOKEN_VARIABLE = "VTRAIN_WEB_TOKEN"  # noqa: S105 - a name, not a secret
"""Environment variable with the token; without it a new one is drawn at each start."""
_CONNECTIONS = 256
"""Connections at the same time (count); more are closed at once."""
_SLOW_S = 10.0
"""Time for a request to arrive, and for a client to take what it was sent (s)."""
_BUFFER = 64 * 1024
"""What a client may leave unread before it counts as slow, here and in the kernel each (bytes)."""


class _BoundedProtocol(H11Protocol):
    """A connection that cannot hold others: there are not too many, and a slow one is cut.

    Cutting drops what is still unsent; closing would wait for a client that never reads.
    """

    _asked: asyncio.TimerHandle | None = None
    _read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_BUFFER)
        # Left alone, the kernel lets a client leave some megabytes unread before that.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        if len(self.connections) > _CONNECTIONS:
            transport.abort()
            return
        self._asked = self.loop.call_later(_SLOW_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            _stop(self._asked)
            self._asked = None
        elif self._asked is None:
            self._asked = self.loop.call_later(_SLOW_S, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read = self.loop.call_later(_SLOW_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        _stop(self._read)
        self._read = None

    def connection_lost(self, exc: Exception | None) -> None:
        _stop(self._asked)
        _stop(self._read)
        super().connection_lost(exc)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def serve(
    folders: list[Path],
    root: Path | None,
    *,
    host: str,
    port: int,
    hosts: Collection[str] = (),
    on_start: Callable[[str], None],
) -> None:
    """Serve the dashboard until SIGINT or SIGTERM.

    Args:
        folders: Run directories.
        root: A folder of run directories; None for none.
        host: Address to bind. Away from loopback a token is wanted.
        port: Port; 0 takes a free one.
        hosts: More names that the server may be asked for under.
        on_start: Called with the address to open, token included, once connections are accepted.

    Raises:
        UsageError: The address cannot be bound.
    """
    token = "" if is_loopback(host) else os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(24)
    listener = _listen(host, port)
    server: uvicorn.Server | None = None
    app = build_app(
        Runs(folders, root),
        hosts=own_names(host) | frozenset(hosts),
        token=token,
        closing=lambda: server is not None and server.should_exit,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=_BoundedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            access_log=False,
            log_level="error",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
    )
    # Whoever trains on this machine goes first.
    os.nice(19)
    on_start(_address(host, listener.getsockname()[1], token))
    with listener:
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"The dashboard cannot listen on {host}, port {port}: {reason}.",
            hint="Choose another: --port 0 takes a free one.",
        ) from error
    return listener


def _address(host: str, port: int, token: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        name = socket.gethostname()
    else:
        name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/{'?token=' + token if token else ''}"
