"""JSON files that tell whether they are whole: an object with a digest over the rest of it."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtrain.errors import CheckpointError

MAX_BYTES = 1_000_000


class NewerSchema(CheckpointError):
    """A file of a later version: not damaged, but not readable here."""


def seal(body: Mapping[str, Any]) -> bytes:
    """An object of JSON's values as bytes, with its digest last."""
    return json.dumps({**body, "digest": _digest(body)}, indent=2).encode()


def unseal(path: Path, *, newest: int, unsealed: int = 0) -> dict[str, Any]:
    """Read what `seal` gave.

    Args:
        path: The file.
        newest: The latest schema that can be read here.
        unsealed: The schema that had no digest yet; 0 when every one has.

    Raises:
        NewerSchema: Its schema is later.
        CheckpointError: It is missing, damaged or was edited.
    """
    data = read_regular(path, MAX_BYTES)
    try:
        body = json.loads(data)
        schema = body["schema"]
        if isinstance(schema, int) and schema > newest:
            doubt = "" if _is_sealed(body) else ", or is damaged: its digest does not match"
            raise NewerSchema(
                f"{path} has schema {schema}, and this vtrain reads up to {newest}{doubt}.",
                hint="Update vtrain.",
            )
        if schema == unsealed and "digest" not in body:
            return dict(body)
        body.pop("digest")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}.") from error
    # Byte for byte: "1e-5" and "1E-5" are one flipped bit apart and the same number.
    if seal(body) != data:
        raise CheckpointError(f"{path} is damaged: its digest does not match.")
    return dict(body)


def read_regular(path: Path, most: int) -> bytes:
    """Read a plain file of at most `most` bytes.

    Raises:
        CheckpointError: It is missing, a link, a device, unreadable or longer.
    """
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise CheckpointError(f"{path} is not a plain file.")
        if found.st_size > most:
            raise CheckpointError(f"{path} has {found.st_size} bytes, more than {most}.")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error


def _is_sealed(body: Mapping[str, Any]) -> bool:
    return body.get("digest") == _digest({k: v for k, v in body.items() if k != "digest"})


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
