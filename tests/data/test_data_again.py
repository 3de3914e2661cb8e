"""A second pass reads nothing that did not change, and notices what did."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vtrain.config.data import DataConfig, QualityConfig
from vtrain.data import intake
from vtrain.data.catalog import read_alike
from vtrain.data.intake import Counts
from vtrain.data.prepare import Preparation, prepare_counted
from vtrain.data.scan import Stamp
from vtrain.data.splits import check_no_leak
from vtrain.data.store import ImageStore
from vtrain.errors import DataError, StorageError
from vtrain.images import render_svg
from vtrain.images.decode import read_file
from vtrain.rundir import RunDirectory

SMALL = DataConfig(input_size=64)


@pytest.fixture
def corpus(samples: Path, tmp_path: Path) -> Path:
    """A copy of the samples that is old enough to be trusted."""
    folder = tmp_path / "corpus"
    shutil.copytree(samples, folder)
    for path in folder.rglob("*.svg"):
        while not Stamp.of(path.stat()).settled:
            os.sched_yield()
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files whose bytes are read."""
    names: list[str] = []
    original = read_file

    def read(path: Path, **options: object) -> object:
        names.append(path.name)
        return original(path, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(intake, "read_file", read)
    return names


def again(corpus: Path, run: RunDirectory, config: DataConfig = SMALL) -> Preparation:
    return prepare_counted([corpus], run=run, config=config, workers=0)


def test_unchanged_files_are_not_opened(corpus: Path, run: RunDirectory, opened: list[str]) -> None:
    first = again(corpus, run)
    before = run.catalog.read_bytes()
    assert (first.counts, len(opened)) == (Counts(new=16), 16)
    opened.clear()

    second = again(corpus, run)

    assert opened == []
    assert second.counts == Counts(unchanged=16)
    assert second.catalog == first.catalog
    assert run.catalog.read_bytes() == before


def test_changed_added_and_removed_files_are_noticed(
    corpus: Path, run: RunDirectory, opened: list[str]
) -> None:
    files = sorted(corpus.rglob("*.svg"))
    again(corpus, run)
    opened.clear()
    changed, gone = files[0], files[1]
    status = changed.stat()
    changed.write_bytes(changed.read_bytes().replace(b"#", b"#", 1)[:-1] + b" ")
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))  # only the ctime tells
    gone.unlink()
    (corpus / "text" / "new.svg").write_bytes(files[2].read_bytes())

    done = again(corpus, run)

    assert done.counts == Counts(new=1, changed=1, unchanged=14, gone=1)
    assert sorted(opened) == sorted([changed.name, "new.svg"])
    assert [item.reason for item in done.catalog.rejected] == ["duplicate"]


def test_a_renamed_file_is_read_but_not_decoded(
    corpus: Path, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = again(corpus, run)
    path = next(corpus.rglob("*.svg"))
    path.rename(path.with_name("renamed-brand.svg"))
    monkeypatch.setattr("vtrain.data.pool.decode", None)

    done = again(corpus, run)

    assert {entry.id for entry in done.catalog.entries} == {
        entry.id for entry in first.catalog.entries
    }


def test_new_limits_are_applied_without_decoding(
    corpus: Path, run: RunDirectory, opened: list[str]
) -> None:
    again(corpus, run)
    opened.clear()
    strict = DataConfig(input_size=64, quality=QualityConfig(warn_contrast=500))

    done = again(corpus, run, strict)

    assert opened == []
    assert {entry.reasons for entry in done.catalog.entries} == {"faint"}


def test_other_sizes_are_made_anew(corpus: Path, run: RunDirectory, opened: list[str]) -> None:
    again(corpus, run)
    opened.clear()

    again(corpus, run, DataConfig(input_size=48))

    assert len(opened) == 16


@pytest.mark.parametrize("harm", ["missing", "empty", "torn"])
def test_lost_pixels_are_made_again(
    corpus: Path, run: RunDirectory, opened: list[str], harm: str
) -> None:
    first = again(corpus, run)
    opened.clear()
    victim = sorted(run.images.iterdir())[3]
    whole = victim.read_bytes()
    if harm == "missing":
        victim.unlink()
    else:
        victim.write_bytes(whole[: len(whole) // 2 if harm == "torn" else 0])

    assert again(corpus, run).catalog == first.catalog
    assert len(opened) == 1
    assert victim.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"not a database" * 999])
def test_a_damaged_cache_is_set_aside(corpus: Path, run: RunDirectory, content: bytes) -> None:
    first = again(corpus, run)
    run.known_files.write_bytes(content)

    assert again(corpus, run).catalog == first.catalog


def test_a_cache_that_cannot_be_opened_is_a_storage_error(corpus: Path, run: RunDirectory) -> None:
    run.data_cache.write_text("a file where the folder should be")

    with pytest.raises(StorageError, match=r"files\.sqlite"):
        again(corpus, run)


def test_a_file_that_changes_while_it_is_read_is_refused(
    corpus: Path, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = min(corpus.rglob("*.svg"))
    original = os.fstat

    def fstat(handle: int) -> os.stat_result:
        if Path(f"/proc/self/fd/{handle}").resolve() == victim.resolve():
            with victim.open("ab") as file:
                file.write(b" ")
        return original(handle)

    monkeypatch.setattr(os, "fstat", fstat)

    done = again(corpus, run)

    assert [(item.reason) for item in done.catalog.rejected] == ["changing"]
    assert len(done.catalog.entries) == 15


def test_a_file_that_vanishes_during_the_pass_is_reported(
    corpus: Path, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = max(corpus.rglob("*.svg"))
    original = read_file

    def read(path: Path, **options: object) -> object:
        victim.unlink(missing_ok=True)
        return original(path, **options)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(intake, "read_file", read)

    done = again(corpus, run)

    assert [item.reason for item in done.catalog.rejected] == ["missing"]


def test_adding_images_never_moves_old_ones(samples: Path, corpus: Path, run: RunDirectory) -> None:
    half = sorted(corpus.rglob("*.svg"))[::2]
    first = prepare_counted(half, run=run, config=SMALL, workers=0).catalog

    both = again(corpus, run).catalog

    before = {entry.id: entry.split for entry in first.entries}
    assert len(both.entries) == 16
    assert {entry.id: entry.split for entry in both.entries if entry.id in before} == before
    assert samples.is_dir()


def test_images_that_come_back_go_where_they_were(corpus: Path, run: RunDirectory) -> None:
    first = again(corpus, run).catalog
    prepare_counted([corpus / "text"], run=run, config=SMALL, workers=0)

    back = again(corpus, run).catalog

    assert back.digest == first.digest


def test_another_seed_makes_the_splits_anew(corpus: Path, run: RunDirectory) -> None:
    first = again(corpus, run).catalog
    other = again(corpus, run, DataConfig(input_size=64, split_seed=1)).catalog

    assert other.digest != first.digest
    assert again(corpus, run).catalog.digest == first.digest


def test_a_run_inside_its_source_is_no_source_of_its_own(corpus: Path) -> None:
    run = RunDirectory.create(corpus / "runs" / "x", name="inside")

    first = again(corpus, run)
    second = again(corpus, run)

    assert len(first.catalog.entries) == 16
    assert second.catalog == first.catalog
    assert first.catalog.rejected == ()


def test_damage_deep_in_the_cache_costs_a_pass_and_nothing_more(
    corpus: Path, run: RunDirectory
) -> None:
    first = again(corpus, run)
    data = bytearray(run.known_files.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    run.known_files.write_bytes(data)

    assert again(corpus, run).catalog == first.catalog
    assert run.known_files.with_name("files.sqlite.bad").exists()


def test_pixels_damaged_at_their_size_are_made_again_once_noticed(
    corpus: Path, run: RunDirectory
) -> None:
    first = again(corpus, run)
    victim = min(run.images.iterdir())
    whole = victim.read_bytes()
    victim.write_bytes(bytes(len(whole)))
    with pytest.raises(DataError, match="vtrain data prepare"):
        ImageStore(run.images).input(victim.name.removesuffix("-input.png"))

    assert again(corpus, run).catalog == first.catalog
    assert victim.read_bytes() == whole


def test_refused_files_are_not_read_again(
    corpus: Path, run: RunDirectory, opened: list[str]
) -> None:
    (corpus / "big.png").write_bytes(bytes(200_000))
    small = DataConfig(input_size=64, max_file_bytes=100_000)
    while not Stamp.of((corpus / "big.png").stat()).settled:
        os.sched_yield()
    again(corpus, run, small)
    opened.clear()

    done = again(corpus, run, small)

    assert opened == []
    assert done.counts == Counts(unchanged=17)
    assert [item.reason for item in done.catalog.rejected] == ["file-too-large"]
    # With another limit it is looked at again.
    assert [item.reason for item in again(corpus, run).catalog.rejected] == ["unsupported-format"]


@pytest.mark.slow
def test_sources_that_come_in_turns_and_then_together_leave_out_what_joins(
    samples: Path, tmp_path: Path, run: RunDirectory
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number, path in enumerate(sorted(samples.rglob("*.svg"))):
        logo = np.pad(render_svg(path.read_bytes(), 200), ((30, 30), (30, 30), (0, 0)))
        Image.fromarray(logo).save(other / f"strange{number}.png")
    prepare_counted([samples], run=run, config=SMALL, workers=0)
    prepare_counted([other], run=run, config=SMALL, workers=0)

    both = prepare_counted([samples, other], run=run, config=SMALL, workers=0).catalog

    check_no_leak(both.entries, [(p.first, p.second) for p in read_alike(run.catalog)])
    assert {item.reason for item in both.rejected} <= {"joins-splits"}
    assert len(both.entries) + len(both.rejected) == 32
