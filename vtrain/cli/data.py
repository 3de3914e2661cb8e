"""``vtrain data``: prepare, inspect and split a corpus; make sample logos; fetch a real set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vtrain.cli.bar import bar
from vtrain.cli.options import ConfigOption, JsonOption, RunOption, SetOption
from vtrain.cli.output import print_json, print_table, say

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
        typer.Argument(metavar="SOURCE...", help="Folders, files, or globs in quotes."),
    ],
    run: Annotated[
        Path, typer.Option("--run", metavar="DIR", help="The run directory; made when missing.")
    ],
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode images, make inputs and references, and split them by brand.

    Example: vtrain data prepare logos/ --run runs/logos --set data.max_images=600
    """
    from vtrain.cli.resolve import resolve_config
    from vtrain.config.dump import dump_yaml
    from vtrain.data.describe import dataset_info
    from vtrain.data.prepare import prepare as prepare_images
    from vtrain.rundir import RunDirectory, write_text

    existing = RunDirectory(run) if run.is_dir() else None
    settings = resolve_config(existing, config, set_)
    directory = RunDirectory.create(run, name=settings.name)
    with directory.lock("data prepare"), bar("Preparing") as on_progress:
        catalog = prepare_images(
            sources, run=directory, config=settings.data, on_progress=on_progress
        )
        if config or set_ or not directory.config.is_file():
            write_text(directory.config, dump_yaml(settings))
    if as_json:
        print_json({"run": directory.root, **dataset_info(catalog)})
        return
    _print_counts(catalog)
    say(f"Train on it with: vtrain train --run {directory.root}")


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

    paths = write_samples(folder, count, seed)
    if as_json:
        print_json({"folder": folder, "files": [str(path) for path in paths]})
        return
    say(f"Wrote {len(paths)} logos to {folder}.")
    say(f"Prepare them with: vtrain data prepare {folder} --run runs/samples")


@app.command()
def fetch(
    what: Annotated[Literal["logos"], typer.Argument(metavar="logos", help="The set.")],  # noqa: ARG001 - one set so far; the word keeps room for more
    folder: FolderArgument,
    version: Annotated[str, typer.Option("--version", help="Version of the set.")] = "latest",
    as_json: JsonOption = False,
) -> None:
    """Fetch about 2000 logos of real brands (CC0) through npm.

    Example: vtrain data fetch logos brands/
    """
    from vtrain.data.fetch import LICENCE, PACKAGE, fetch_logos

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
    say(f"Wrote {fetched.total} logos ({PACKAGE} {fetched.version}, {LICENCE}) to {folder}.")
    say(f"Prepare them with: vtrain data prepare {folder} --run runs/logos")


@app.command()
def stats(run: RunOption = None, as_json: JsonOption = False) -> None:
    """Count the prepared images by category and split, and the files left out by reason.

    Example: vtrain data stats --run runs/logos --json
    """
    from vtrain.data.describe import dataset_info

    directory, catalog = _catalog(run)
    if as_json:
        print_json({"run": directory.root, **dataset_info(catalog)})
        return
    _print_counts(catalog)


@app.command()
def show(
    run: RunOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.png", help="Contact sheet.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Images at most.")] = 96,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="The files left out, with reasons.")
    ] = False,
) -> None:
    """List prepared images, or draw them on a contact sheet.

    Example: vtrain data show --run runs/logos -o sheet.png
    """
    from vtrain.data.sheet import contact_sheet, pick_evenly
    from vtrain.data.store import ImageStore

    directory, catalog = _catalog(run)
    if rejected:
        rows = ((item.name, item.reason, item.detail) for item in catalog.rejected[:count])
        print_table(("file", "reason", "detail"), rows)
        say(f"{len(catalog.rejected)} files were left out.")
        return
    entries = pick_evenly(catalog.entries, count)
    if output is None:
        print_table(
            ("file", "category", "brand", "split", "size (px)", "reference", "transparent"),
            (
                (
                    entry.name,
                    entry.category,
                    entry.brand,
                    entry.split,
                    f"{entry.width} x {entry.height}",
                    f"{entry.reference_scale:.3g}x",
                    "yes" if entry.transparent else "no",
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
        bool, typer.Option("--check", help="Fail (exit 4) when a brand is in two splits.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the splits, and check that they do not leak.

    Example: vtrain data split --run runs/logos --check
    """
    from vtrain.data.catalog import SPLITS
    from vtrain.data.splits import check_no_leak

    directory, catalog = _catalog(run)
    if check:
        check_no_leak(catalog.entries)
    brands = {name: {entry.brand for entry in catalog.split(name)} for name in SPLITS}
    if as_json:
        images = {name: [entry.id for entry in catalog.split(name)] for name in SPLITS}
        print_json({"run": directory.root, "images": images, "checked": check})
        return
    rows = ((name, len(catalog.split(name)), len(brands[name])) for name in SPLITS)
    print_table(("split", "images", "brands"), rows)
    if check:
        say("No brand and no picture is in two splits.")


@app.command()
def export(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.csv", help="Where; - for stdout.")
    ],
    run: RunOption = None,
) -> None:
    """Write the catalog as CSV.

    Example: vtrain data export --run runs/logos -o catalog.csv
    """
    from vtrain.data.describe import to_csv
    from vtrain.rundir import write_text

    _, catalog = _catalog(run)
    text = to_csv(catalog)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    write_text(output, text)
    say(f"Wrote {len(catalog.entries)} rows to {output}.")


def _catalog(run: Path | None) -> tuple[RunDirectory, Catalog]:
    from vtrain.data.catalog import Catalog
    from vtrain.rundir import RunDirectory

    directory = RunDirectory.open(run)
    return directory, Catalog.load(directory.catalog)


def _print_counts(catalog: Catalog) -> None:
    from vtrain.data.catalog import SPLITS
    from vtrain.data.describe import counts, dataset_info

    rows = [
        (category, *(by_split[name] for name in SPLITS), sum(by_split.values()))
        for category, by_split in counts(catalog).items()
    ]
    totals = [len(catalog.split(name)) for name in SPLITS]
    print_table(("images", *SPLITS, "all"), [*rows, ("all", *totals, len(catalog.entries))])
    info = dataset_info(catalog)
    say(
        f"{info['brands']} brands; {info['transparent']} images are transparent; "
        f"{info['with_larger_reference']} have a larger reference."
    )
    if catalog.rejected:
        reasons = ", ".join(f"{n} {reason}" for reason, n in info["rejected"]["reasons"].items())
        say(f"{len(catalog.rejected)} files were left out: {reasons}.")
        say("List them with: vtrain data show --rejected")


def _write_png(path: Path, rgb: NDArray[np.uint8]) -> None:
    import io

    from PIL import Image

    from vtrain.rundir import write_bytes

    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", optimize=True)
    write_bytes(path, buffer.getvalue())
