"""Write the catalog for other programs: CSV, or Parquet with the ``parquet`` extra."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import Any

from vtrain.data.catalog import Catalog, read_details
from vtrain.data.metadata import Metadata
from vtrain.data.records import Entry
from vtrain.errors import UsageError
from vtrain.files import make_folder, storage_error

COLUMNS: tuple[str, ...] = tuple(
    field.name for kind in (Entry, Metadata) for field in fields(kind) if field.name != "likeness"
)
"""Columns of an export, in order."""
Progress = Callable[[int, int], None]

_ROWS = 10_000
"""Rows of a Parquet row group, which is all that is held in memory."""


def rows(catalog: Path) -> Iterator[dict[str, Any]]:
    """The images as flat records, one at a time.

    Raises:
        DataError: The catalog is missing or damaged.
    """
    for detail in read_details(catalog):
        record = {**asdict(detail.entry), **asdict(detail.metadata)}
        yield {name: record[name] for name in COLUMNS}


def csv_lines(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Records of `rows` as CSV (RFC 4180 with line feeds), a header line first."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    yield buffer.getvalue()
    for record in records:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(record)
        yield buffer.getvalue()


def write_export(catalog: Path, output: Path, *, on_progress: Progress | None = None) -> int:
    """Write ``.csv`` or ``.parquet`` by the name of `output`; gives the number of rows.

    Args:
        catalog: The catalog's file.
        output: The file to write.
        on_progress: Called with the rows written and wanted.

    Raises:
        DataError: The catalog is missing or damaged.
        StorageError: The file cannot be written; what was there is still there.
        UsageError: The name ends in something else, or the Parquet library is missing.
    """
    suffix = output.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UsageError(
            f"{output} names no format that is written.", hint="End it in .csv or .parquet."
        )
    make_folder(output.parent)
    temporary = output.with_name(f".{output.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        write = _write_csv if suffix == ".csv" else _write_parquet
        count = write(_counted(catalog, on_progress), temporary)
        temporary.replace(output)
    except OSError as error:
        raise storage_error(error, output) from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _counted(catalog: Path, on_progress: Progress | None) -> Iterator[dict[str, Any]]:
    if on_progress is None:
        yield from rows(catalog)
        return
    total = sum(not entry.variant for entry in Catalog.load(catalog).entries)
    for number, record in enumerate(rows(catalog), 1):
        yield record
        on_progress(number, total)


def _write_csv(records: Iterable[dict[str, Any]], path: Path) -> int:
    count = -1  # the header
    with path.open("w", encoding="utf-8", newline="") as file:
        for text in csv_lines(records):
            file.write(text)
            count += 1
    return count


def _write_parquet(records: Iterator[dict[str, Any]], path: Path) -> int:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed.",
            hint="Install it with \"pip install 'vtrain[parquet]'\", or write a .csv.",
        ) from error
    types = {"int": pa.int64(), "bool": pa.bool_(), "float": pa.float64()}
    schema = pa.schema(
        [
            (field.name, types.get(str(field.type), pa.string()))
            for kind in (Entry, Metadata)
            for field in fields(kind)
            if field.name in COLUMNS
        ]
    )
    count = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while part := list(islice(records, _ROWS)):
            writer.write_table(pa.Table.from_pylist(part, schema))
            count += len(part)
    return count
