"""``vtrain data``: prepare, inspect and split a corpus; make sample logos; fetch a real set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vtrain.cli.bar import bar
from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption
from vtrain.cli.output import answer, print_json, print_table, say
from vtrain.errors import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vtrain.data.catalog import Catalog
    from vtrain.rundir import RunDirectory

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Prepare, inspect and split logos; make sample logos.",
)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")]


@app.command()
def prepare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Folders, files, zip or tar archives, or globs in quotes."
        ),
    ],
    run: Annotated[
        Path, typer.Option("--run", metavar="DIR", help="The run directory; made when missing.")
    ],
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode and judge images, find look-alikes, and split them by brand.

    What did not change since the last time is not read again. Stopped with Ctrl-C, the next run
    goes on from there.

    Example: vtrain data prepare logos/ more.zip --run runs/logos --set data.max_images=600
    """
    from vtrain.cli.resolve import resolve_config
    from vtrain.config.dump import dump_yaml
    from vtrain.data.prepare import prepare_counted
    from vtrain.rundir import RunDirectory, write_text

    existing = RunDirectory(run) if run.is_dir() else None
    settings = resolve_config(existing, config, set_)
    directory = RunDirectory.create(run, name=settings.name)
    with directory.lock("data prepare"), bar("Preparing") as on_progress:
        done = prepare_counted(
            sources, run=directory, config=settings.data, on_progress=on_progress
        )
        if config or set_ or not directory.config.is_file():
            write_text(directory.config, dump_yaml(settings))
    if as_json:
        print_json({"run": directory.root, "files": asdict(done.counts), **done.info})
        return
    _print_info(done.info)
    counts = done.counts
    again = f" ({counts.again} more were decoded anew)" if counts.again else ""
    say(
        f"Files: {counts.new} new, {counts.changed} changed, {counts.unchanged} unchanged{again}, "
        f"{counts.gone} gone."
    )
    say(f"Train on it with: vtrain train --run {quoted(directory.root)}")


@app.command()
def sample(
    folder: FolderArgument,
    count: Annotated[int, typer.Option("--count", min=1, help="Logos in all.")] = 96,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, other logos.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make procedural logos in four categories, as SVG files.

    Example: vtrain data sample logos/ --count 200 --seed 1
    """
    from vtrain.data.samples import write_samples

    with bar("Drawing") as on_progress:
        paths = write_samples(folder, count, seed, on_progress=on_progress)
    if as_json:
        print_json({"folder": folder, "files": [str(path) for path in paths]})
        return
    say(f"Wrote {len(paths)} logos to {folder}.")
    say(f"Prepare them with: vtrain data prepare {quoted(folder)} --run runs/samples")


@app.command()
def fetch(
    what: Annotated[Literal["logos"], typer.Argument(metavar="logos", help="The set.")],  # noqa: ARG001 - one set so far; the word keeps room for more
    folder: FolderArgument,
    version: Annotated[str, typer.Option("--version", help="Version of the set.")] = "latest",
    as_json: JsonOption = False,
) -> None:
    """Fetch about 2000 logos of real brands (CC0) through npm; goes on where it was cut short.

    Example: vtrain data fetch logos brands/
    """
    from vtrain.data.fetch import LICENCE, PACKAGE, fetch_logos

    with bar("Fetching"):
        fetched = fetch_logos(folder, version=version)
    if as_json:
        print_json(
            {
                "folder": fetched.folder,
                "package": PACKAGE,
                "version": fetched.version,
                "licence": LICENCE,
                "categories": dict(fetched.counts),
            }
        )
        return
    done = "Wrote" if fetched.fresh else "There already:"
    say(f"{done} {fetched.total} logos ({PACKAGE} {fetched.version}, {LICENCE}) in {folder}.")
    say(f"Prepare them with: vtrain data prepare {quoted(folder)} --run runs/logos")


@app.command()
def stats(run: RunOption = None, as_json: JsonOption = False) -> None:
    """Counts, imbalance, sizes, colours and quality of the prepared images.

    Example: vtrain data stats --run runs/logos --json
    """
    from vtrain.data.describe import dataset_info
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    info = dataset_info(directory.catalog)
    if as_json:
        print_json({"run": directory.root, **info})
        return
    _print_info(info)
    _print_measures(info)


@app.command()
def show(
    run: RunOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A contact sheet (.png), or a page to browse and filter (.html).",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, help="Images at most: 96, or 2000 on a page."),
    ] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="The files left out, with reasons.")
    ] = False,
    warned: Annotated[
        bool, typer.Option("--warned", help="Only images with a quality warning.")
    ] = False,
) -> None:
    """List prepared images, draw them on a contact sheet, or make a page to browse.

    Example: vtrain data show --run runs/logos -o corpus.html
    """
    from vtrain.data.sheet import contact_sheet, pick_evenly
    from vtrain.data.store import ImageStore
    from vtrain.errors import UsageError

    directory, catalog = _catalog(run)
    suffix = output.suffix.lower() if output else ""
    if output is not None and suffix not in (".png", ".html"):
        raise UsageError(
            f"{output} names no format that is drawn.", hint="End it in .png or .html."
        )
    if rejected and output is not None:
        raise UsageError(
            "--rejected lists files that cannot be drawn.",
            hint="Leave out -o, or leave out --rejected: an .html page lists them too.",
        )
    if rejected:
        rows = ((item.name, item.reason, item.detail) for item in catalog.rejected[: count or 96])
        print_table(("file", "reason", "detail"), rows)
        say(f"{len(catalog.rejected)} files were left out.")
        return
    if output is not None and suffix == ".html":
        shown = _write_page(directory, catalog, output, count or 2000, warned=warned)
        images = sum(not entry.variant for entry in catalog.entries)
        say(f"Put {shown} of {images} images on {output}.")
        return
    wanted = [entry for entry in catalog.entries if entry.quality == "warn" or not warned]
    entries = pick_evenly(wanted, count or 96)
    if output is None:
        print_table(
            ("file", "category", "brand", "split", "size (px)", "reference", "quality"),
            (
                (
                    entry.name,
                    entry.category,
                    entry.brand,
                    entry.split,
                    f"{entry.width} x {entry.height}",
                    f"{entry.reference_scale:.3g}x",
                    entry.reasons or entry.quality,
                )
                for entry in entries
            ),
        )
        say(f"{len(entries)} of {len(catalog.entries)} images; draw them with -o sheet.png.")
        return
    _write_png(output, contact_sheet(entries, ImageStore(directory.images)))
    say(f"Drew {len(entries)} of {len(catalog.entries)} images on {output}.")


@app.command()
def split(
    run: RunOption = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Fail (exit 4) when brands or look-alikes are in two splits."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the splits, and check that they do not leak.

    Example: vtrain data split --run runs/logos --check
    """
    from vtrain.data.catalog import read_alike
    from vtrain.data.records import SPLITS
    from vtrain.data.splits import check_no_leak

    directory, catalog = _catalog(run)
    if check:
        pairs = ((pair.first, pair.second) for pair in read_alike(directory.catalog))
        check_no_leak(catalog.entries, pairs)
    brands = {name: {entry.brand for entry in catalog.split(name)} for name in SPLITS}
    if as_json:
        images = {name: [entry.id for entry in catalog.split(name)] for name in SPLITS}
        print_json({"run": directory.root, "images": images, "checked": check})
        return
    rows = ((name, len(catalog.split(name)), len(brands[name])) for name in SPLITS)
    print_table(("split", "images", "brands"), rows)
    if check:
        say("No brand, no picture and no look-alike is in two splits.")


@app.command()
def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A .csv or .parquet file; - for CSV on stdout."
        ),
    ],
    run: RunOption = None,
) -> None:
    """Write the catalog, all that was measured included, as CSV or Parquet.

    Example: vtrain data export --run runs/logos -o catalog.csv
    """
    from vtrain.data.export import csv_lines, rows, write_export
    from vtrain.rundir import RunDirectory

    catalog = RunDirectory.open(run).catalog
    if str(output) == "-":
        for line in csv_lines(rows(catalog)):
            typer.echo(line, nl=False)
        return
    with bar("Writing") as on_progress:
        count = write_export(catalog, output, on_progress=on_progress)
    say(f"Wrote {count} rows to {output}.")


def _catalog(run: Path | None) -> tuple[RunDirectory, Catalog]:
    from vtrain.data.catalog import Catalog
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    return directory, Catalog.load(directory.catalog)


def _write_page(
    directory: RunDirectory, catalog: Catalog, output: Path, count: int, *, warned: bool
) -> int:
    from vtrain.data.catalog import read_alike, read_details
    from vtrain.data.page import browse_page
    from vtrain.data.sheet import pick_evenly
    from vtrain.data.store import ImageStore
    from vtrain.rundir import write_text

    entries = [
        entry
        for entry in catalog.entries
        if not entry.variant and (entry.quality == "warn" or not warned)
    ]
    chosen = {entry.id for entry in pick_evenly(entries, count)}
    details = (detail for detail in read_details(directory.catalog) if detail.entry.id in chosen)
    with bar("Drawing") as on_progress:
        text = browse_page(
            details,
            catalog.rejected,
            read_alike(directory.catalog),
            ImageStore(directory.images),
            images=len(entries),
            on_progress=on_progress,
        )
    write_text(output, text)
    return len(chosen)


def _print_info(info: Mapping[str, Any]) -> None:
    from vtrain.data.records import SPLITS

    rows = [
        (category, *(by_split[name] for name in SPLITS), sum(by_split.values()))
        for category, by_split in info["categories"].items()
    ]
    totals = [info["splits"][name] for name in SPLITS]
    print_table(("images", *SPLITS, "all"), [*rows, ("all", *totals, info["images"])])
    answer(
        f"{info['brands']} brands; {info['transparent']} images are transparent; "
        f"{info['with_larger_reference']} have a larger reference."
    )
    if info["category_from"].get("image"):
        answer(f"{info['category_from']['image']} categories were told from the pixels.")
    if info["look_alikes"]["images"]:
        found = info["look_alikes"]
        answer(f"{found['images']} images look like another one, in {found['groups']} groups.")
    if info["damaged_copies"]:
        answer(f"{info['damaged_copies']} damaged copies of training images were made.")
    if info["quality"]["warn"]:
        answer(f"{info['quality']['warn']} images are warned about: {_listed(info['quality'])}.")
        say("Look at them with: vtrain data show --warned -o warned.html")
    if info["rejected"]["total"]:
        answer(f"{info['rejected']['total']} files were left out: {_listed(info['rejected'])}.")
        say("List them with: vtrain data show --rejected")


def _listed(counted: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counted["reasons"].items())


def _print_measures(info: Mapping[str, Any]) -> None:
    if info["imbalance"] is not None:
        times = f"{info['imbalance']:.2g}"
        answer(f"The largest category has {times} times the images of the smallest.")
    formats = ", ".join(f"{name} {count}" for name, count in info["formats"].items())
    answer(f"Formats: {formats}.")
    colours = ", ".join(f"{name} {count}" for name, count in info["main_colours"].items())
    answer(f"Main colours: {colours}.")
    names = ("min", "p10", "median", "p90", "max")
    rows = [
        (measure, *(f"{found[name]:g}" for name in names))
        for measure, found in info["measures"].items()
    ]
    print_table(("measure", *names), rows)


def _write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    import io

    from PIL import Image

    from vtrain.rundir import write_bytes

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", optimize=True)
    write_bytes(path, buffer.getvalue())
