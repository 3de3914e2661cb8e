"""The stream of news: whole records, in order, each once, from wherever a client was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.web_runs import append, make_run, metrics_record, sample_record
from vtrain.files import read_jsonl
from vtrain.monitoring import storage
from vtrain.monitoring.storage import SampleWriter
from vtrain.monitoring.summary import SAMPLES
from vtrain.monitoring.web import live, views
from vtrain.monitoring.web.follow import Piece, Place, read_on
from vtrain.monitoring.web.live import Live, Parts, parse_places
from vtrain.monitoring.web.runs import FILES, RunView, run_id
from vtrain.rundir import RunDirectory

START = dict.fromkeys(FILES, Place())


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LOOK_S", 0.01)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "run")


@dataclass
class Client:
    """Takes what a stream sends, until `enough` says so.

    Attributes:
        records: By the kind of the message.
        last: The id of the last message.
        ended: Streams that told that they ended (count).
        parts: What its streams share with those of others.
    """

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    resets: int = 0
    last: str = ""
    ended: int = 0
    parts: Parts = field(default_factory=Parts)

    def listen(
        self,
        run: RunDirectory,
        places: dict[str, Place] | None,
        enough: Callable[[], bool],
        on_news: Callable[[], None] = lambda: None,
    ) -> None:
        async def until_enough() -> None:
            gone = asyncio.Event()

            async def receive() -> dict[str, Any]:
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                self._take(message.get("body", b"").decode())
                on_news()
                if enough():
                    gone.set()

            view = RunView(run_id(run.root), run)
            stream = Live(view, places, parts=self.parts, closing=lambda: False, on_end=self._end)
            await asyncio.wait_for(stream({}, receive, send), 30)

        asyncio.run(until_enough())

    def _end(self) -> None:
        self.ended += 1

    def _take(self, text: str) -> None:
        lines = [line.partition(": ") for line in text.splitlines()]
        fields = {name: value for name, _, value in lines}
        if fields.get("event") == "reset":
            self.resets += 1
        elif "event" in fields:
            records = [json.loads(value) for name, _, value in lines if name == "data"]
            self.records.setdefault(fields["event"], []).extend(records)
            self.last = fields["id"]

    def times(self) -> list[float]:
        return [record["time"] for record in self.records.get("samples", [])]

    def updates(self) -> list[int]:
        return [record["update"] for record in self.records.get("metrics", [])]


def test_all_files_come_from_their_start(run: RunDirectory) -> None:
    client = Client()

    client.listen(run, START, lambda: len(client.records) == 3)

    assert client.updates() == [1, 2, 3, 4, 5]
    assert [event["kind"] for event in client.records["events"]] == ["stage"]
    assert len(client.records["samples"]) == 4
    assert client.ended == 1


def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_twice(run: RunDirectory) -> None:
    client = Client()
    client.listen(run, START, lambda: len(client.records) == 3)
    for number in range(6, 40):  # while nobody listens
        append(run.metrics, metrics_record(number))

    client.listen(run, parse_places(client.last), lambda: client.updates()[-1] == 39)

    assert client.updates() == list(range(1, 40))
    assert len(client.records["samples"]) == 4


def test_news_come_while_a_client_listens(run: RunDirectory) -> None:
    client = Client()
    to_do = [6]

    def train() -> None:
        if to_do:
            append(run.metrics, metrics_record(to_do.pop()))

    client.listen(run, START, lambda: client.updates()[-1:] == [6], train)

    assert client.updates() == [1, 2, 3, 4, 5, 6]


def test_a_piece_at_a_time_misses_nothing(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_PIECE", 300)
    append(run.metrics, *(metrics_record(number) for number in range(6, 200)))
    client = Client()

    client.listen(run, START, lambda: client.updates()[-1:] == [199])

    assert client.updates() == list(range(1, 200))


def test_clients_share_what_was_read_and_miss_nothing(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Place] = []

    def counted(path: Path, place: Place, *, limit: int) -> Piece:
        read.append(place)
        return read_on(path, place, limit=limit)

    monkeypatch.setattr(live, "read_on", counted)
    first = Client()
    first.listen(run, START, lambda: len(first.records) == 3)
    before = len(read)
    second = Client(parts=first.parts)
    second.listen(run, START, lambda: len(second.records) == 3)
    append(run.metrics, metrics_record(6))  # after the part that is kept
    third = Client(parts=first.parts)
    third.listen(run, START, lambda: third.updates()[-1:] == [6] and len(third.records) == 3)

    assert before == 3
    assert first.records == second.records
    assert third.updates() == [1, 2, 3, 4, 5, 6]
    assert len(read) == before + 1


def test_what_was_read_of_a_file_that_was_replaced_is_not_shared(run: RunDirectory) -> None:
    first = Client()
    first.listen(run, START, lambda: len(first.records) == 3)
    run.metrics.unlink()
    append(run.metrics, *(metrics_record(number, note="longer") for number in range(1, 9)))
    second = Client(parts=first.parts)

    second.listen(run, START, lambda: second.updates()[-1:] == [8])

    assert second.updates() == list(range(1, 9))
    assert {record["note"] for record in second.records["metrics"]} == {"longer"}


def test_a_replaced_file_makes_the_client_load_again(run: RunDirectory) -> None:
    client = Client()
    client.listen(run, START, lambda: len(client.records) == 3)
    run.metrics.unlink()  # as a resumed run does
    append(run.metrics, metrics_record(1), metrics_record(2, resumed=True))

    client.listen(run, parse_places(client.last), lambda: False)

    assert client.resets == 1
    assert client.updates() == [1, 2, 3, 4, 5]
    assert client.ended == 2


def test_samples_that_are_put_together_make_the_client_load_again_and_go_on(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MOST", 20)
    monkeypatch.setattr(storage, "_FULL", 6)
    monkeypatch.setattr(storage, "_OLD", 6)
    path, client, shown = run.resource_monitoring / SAMPLES, Client(), list[float]()
    numbers = iter(range(4, 60))
    view = RunView(run_id(run.root), run)
    with SampleWriter(path) as writer:

        def sample() -> None:
            for number in numbers:
                writer.write(sample_record(number))
                return

        while (last := next(numbers, None)) is not None:
            # As the page does: everything as it is now, then the news from there on.
            writer.write(sample_record(last))
            told = views.curves(view, 700)
            shown = next(chart["points"][0] for chart in told["charts"] if chart["id"] == "cpu")
            place = {"metrics": told["metrics"], "events": "0-00000000", "samples": told["samples"]}
            resets, client.records = client.resets, {}

            def enough(resets: int = resets) -> bool:
                return client.resets > resets or client.times()[-1:] == [sample_record(59)["time"]]

            client.listen(run, parse_places(".".join(place.values())), enough, sample)
            shown += client.times()

    assert client.resets > 1
    assert shown == sorted(set(shown))
    assert shown == [record["time"] for record in read_jsonl(path)]


@pytest.mark.parametrize("text", ["", "1", "0-00000000", "0-00000000.0-00000000.x", "a.b.c"])
def test_an_id_of_somebody_else_makes_the_client_load_again(run: RunDirectory, text: str) -> None:
    client = Client()
    client.listen(run, parse_places(text), lambda: False)

    assert client.resets == 1
    assert client.records == {}


def test_torn_lines_and_carriage_returns_do_not_break_the_stream(run: RunDirectory) -> None:
    with run.events.open("ab") as file:
        file.write(b'{"kind": "torn\n\xff\xfe\n{"kind":\r"odd"}\n{"kind": "half')
    client = Client()

    client.listen(run, START, lambda: len(client.records) == 3)

    assert [event["kind"] for event in client.records["events"]] == ["stage", "odd"]
