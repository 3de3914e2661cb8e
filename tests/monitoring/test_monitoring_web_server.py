"""The server as users start it, driven over sockets and in a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from tests.monitoring.browser import Browser
from tests.monitoring.web_runs import (
    add_trouble,
    add_validation,
    append,
    make_run,
    metrics_record,
)
from vtrain.monitoring.web.runs import run_id
from vtrain.rundir import RunDirectory

pytestmark = pytest.mark.slow

COMMAND = "from vtrain.cli.main import main; main()"
SCRIPT = "<script>alert(1)<"


class Server:
    """`vtrain monitor serve` in a process of its own.

    Args:
        arguments: Of the command.
        port: Where; 0 for any.
    """

    def __init__(self, *arguments: str, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "monitor", "serve", *arguments, "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.port = int(self.address.rsplit(":", 1)[1].split("/")[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def ask(self, request: bytes) -> bytes:
        """The status line that a raw request gets."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(request)
            return connection.recv(4096).split(b"\r\n")[0]


class Stream:
    """A client of a run's stream that remembers what it was told."""

    def __init__(self, run: RunDirectory) -> None:
        self.path = f"/api/runs/{run_id(run.root)}/stream"
        self.updates: list[int] = []
        self.last = ""

    def listen(self, server: Server, start: str, until: int) -> None:
        """Take messages up to an update; go on from the last one where there was one."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        headers = {"Last-Event-ID": self.last} if self.last else {}
        with contextlib.closing(connection):
            connection.request("GET", f"{self.path}?from={start}", headers=headers)
            answer = connection.getresponse()
            kind = ""
            while self.updates[-1:] != [until]:  # the stream itself never ends
                line = answer.readline().decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last = value
                elif name == "event":
                    kind = value
                    assert kind != "reset"
                elif name == "data" and kind == "metrics":
                    self.updates.append(json.loads(value)["update"])
            answer.close()


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "run")


@pytest.fixture
def server(run: RunDirectory) -> Iterator[Server]:
    with Server("--run", str(run.root)) as found:
        yield found


def test_a_server_that_is_killed_and_started_again_is_followed_without_gap_or_repetition(
    run: RunDirectory,
) -> None:
    client, api = Stream(run), f"/api/runs/{run_id(run.root)}"
    with Server(str(run.root)) as first:
        curves, page = first.json(f"{api}/curves"), first.json(api)
        start = ".".join((curves["metrics"], page["place"], curves["samples"]))
        append(run.metrics, metrics_record(6), metrics_record(7))
        client.listen(first, start, until=7)
        port = first.port
    for number in range(8, 400):  # nobody serves now
        append(run.metrics, metrics_record(number))
    with Server(str(run.root), port=port) as second:
        client.listen(second, start, until=399)
        append(run.metrics, metrics_record(400))
        client.listen(second, start, until=400)

    assert client.updates == list(range(6, 401))


def test_clients_that_do_not_read_are_dropped_and_hold_up_nobody(
    run: RunDirectory, server: Server
) -> None:
    append(run.metrics, *(metrics_record(number, note="x" * 1000) for number in range(6, 8000)))
    start = "0-00000000.0-00000000.0-00000000"
    slow = []
    for _ in range(60):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", server.port))
        path = f"/api/runs/{run_id(run.root)}/stream?from={start}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        slow.append(connection)
    client = Stream(run)

    client.listen(server, start, until=7999)

    assert client.updates == list(range(1, 8000))
    process, end = psutil.Process(server.process.pid), time.monotonic() + 120
    while any(item.status == "ESTABLISHED" for item in process.net_connections("tcp")):
        assert time.monotonic() < end, "a client that reads nothing is still served"
        time.sleep(0.2)
    assert server.get("/api/runs")[0] == 200
    for connection in slow:
        connection.close()


def test_a_client_that_reads_a_byte_at_a_time_leaves_little_unread(
    run: RunDirectory, server: Server
) -> None:
    append(run.metrics, *(metrics_record(number, note="x" * 1000) for number in range(6, 20_000)))
    process = psutil.Process(server.process.pid)
    server.get(f"/api/runs/{run_id(run.root)}/curves")
    before = process.memory_info().rss
    slow = []
    for _ in range(100):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", server.port))
        path = f"/api/runs/{run_id(run.root)}/stream?from=0-00000000.0-00000000.0-00000000"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        slow.append(connection)
    client = Stream(run)
    client.listen(server, "0-00000000.0-00000000.0-00000000", until=19_999)
    grown = process.memory_info().rss - before
    for connection in slow:
        assert connection.recv(1) == b"H"
        connection.close()

    assert client.updates == list(range(1, 20_000))
    # Each has at most a message (128 KiB), its copy on the way, and the buffer (64 KiB): of 24 MB.
    assert grown < 100 * 2**20


def test_connections_beyond_the_most_are_closed_and_the_rest_go_on(server: Server) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    closed = 0
    for connection in silent:  # in the end all are: none ever asked for anything
        connection.settimeout(60)
        with contextlib.suppress(ConnectionResetError), contextlib.closing(connection):
            assert connection.recv(1) == b""
        closed += 1

    assert closed == 300
    assert server.get("/api/runs")[0] == 200


def test_raw_requests_get_no_further_than_the_door(server: Server) -> None:
    host = b"Host: 127.0.0.1\r\n\r\n"

    assert b" 403 " in server.ask(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert b" 405 " in server.ask(b"POST /api/runs HTTP/1.1\r\n" + host)
    assert b" 405 " in server.ask(b"DELETE /run HTTP/1.1\r\n" + host)
    for path in (
        b"/static/../app.py",
        b"/../../../etc/passwd",
        b"/run/..%2f..",
        b"/static/%2e%2e/",
    ):
        assert b" 404 " in server.ask(b"GET " + path + b" HTTP/1.1\r\n" + host)
    assert b" 403 " in server.ask(b"GET / HTTP/1.1\r\nHost: evil.example\r\nX: 1\r\n\r\n")
    assert b" 400 " in server.ask(b"nonsense\r\n\r\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_a_signal_and_leaves_no_process(
    run: RunDirectory, server: Server, number: signal.Signals
) -> None:
    ids = add_validation(run)
    api = f"/api/runs/{run_id(run.root)}"
    assert server.get(f"{api}/pictures/{ids[0]}/drawing")[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"{api}/stream?from=0-00000000.0-00000000.0-00000000")
    stream = connection.getresponse()
    stream.readline()
    children = psutil.Process(server.process.pid).children(recursive=True)

    server.process.send_signal(number)
    _, said = server.process.communicate(timeout=60)

    assert server.process.returncode == (0 if number == signal.SIGINT else -signal.SIGTERM)
    assert "Traceback" not in said
    assert psutil.wait_procs(children, timeout=30)[1] == []
    stream.close()
    connection.close()


def test_away_from_loopback_a_token_is_printed_and_wanted(run: RunDirectory) -> None:
    with Server(str(run.root), "--host", "0.0.0.0") as server:  # noqa: S104 - this is about it
        token = server.address.partition("?token=")[2]

        assert len(token) >= 32
        assert server.get("/api/runs")[0] == 401
        assert server.get(f"/?token={token}")[0] == 303


def test_a_port_that_is_taken_is_an_error_with_a_way_out(run: RunDirectory, server: Server) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c", COMMAND, "monitor", "serve", str(run.root)),
            *("--port", str(server.port)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "--port 0" in done.stderr


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_the_page_goes_on_with_a_server_that_was_killed_and_started_again(
    run: RunDirectory, tmp_path: Path
) -> None:
    (tmp_path / "profile").mkdir()
    with Browser(tmp_path / "profile") as browser:
        with Server(str(run.root)) as first:
            browser.open(f"{first.address}run/{run_id(run.root)}")
            browser.until("document.getElementById('connection').textContent === 'Live'")
            append(run.events, {"time": "2026-11-26T18:00:00", "kind": "before"})
            browser.until("document.querySelector('.log').textContent.includes('before')")
        browser.until("document.getElementById('connection').className === 'lost'")
        append(run.events, {"time": "2026-11-26T18:00:01", "kind": "meanwhile"})
        with Server(str(run.root), port=first.port):
            browser.until("document.querySelector('.log').textContent.includes('meanwhile')")
            append(run.events, {"time": "2026-11-26T18:00:02", "kind": "after"})
            browser.until("document.querySelector('.log').textContent.includes('after')")
            kinds = browser.value(
                "[...document.querySelectorAll('.log li')].map(n => n.textContent.split(' ')[2])"
            )

    assert kinds == ["stage", "before", "meanwhile", "after"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_the_page_shows_a_long_run_and_its_news(tmp_path: Path) -> None:
    run = make_run(tmp_path / SCRIPT, updates=100_000)
    add_validation(run, name=SCRIPT)
    (tmp_path / "profile").mkdir()
    with Server(str(run.root)) as server, Browser(tmp_path / "profile") as browser:
        browser.size(390, 900, mobile=True)
        browser.open(f"{server.address}run/{run_id(run.root)}")
        browser.until("document.querySelectorAll('canvas').length > 5")
        browser.until("document.querySelector('.pictures img')")
        title = browser.value("document.querySelector('h1').textContent")
        logo = browser.value("document.querySelector('.logo h3').textContent")
        browser.until("document.getElementById('connection').textContent === 'Live'")
        append(run.metrics, metrics_record(100_001))
        browser.until("document.body.textContent.includes('51200512 of 5120')")
        spilled = browser.value("document.documentElement.scrollWidth - innerWidth")
        named = browser.value(
            "[...document.querySelectorAll('img, [role=img], button, select')].every("
            "n => n.alt || n.getAttribute('aria-label') || n.textContent)"
        )

    assert (title, logo) == (SCRIPT, SCRIPT)
    assert spilled <= 0
    assert named
    assert browser.problems == []
    assert {request.startswith(server.address) for request in browser.requests} == {True}


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_the_page_shows_alerts_and_advice_and_can_be_used_without_a_mouse(
    run: RunDirectory, tmp_path: Path
) -> None:
    add_trouble(run)
    (tmp_path / "profile").mkdir()
    with Server(str(run.root)) as server, Browser(tmp_path / "profile") as browser:
        browser.open(f"{server.address}run/{run_id(run.root)}")
        browser.until("document.querySelector('#alerts li')")
        rows = browser.value(
            "[...document.querySelectorAll('#alerts tbody tr')].map("
            "r => [...r.cells].slice(0, 4).map(c => c.textContent))"
        )
        advice = browser.value("document.querySelector('#alerts li').textContent")
        browser.until("document.getElementById('connection').textContent === 'Live'")
        over = {"kind": "alert", "name": "disk_free", "level": "resolved", "message": "disk: free"}
        append(run.events, {**over, "subject": "", "time": "2026-11-26T17:00:00"})
        browser.until("document.querySelector('#alerts p').textContent === 'Open now: 1.'")
        append(run.metrics, metrics_record(60, entropy=1.5))
        entropy = "[...document.querySelectorAll('.chart')].find(n => n.innerText.includes('Entr'))"
        browser.value(f"{entropy}.scrollIntoView(); 0")  # it is drawn when it is seen
        browser.until(f"{entropy}.querySelector('figcaption').textContent.includes('now 1.50')")
        unnamed = browser.value(
            "[...document.querySelectorAll('a, button, select, [tabindex], meter, progress, img')]"
            ".filter(n => n.id !== 'main' && !n.textContent.trim() && !n.alt"
            " && !n.getAttribute('aria-label')).length"
        )
        browser.value("document.querySelector('.chart [role=img]').focus(); 0")
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Home")
        spoken = browser.value("document.querySelector('.chart .spoken').textContent")

    assert rows == [
        ["resolved", "over", "load: 1.0 processes want each core", ""],
        ["critical", "open", "disk: 0.40 GiB free", "Free some space."],
        ["warn", "open", "memory: 87 % of 4.00 GiB are in use", "Use fewer workers."],
        ["warn", "over", "load: 7.0 processes want each core", "Wait."],
    ]
    assert "checks take 60% of the time" in advice
    assert "--set validation.every_updates=" in advice
    assert unnamed == 0
    assert spoken == "update 1: training 0.1000, validation none"
    assert browser.problems == []
