"""The page of drawings in a browser: names do no harm, and every picture is drawn."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")


def test_names_do_no_harm_and_pictures_are_there(
    vtrain: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    logo: Path,
    policy: Path,
) -> None:
    (tmp_path / "in").mkdir()
    harm = "'\"><img src=x onerror=\"document.title='harm'\"><script>document.title='harm'.png"
    shutil.copy(tmp_path / logo, tmp_path / "in" / harm)
    done = vtrain("trace", "in", "-o", "out", "--policy", policy, "--title", "--gallery", "p.html")
    assert done.returncode == 0, done.stderr

    shown = subprocess.run(
        [
            str(BROWSER),
            *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'u'}"),
            *("--virtual-time-budget=2000", "--dump-dom", (tmp_path / "p.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout

    assert "<title>1 drawing</title>" in shown
    assert len(re.findall(r"<img ", shown)) == 6
    assert len(re.findall(r'<img src="data:image/svg\+xml;base64,', shown)) == 4
