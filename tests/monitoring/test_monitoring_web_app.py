"""What the dashboard answers: figures out of files, and nothing to those who may not ask."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import vtrain.monitoring.web
from tests.monitoring.waiting import wait_for
from tests.monitoring.web_runs import (
    AppClient,
    add_trouble,
    add_validation,
    append,
    make_run,
    metrics_record,
)
from vtrain.checkpoints.store import CheckpointStore
from vtrain.cli.monitor import serve
from vtrain.errors import UsageError
from vtrain.monitoring.report import report as read_report
from vtrain.monitoring.web.app import build_app
from vtrain.monitoring.web.guard import LOOPBACK, host_name, is_loopback, own_names
from vtrain.monitoring.web.runs import Runs, run_id
from vtrain.rundir import RunDirectory, write_json

STATIC = Path(vtrain.monitoring.web.__file__).parent / "static"
SCRIPT = "<script>alert(1)<"


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return make_run(tmp_path / "runs" / "first")


@pytest.fixture
def client(run: RunDirectory) -> Iterator[AppClient]:
    with connect(Runs([], run.root.parent)) as found:
        yield found


def connect(runs: Runs, *, token: str = "") -> AppClient:
    app = build_app(runs, hosts=LOOPBACK, token=token, closing=lambda: True)
    return AppClient(app)


def api(run: RunDirectory, rest: str = "") -> str:
    return f"/api/runs/{run_id(run.root)}{rest}"


def test_a_run_is_told_with_its_progress_and_newest_sample(
    client: AppClient, run: RunDirectory
) -> None:
    told = client.get(api(run)).json()

    assert (told["folder"], told["seed"], told["state"]) == ("first", 3, "running")
    assert (told["progress"]["update"], told["progress"]["total_traces"]) == (5, 5120)
    assert told["progress"]["seconds_left"] == pytest.approx((5120 - 2560) / 128)
    assert told["sample"]["cpu_percent"] == 150.0
    assert [event["kind"] for event in told["events"]] == ["stage"]


@pytest.mark.parametrize(
    ("event", "state"),
    [({"kind": "end", "stopped": "done"}, "ended"), ({"kind": "resumed"}, "running")],
)
def test_an_end_is_told_until_training_goes_on(
    client: AppClient, run: RunDirectory, event: dict[str, Any], state: str
) -> None:
    append(run.events, {"kind": "end", "stopped": "SIGTERM"}, event)

    assert state == client.get(api(run)).json()["state"]


def test_a_run_whose_process_is_gone_has_stopped(client: AppClient, run: RunDirectory) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    holder = {"pid": int(ended.stdout), "host": os.uname().nodename, "purpose": "training"}
    write_json(run.root / ".lock", holder)

    assert client.get(api(run)).json()["state"] == "stopped"


def test_without_the_extra_the_next_command_is_told(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(UsageError, match=r"pip install -c constraints.txt -e '.\[web\]'"):
        serve([run.root])


def test_a_root_that_is_none_is_told(run: RunDirectory) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        serve([run.root], root=run.metrics)


def test_a_run_without_a_record_has_not_started(client: AppClient, run: RunDirectory) -> None:
    new = RunDirectory(run.root.parent / "new")
    write_json(new.identity, {"name": "new"})
    found = next(item for item in connect_runs(run) if item["folder"] == "new")

    assert (found["state"], found["progress"]) == ("not started", None)
    assert client.get(api(run)).status_code == 200


def connect_runs(run: RunDirectory) -> list[dict[str, Any]]:
    with connect(Runs([], run.root.parent)) as client:
        told: list[dict[str, Any]] = client.get("/api/runs").json()["runs"]
        return told


def test_runs_are_read_before_somebody_asks(run: RunDirectory) -> None:
    runs = Runs([run.root])
    with AppClient(build_app(runs, hosts=LOOPBACK)):
        pass  # it starts and ends

    assert wait_for(lambda: runs.views()[0].metrics.count == 5)


def test_curves_hold_what_the_file_holds_and_grow(client: AppClient, run: RunDirectory) -> None:
    before = client.get(api(run, "/curves?width=100")).json()
    append(run.metrics, metrics_record(6, validation_utility=1.25))
    after = client.get(api(run, "/curves?width=100")).json()
    utility = next(chart for chart in after["charts"] if chart["id"] == "utility")

    assert utility["points"][0] == [1, 2, 3, 4, 5, 6]
    assert utility["points"][1] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert utility["points"][2] == [None, None, None, None, None, 1.25]
    assert before["metrics"] != after["metrics"]
    assert before["samples"] == after["samples"]


def test_many_points_come_thinned_to_the_width(client: AppClient, run: RunDirectory) -> None:
    append(run.metrics, *(metrics_record(number) for number in range(6, 3000)))
    charts = client.get(api(run, "/curves?width=60")).json()["charts"]

    assert {len(chart["points"][0]) <= 120 for chart in charts} == {True}
    assert charts[0]["points"][0][-1] == 2999


def test_a_record_of_another_kind_does_no_harm(client: AppClient, run: RunDirectory) -> None:
    append(run.metrics, {"other": 1}, {"update": "x", "traces": None, "wall": 3})
    append(run.metrics, {"update": 5, "entropy": 10**400})
    append(run.events, {"kind": None}, {"time": 5})

    assert client.get(api(run)).json()["progress"]["update"] == 5
    assert client.get(api(run, "/curves")).status_code == 200


def test_runs_are_compared_over_their_traces(client: AppClient, run: RunDirectory) -> None:
    second = make_run(run.root.parent / "second", updates=2)
    add_validation(second)
    with connect(Runs([], run.root.parent)) as both:
        told = both.get("/api/compare?column=gain_mean").json()
        unknown = both.get("/api/compare?column=../x")
    points = {item["id"]: item["points"] for item in told["runs"]}
    judged = {item["id"]: item["validation"] for item in told["runs"]}

    assert points[run_id(run.root)][0] == [512, 1024, 1536, 2048, 2560]
    assert points[run_id(second.root)] == [[512, 1024], [0.1, 0.2]]
    assert judged[run_id(run.root)] == []
    assert judged[run_id(second.root)][0]["gain"]["value"] == 1.5
    assert unknown.status_code == 404
    assert client.get("/api/compare").json()["column"] == "validation_utility"


def test_checkpoints_are_verified_again_when_a_file_changes(
    client: AppClient, run: RunDirectory
) -> None:
    store = CheckpointStore(run.checkpoints)
    saved = store.save(512, tensors={}, documents={"state": {"a": 1}}, info={"utility": 0.5})
    good = client.get(api(run, "/checkpoints")).json()["checkpoints"]
    (saved.path / "state.json").write_text('{"a": 2}', encoding="utf-8")
    bad = client.get(api(run, "/checkpoints")).json()["checkpoints"]

    assert (good[0]["name"], good[0]["problems"], good[0]["latest"]) == (saved.name, [], True)
    assert "state.json" in bad[0]["problems"][0]
    assert str(run.root.parent) not in str(bad)


def test_alerts_are_told_apart_from_other_events(client: AppClient, run: RunDirectory) -> None:
    alert = {"kind": "alert", "level": "critical", "message": "no space"}
    append(run.events, alert, {"kind": "stage"})

    assert client.get(api(run)).json()["alerts"] == [alert]


def test_alerts_are_open_until_they_are_resolved(client: AppClient, run: RunDirectory) -> None:
    add_trouble(run)
    told = client.get(api(run)).json()

    assert [alert["level"] for alert in told["alerts"]] == ["warn", "warn", "critical", "resolved"]
    assert told["open_alerts"] == ["critical", "warn"]
    assert client.get("/api/runs").json()["runs"][0]["open_alerts"] == ["critical", "warn"]


def test_an_alert_stays_told_while_it_is_open(client: AppClient, run: RunDirectory) -> None:
    add_trouble(run)
    others = ({"kind": "alert", "name": "entropy", "level": "resolved"} for _ in range(300))
    append(run.events, *others)
    told = client.get(api(run)).json()["alerts"]

    assert [alert["name"] for alert in told[:3]] == ["memory", "disk_free", "entropy"]


def test_advice_is_told_with_its_evidence_and_option(client: AppClient, run: RunDirectory) -> None:
    add_trouble(run)
    told = client.get(api(run, "/advice")).json()
    report = read_report(run).advice

    assert told == [asdict(item) for item in report]
    assert "checks take 60% of the time" in told[0]["evidence"]
    assert told[0]["change"].startswith("--set validation.every_updates=")


def test_a_validation_is_told_with_what_was_chosen(client: AppClient, run: RunDirectory) -> None:
    none = client.get(api(run, "/validation")).json()
    add_validation(run)
    told = client.get(api(run, "/validation")).json()
    upscale = next(item for item in told["parameters"] if item["name"] == "upscale")

    assert none is None
    assert told["figures"][0]["gain"] == {"value": 1.5, "low": 1.0, "high": 2.0}
    assert upscale["counts"] == {"balanced": [0, 3, 0]}


def test_the_gallery_shows_source_drawing_and_difference(
    client: AppClient, run: RunDirectory
) -> None:
    ids = add_validation(run)
    gallery = client.get(api(run, "/gallery")).json()
    answers = {
        kind: client.get(api(run, f"/pictures/{ids[0]}/{kind}"))
        for kind in ("source", "drawing", "difference")
    }

    assert ids == [logo["image"] for logo in gallery["logos"]]
    assert answers["source"].content == (run.images / f"{ids[0]}-reference.png").read_bytes()
    assert "<path" in answers["drawing"].text
    assert answers["drawing"].headers["content-security-policy"].endswith("sandbox")
    assert answers["difference"].content.startswith(b"\x89PNG")
    assert client.get(api(run, f"/pictures/{'0' * 16}/source")).status_code == 404
    assert client.get(api(run, f"/pictures/{ids[0]}/other")).status_code == 404


def test_an_image_that_is_gone_is_said_and_stops_nothing(
    client: AppClient, run: RunDirectory
) -> None:
    ids = add_validation(run)
    (run.images / f"{ids[0]}-reference.png").unlink()

    assert client.get(api(run, f"/pictures/{ids[0]}/source")).status_code == 503
    assert client.get(api(run, f"/pictures/{ids[1]}/source")).status_code == 200


def test_a_row_that_names_a_path_is_no_image(client: AppClient, run: RunDirectory) -> None:
    add_validation(run)
    rows = next(run.validation.glob("*/rows.jsonl"))
    append(rows, {"chooser": "policy", "taste": "balanced", "image": "../x", "action": []})
    gallery = client.get(api(run, "/gallery")).json()

    assert all("/" not in logo["image"] for logo in gallery["logos"])


def test_a_damaged_validation_is_a_message(client: AppClient, run: RunDirectory) -> None:
    add_validation(run)
    next(run.validation.glob("*/results.json")).write_text("{", encoding="utf-8")
    answer = client.get(api(run, "/validation"))

    assert answer.status_code == 503
    assert "damaged" in answer.json()["problem"]
    assert str(run.root) not in answer.text


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8300", "", "[::1", "a:b:c"],
)
def test_a_foreign_host_is_refused(client: AppClient, run: RunDirectory, host: str) -> None:
    for path in ("/", api(run), "/static/dashboard.js", api(run, "/stream")):
        answer = client.get(path, headers={"host": host})

        assert answer.status_code == 403
        assert "first" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8300", "[::1]:8300", "LOCALHOST:1"])
def test_its_own_names_are_served(client: AppClient, host: str) -> None:
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"])
def test_other_methods_are_refused_everywhere(
    client: AppClient, run: RunDirectory, method: str
) -> None:
    for path in ("/", api(run), "/nothing"):
        answer = client.request(method, path)

        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fapp.py",
        "/static//etc/passwd",
        "/static/uplot/../../app.py",
        "/api/runs/..",
        "/api/runs/..%2f..%2fetc",
        "/api/runs/first",
        "/run/first",
        "/run/%2e%2e",
        "/api/runs/0000000000000000",
        "/api/runs/0000000000000000/stream",
    ],
)
def test_a_path_leads_nowhere(client: AppClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("width", ["-1", "x", "1e9", "999999999"])
def test_a_width_that_is_none_is_refused(client: AppClient, run: RunDirectory, width: str) -> None:
    assert client.get(api(run, f"/curves?width={width}")).status_code == 400


def test_a_token_opens_once_and_stays_in_a_cookie(run: RunDirectory) -> None:
    with connect(Runs([run.root]), token="secret") as client:  # noqa: S106 - of this test
        assert client.get("/api/runs").status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert client.get("/api/runs?token=secret").status_code == 401
        bearer = {"authorization": "Bearer secret"}
        assert client.get("/api/runs", headers=bearer).status_code == 200

        opened = client.get("/?token=secret")

        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        assert "httponly" in opened.headers["set-cookie"].lower()
        assert client.get("/api/runs").status_code == 200


def test_no_inline_script_may_run(client: AppClient, run: RunDirectory) -> None:
    page = client.get(f"/run/{run_id(run.root)}")
    policy = page.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert page.headers["x-content-type-options"] == "nosniff"


def test_a_run_named_like_markup_is_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / SCRIPT)
    add_validation(run, name=SCRIPT)
    with connect(Runs([run.root])) as client:
        page = client.get(f"/run/{run_id(run.root)}")
        told = client.get("/api/runs")
        gallery = client.get(api(run, "/gallery"))

    assert SCRIPT not in page.text
    assert told.json()["runs"][0]["folder"] == SCRIPT
    assert gallery.json()["logos"][0]["name"] == SCRIPT
    assert {told.headers["content-type"], gallery.headers["content-type"]} == {"application/json"}


def test_the_page_writes_no_markup() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))

    assert "textContent" in scripts
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in scripts


def test_the_vendored_files_are_those_of_their_digests() -> None:
    folder = STATIC / "uplot"
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    digests = {name: digest for digest, name in (line.split() for line in lines)}

    assert {"LICENSE", "uPlot.iife.min.js", "uPlot.min.css"} == set(digests)
    for name, digest in digests.items():
        assert digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_a_run_that_goes_and_comes_keeps_its_address(run: RunDirectory) -> None:
    with connect(Runs([run.root])) as client:
        first = client.get("/api/runs").json()["runs"][0]["id"]
    with connect(Runs([], run.root.parent)) as client:
        second = client.get("/api/runs").json()["runs"][0]["id"]
        shutil.rmtree(run.root)

        assert first == second
        assert client.get(api(run)).status_code == 200  # as empty as its folder

    with connect(Runs([], run.root.parent)) as client:
        assert client.get(api(run)).status_code == 404


def test_nothing_is_written_into_a_run(client: AppClient, run: RunDirectory) -> None:
    CheckpointStore(run.checkpoints).save(1, tensors={}, documents={"a": 1}, info={})
    ids = add_validation(run)
    before = {path: path.stat().st_mtime_ns for path in run.root.rglob("*")}
    for rest in ("", "/curves", "/checkpoints", "/validation", "/advice", "/gallery"):
        assert client.get(api(run, rest)).status_code == 200
    assert client.get(api(run, f"/pictures/{ids[0]}/drawing")).status_code == 200

    assert before == {path: path.stat().st_mtime_ns for path in run.root.rglob("*")}


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:80", "a"), ("A", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a:x", ""), ("[::1]x", "")],
)
def test_a_host_header_gives_a_name(header: str, name: str) -> None:
    assert name == host_name(header)


def test_only_loopback_needs_no_token() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"))  # noqa: S104
    assert "evil.example" not in own_names("0.0.0.0")  # noqa: S104
    assert "10.1.2.3" in own_names("10.1.2.3")
