from __future__ import annotations

import base64
import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rc_context
from PIL import Image

from tests.validation.judging import Bench as Numbers
from tests.validation.judging import Fixed, entry, measurement
from vtrain.config.scoring import ScoringConfig
from vtrain.environment.measurement import Measurement, Request
from vtrain.errors import DataError
from vtrain.html import element, image, page
from vtrain.rundir import RunDirectory, read_jsonl, write_jsonl
from vtrain.tracing.parameters import (
    FORMER_TABLES,
    PARAMETERS,
    PRESETS,
    canonical,
    encode_settings,
)
from vtrain.validation.gallery import FURTHER, Exhibit, Picture, difference, pick
from vtrain.validation.judge import Judgement, judge
from vtrain.validation.page import PLOT_TEXTS, html_report
from vtrain.validation.plots import all_plots, files_of, front, png, svg
from vtrain.validation.report import headline, text_report
from vtrain.validation.results import (
    ROWS,
    Record,
    draft,
    newest_folder,
    publish,
    read_judgement,
    read_record,
    write_results,
)
from vtrain.validation.summary import summarise


def record_of(judgement: Judgement, **changes: object) -> Record:
    fields = {
        "created": "2026-01-31T12:00:00+00:00",
        "checkpoint": "step-000000512",
        "step": 512,
        "split": "test",
        "images": 12,
        "traces": 1,
        "choosers": judgement.choosers,
        "tastes": judgement.tastes,
        "confidence": 0.95,
        "resamples": 200,
        "notes": ("A note.",),
        "summary": summarise(judgement, resamples=200),
    }
    return Record(**{**fields, **changes})  # type: ignore[arg-type]


def test_results_come_back_as_they_were_written(judgement: Judgement, tmp_path: Path) -> None:
    record = record_of(judgement)

    write_results(tmp_path, record, judgement)

    assert read_record(tmp_path) == record
    rows = read_jsonl(tmp_path / ROWS)
    assert len(rows) == len(judgement.rows)
    assert rows[0]["measurement"]["bytes"] == judgement.rows[0].measurement.bytes


def test_rows_of_a_former_table_are_read(judgement: Judgement, tmp_path: Path) -> None:
    record = record_of(judgement)
    write_results(tmp_path, record, judgement)
    rows = read_jsonl(tmp_path / ROWS)
    (held,) = FORMER_TABLES.values()
    text = "".join(json.dumps({**row, "action": row["action"][:held]}) + "\n" for row in rows)
    (tmp_path / ROWS).write_text(text, "utf-8")

    found = read_judgement(tmp_path, record)

    assert {len(row.action) for row in found.rows} == {len(PARAMETERS)}
    assert {row.action[held:] for row in found.rows} == {(0,) * (len(PARAMETERS) - held)}


def test_an_unbounded_interval_survives_json(tmp_path: Path) -> None:
    one = judge(
        [Fixed("policy", encode_settings(PRESETS["poster"]))],
        [entry(1)],
        engine=Numbers(lambda _: measurement()),
        tastes={"fidelity": 0.05},
        traces=1,
        scoring=ScoringConfig(),
    )

    write_results(tmp_path, record_of(one), one)

    assert read_record(tmp_path).summary.of("fidelity").gain.high == math.inf
    assert "[?, ?]" in text_report(read_record(tmp_path))


@pytest.mark.parametrize("damage", ["", "{", '{"schema": 1}', '{"schema": 99}', "[]"])
def test_damaged_results_are_a_data_error(tmp_path: Path, damage: str) -> None:
    (tmp_path / "results.json").write_text(damage, encoding="utf-8")

    with pytest.raises(DataError):
        read_record(tmp_path)


def publish_one(run: RunDirectory) -> Path:
    with draft(run) as folder:
        (folder / "file").write_text("x", encoding="utf-8")
        return publish(folder, run, 512)


def test_judgements_of_one_second_get_different_folders(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    folders = [publish_one(run) for _ in range(3)]

    assert len(set(folders)) == 3
    assert [(folder / "file").read_text(encoding="utf-8") for folder in folders] == ["x"] * 3
    assert newest_folder(run) is None


def test_a_judgement_that_is_broken_off_leaves_no_folder(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)

    def interrupted() -> None:
        with draft(run) as folder:
            (folder / "results.json").write_text("{}", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert list(run.validation.iterdir()) == []


def test_drafts_of_killed_processes_are_removed_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    dead = run.validation / ".draft-1-dead"
    dead.mkdir(parents=True)
    (dead / "results.json").write_text("{}", encoding="utf-8")

    with draft(run) as live:
        assert not dead.exists()
        with draft(run):
            assert live.is_dir()
        assert newest_folder(run) is None


def test_the_rows_come_back_as_they_were_written(judgement: Judgement, tmp_path: Path) -> None:
    record = record_of(judgement)
    write_results(tmp_path, record, judgement)

    assert read_judgement(tmp_path, record) == judgement


def test_rows_of_earlier_versions_come_back_without_regret(
    judgement: Judgement, tmp_path: Path
) -> None:
    record = record_of(judgement)
    write_results(tmp_path, record, judgement)
    rows = [
        {key: value for key, value in row.items() if key not in ("over_default", "regret")}
        for row in read_jsonl(tmp_path / ROWS)
    ]
    write_jsonl(tmp_path / ROWS, rows)

    found = read_judgement(tmp_path, record)

    assert [row.utility for row in found.rows] == [row.utility for row in judgement.rows]
    assert all(math.isnan(row.regret) and math.isnan(row.over_default) for row in found.rows)


def test_rows_without_the_file_of_defaults_take_them_from_the_baseline(
    judgement: Judgement, tmp_path: Path
) -> None:
    record = record_of(judgement)
    write_results(tmp_path, record, judgement)
    (tmp_path / "defaults.jsonl").unlink()

    assert read_judgement(tmp_path, record) == judgement


@pytest.mark.parametrize("lines", [slice(0), slice(-1), slice(None)])
def test_damaged_rows_are_a_data_error(judgement: Judgement, tmp_path: Path, lines: slice) -> None:
    record = record_of(judgement)
    write_results(tmp_path, record, judgement)
    path = tmp_path / ROWS
    kept = path.read_text(encoding="utf-8").splitlines()[lines]
    if len(kept) == len(judgement.rows):
        kept[3] = '{"image": "x"}'
    path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    with pytest.raises(DataError, match="damaged"):
        read_judgement(tmp_path, record)


def test_the_newest_folder_is_the_newest_finished_one(judgement: Judgement, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for name in ("20260101-000000-step-000000001", "20260102-000000-step-000000001"):
        (run.validation / name).mkdir(parents=True)
        write_results(run.validation / name, record_of(judgement), judgement)
    (run.validation / "20260103-000000-step-000000001").mkdir()

    found = newest_folder(run)

    assert found is not None
    assert found.name.startswith("20260102")


def test_the_headline_gives_share_gain_and_verdict_with_intervals(judgement: Judgement) -> None:
    text = "\n".join(headline(record_of(judgement)))

    assert "100% (76% to 100%) of 12 logos" in text
    assert re.search(r"gaining \+2\.00 \[\+1\.\d\d, \+2\.\d\d\]", text)
    assert "better than that of default" in text


def test_the_text_report_holds_every_figure_and_note(judgement: Judgement) -> None:
    text = text_report(record_of(judgement))

    for expected in ("Note: A note.", "At compact (lambda 1)", "simple", "text", "0.50x", "SSIM"):
        assert expected in text


class Reader(HTMLParser):
    """Collects tags, attributes and text as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    reader.close()
    return reader


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@given(texts, texts)
def test_text_never_becomes_markup(text: str, value: str) -> None:
    reader = Reader()
    found: dict[str, str | None] = {}

    def starts(tag: str, attrs: list[tuple[str, str | None]]) -> None:
        reader.tags.append(tag)
        found.update(attrs)

    reader.handle_starttag = starts  # type: ignore[method-assign]
    reader.feed(element("b", text, title=value).text)
    reader.close()

    assert reader.tags == ["b"]
    assert reader.text == text
    assert found == {"title": value}


def test_a_page_loads_and_runs_nothing(judgement: Judgement) -> None:
    record = record_of(judgement, notes=("<script>alert(1)</script>",))
    evil = "<img src=x onerror=alert(1)>"
    picture = Picture(b"<svg/>", "image/svg+xml", evil, evil)
    gallery = {"At random": [Exhibit(evil, "simple", dark=True, pictures=(picture,))]}
    plots = dict.fromkeys(PLOT_TEXTS, b"png")

    reader = read(html_report(record, plots, gallery, "name: </pre><script>"))

    assert "script" not in reader.tags
    assert reader.tags.count("img") == len(plots) + 1
    assert all(link.startswith("data:image/") for link in reader.links)
    assert evil in reader.text
    assert "<script>alert(1)</script>" in reader.text


def test_an_image_in_a_page_is_the_file_itself() -> None:
    (link,) = read(page("x", image(b"\x00\xff", "image/png", "alt"))).links

    assert base64.b64decode(link.partition("base64,")[2]) == b"\x00\xff"


def test_plots_show_something(judgement: Judgement) -> None:
    for figure in all_plots(judgement, summarise(judgement, resamples=200)).values():
        pixels = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_many_choosers_leave_the_plot_to_their_points() -> None:
    many = judge(
        [Fixed(name, encode_settings(PRESETS["poster"])) for name in ("policy", *"abcdefgh")],
        [entry(1), entry(2)],
        engine=Numbers(lambda _: measurement()),
        tastes={"fidelity": 0.05},
        traces=1,
        scoring=ScoringConfig(),
    )

    figure = front(many, summarise(many, resamples=100))

    assert figure.axes[0].get_legend() is None
    assert len(figure.legends[0].get_texts()) == 9


def test_a_plot_repeats_to_the_byte(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=200)

    assert png(front(judgement, summary)) == png(front(judgement, summary))
    assert svg(front(judgement, summary)) == svg(front(judgement, summary))
    assert b"<svg" in svg(front(judgement, summary))


def test_a_plot_is_the_same_whatever_the_user_has_set_for_others(judgement: Judgement) -> None:
    summary = summarise(judgement, resamples=200)
    plain = files_of(front(judgement, summary))

    with rc_context({"figure.autolayout": True, "figure.constrained_layout.use": True}):
        found = files_of(front(judgement, summary))

    assert found == plain


def test_the_gallery_shows_each_logo_once(judgement: Judgement) -> None:
    picked = pick(judgement, "fidelity", count=12)

    images = [name for names in picked.values() for name in names]
    gains = {row.image: row.gain for row in judgement.select(chooser="policy", taste="fidelity")}
    assert len(images) == len(set(images)) == 12
    assert min(gains[name] for name in picked["Best gain"]) >= max(
        gains[name] for name in picked["Worst gain"]
    )


def test_the_gallery_copes_with_a_single_logo() -> None:
    one = judge(
        [Fixed("policy", encode_settings(PRESETS["poster"]))],
        [entry(1)],
        engine=Numbers(lambda _: measurement()),
        tastes={"fidelity": 0.05},
        traces=1,
        scoring=ScoringConfig(),
    )

    picked = pick(one, "fidelity")

    assert sum(len(names) for names in picked.values()) == 1
    assert json.dumps(picked)


def test_more_logos_than_a_dozen_come_last_and_once(judgement: Judgement) -> None:
    poster = canonical(encode_settings(PRESETS["poster"]))

    def measured(request: Request) -> Measurement:
        return measurement(float(int(request.image, 16)) if request.action == poster else 0.0)

    many = judge(
        [Fixed("policy", poster)],
        [entry(number) for number in range(30)],
        engine=Numbers(measured),
        tastes={"fidelity": 0.05},
        traces=1,
        scoring=ScoringConfig(),
    )

    assert FURTHER not in pick(many, "fidelity")
    picked = pick(many, "fidelity", count=25)
    assert [len(names) for names in picked.values()] == [4, 4, 4, 13]
    assert list(picked)[-1] == FURTHER
    names = [name for found in picked.values() for name in found]
    assert len(set(names)) == 25
    assert picked[FURTHER] == sorted(picked[FURTHER])  # the worst gain first
    assert len([name for found in pick(judgement, "fidelity", count=500).values()
                for name in found]) == 12  # fmt: skip


def test_a_difference_is_where_the_colours_are_not_the_same() -> None:
    reference = np.zeros((2, 3, 4), np.uint8)
    reference[0] = (255, 255, 255, 255)
    drawn = reference.copy()
    drawn[0, 0] = (0, 0, 0, 255)
    drawn[0, 1] = 0  # white is missing

    over_white = difference(drawn, reference, (255, 255, 255))
    over_black = difference(drawn, reference, (0, 0, 0))

    assert over_white.tolist() == [[25, 0, 0], [0, 0, 0]]
    assert over_black.tolist() == [[25, 25, 0], [0, 0, 0]]
