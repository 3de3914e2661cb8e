"""The page of a validation of 500 logos in a browser: it stays light, and names do no harm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitoring.browser import Browser
from tests.validation.unattended import save_policy, tiny
from vtrain.config.schema import Config
from vtrain.data.prepare import prepare
from vtrain.data.samples import write_samples
from vtrain.rundir import RunDirectory
from vtrain.validation.validate import validate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not any(map(shutil.which, ("chromium", "google-chrome"))), reason="there is no Chromium"
    ),
]

LOGOS = 500
NAME = "<img src=x onerror=document.title='harm'>"
LOADED = "[...document.images].filter(image => image.complete && image.naturalWidth).length"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a real judgement at one taste, with pictures of all its logos."""
    folder = tmp_path_factory.mktemp("report")
    logos = folder / "logos"
    for path in write_samples(logos, LOGOS + 40):  # some brands go to the other splits
        path.rename(path.with_stem(f"{NAME}{path.stem}"))
    values = tiny(4).model_dump()
    values["data"] |= {"split": {"train": 0.01, "validation": 0.01, "test": 0.98}}
    values["validation"] |= {
        "gallery": LOGOS,
        "protocol": "one",
        "protocols": [{"name": "one", "tastes": ["balanced"]}],
    }
    config = Config.model_validate(values)
    run = RunDirectory.create(folder / "run", name="many")
    prepare([str(logos)], run=run, config=config.data)
    save_policy(run, 512, "recipe")
    return validate(run, config).page


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as opened:
        opened.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )
        opened.size(1200, 900)
        yield opened


def test_five_hundred_logos_wait_until_they_are_looked_at(page: Path, browser: Browser) -> None:
    browser.open(page.as_uri())
    pictures = browser.value("document.querySelectorAll('figure img').length")
    at_first = browser.value(LOADED)

    browser.value("scrollTo(0, document.documentElement.scrollHeight)")
    browser.until("[...document.images].at(-1).naturalWidth")
    at_last = browser.value(LOADED)

    assert pictures == 4 * LOGOS  # source, default, policy, difference
    assert 0 < at_first < 40
    assert at_first < at_last < 200  # what was passed over is not loaded
    assert browser.problems == []
    others = [request for request in browser.requests if not request.startswith("data:")]
    assert others == [page.as_uri()]


def test_names_of_logos_are_text(page: Path, browser: Browser) -> None:
    browser.open(page.as_uri())

    assert browser.value("document.title") == "Validation of step-000000512"
    assert browser.value("document.querySelectorAll('img[src=x]').length") == 0
    names = browser.value("[...document.querySelectorAll('.logo b')].map(b => b.textContent)")
    assert sum(NAME in name for name in names) == LOGOS


def test_the_page_fits_a_narrow_window(page: Path, browser: Browser) -> None:
    browser.size(390, 844, mobile=True)

    browser.open(page.as_uri())

    assert browser.value("document.documentElement.scrollWidth") == 390
