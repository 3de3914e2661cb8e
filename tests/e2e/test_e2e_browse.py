"""The page to browse works in a browser: its script runs, and filters show what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browse")

    def vtrain(*words: str) -> None:
        command = [sys.executable, "-m", "vtrain.cli.main", "data", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    vtrain("sample", "logos", "--count", "12")
    shutil.copy(
        next((folder / "logos" / "text").iterdir()),
        folder / "logos" / "text" / "'\"><script>document.title='harm'<svg>.svg"[:60],
    )
    victim = next((folder / "logos" / "simple").iterdir())
    victim.rename(victim.with_suffix(".png"))
    vtrain("prepare", "logos", "--run", "run", "--set", "data.input_size=64")
    vtrain("show", "--run", "run", "-o", "page.html")
    return folder / "page.html"


def dom(page: Path, tmp_path: Path, anchor: str = "") -> str:
    """The document after its script ran."""
    done = subprocess.run(
        [
            str(BROWSER),
            *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"),
            *("--virtual-time-budget=2000", "--dump-dom", f"{page.as_uri()}{anchor}"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout


def shown(text: str) -> int:
    found = re.search(r'id="shown">(\d+)<', text)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("", 12),
        ("#category=text", 3),
        ("#quality=warn&reason=wrong-extension", 1),
        ("#category=text&quality=warn", 0),
        ("#text=SAMPLE-0001", 4),
    ],
)
def test_filters_show_what_they_say(page: Path, tmp_path: Path, anchor: str, expected: int) -> None:
    text = dom(page, tmp_path, anchor)

    assert shown(text) == expected
    assert len(re.findall(r'class="card \w+ hidden"', text)) == 12 - expected


def test_names_do_no_harm(page: Path, tmp_path: Path) -> None:
    text = dom(page, tmp_path)

    assert "<title>Corpus</title>" in text
    assert "document.title='harm'" in text
