"""From sources to outcomes: list the files, pass over what is known, decode the rest.

The list lives in a temporary SQLite table, a row for each file or member of an archive, so that a
million files take no more memory than a hundred.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vtrain.config.data import DataConfig
from vtrain.config.section import Category
from vtrain.data.archives import Member, is_archive, list_members, read_members
from vtrain.data.cache import DataCache, Made, Outcome, recipe
from vtrain.data.categories import category_of
from vtrain.data.pool import Job, Run
from vtrain.data.records import Rejected
from vtrain.data.scan import Found, Stamp, scan
from vtrain.data.store import ImageStore
from vtrain.errors import ImageRefused
from vtrain.images.decode import read_file
from vtrain.images.types import Limits

Settled = Callable[[int], None]
Key = tuple[int, str]
"""Position of a row and SHA-256 of its bytes."""


@dataclass(frozen=True, slots=True)
class Item:
    """A file that was looked at.

    Attributes:
        position: Its row.
        name: As of `Entry`.
        stem: The file's own name without folders and suffix.
        folder_category: What its folders say; None when they say nothing.
        outcome: What came of it.
    """

    position: int
    name: str
    stem: str
    folder_category: Category | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Counts:
    """Files of a pass against the pass before (count).

    Attributes:
        new: Names not seen before.
        changed: Seen before, with other bytes or times.
        unchanged: Not even opened.
        again: Unchanged, but decoded anew: for other sizes, or because what was kept is gone.
        gone: Seen before, and there no more.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    again: int = 0
    gone: int = 0


class Intake:
    """The files of one pass.

    Args:
        cache: What is known.
        config: Categories, sizes and limits.
        store: Where the prepared pixels are.
    """

    def __init__(self, cache: DataCache, config: DataConfig, store: ImageStore) -> None:
        self._cache = cache
        self._config = config
        self._store = store
        self._recipe = recipe(config)
        self._limits = Limits(config.max_pixels, config.max_file_bytes)
        self._count = 0
        self._new = self._changed = self._unchanged = self._again = 0
        self.rejected: list[Rejected] = []
        self._rows = cache.connection
        self._rows.execute("DROP TABLE IF EXISTS temp.seen")
        self._rows.execute(
            "CREATE TEMP TABLE seen (position INTEGER PRIMARY KEY, path BLOB, member TEXT,"
            " name TEXT, category TEXT, size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER,"
            " draw BLOB, sha TEXT, reason TEXT, detail TEXT, UNIQUE (path, member))"
        )

    def __len__(self) -> int:
        """Files found, members of archives one by one."""
        return self._count

    def find(self, sources: Sequence[str | Path], *, without: Path | None = None) -> None:
        """List the files of the sources and of the archives in them.

        Args:
            sources: As of `scan`.
            without: As of `scan`.

        Raises:
            DataError: As `scan`.
        """
        refused: set[tuple[str, str]] = set()
        for item in scan(sources, without=without):
            if isinstance(item, Rejected):
                if (item.name, item.reason) not in refused:
                    refused.add((item.name, item.reason))
                    self.rejected.append(item)
            elif is_archive(item.path):
                self._find_members(item)
            else:
                self._add(item, "")

    def positions(self) -> Sequence[int]:
        """All rows, in the order in which they were found."""
        return range(self._count)

    def drawn(self) -> Iterator[tuple[int, Category | None]]:
        """All rows with what their folders say, in a fixed order without pattern.

        A part of the corpus taken in this order is a fair sample of it.
        """
        rows = self._rows.execute(
            "SELECT position, category FROM temp.seen ORDER BY draw, position"
        )
        yield from rows.fetchall()

    def examine(self, positions: Sequence[int], run: Run[Key, Job, Made], settled: Settled) -> None:
        """See to it that something is known of each row.

        Args:
            positions: Rows.
            run: Decodes in processes.
            settled: Called with a number of rows as they are done.

        Raises:
            StorageError: An image or the cache cannot be written.
        """
        for (position, sha), outcome in run(self._jobs(positions, settled)):
            self._cache.remember_outcome(sha, self._recipe, outcome)
            if isinstance(outcome, ImageRefused):
                self._refuse(position, outcome)
            settled(1)
        self._cache.save()

    def item(self, position: int) -> Item:
        """What came of a row that was examined."""
        name, category, sha, reason, detail = self._rows.execute(
            "SELECT name, category, sha, reason, detail FROM temp.seen WHERE position=?",
            (position,),
        ).fetchone()
        outcome: Outcome | None
        if reason is not None:
            outcome = ImageRefused(name, reason, detail)
        else:
            outcome = self._cache.outcome(sha, self._recipe)
            if outcome is None:
                outcome = ImageRefused(name, "unreadable", "what was known of it is damaged")
        return Item(position, name, PurePosixPath(name).stem, category, outcome)

    def counts(self) -> Counts:
        """Compare with the pass before, and forget files that are gone."""
        gone = self._cache.forget_missing("temp.seen")
        return Counts(self._new, self._changed, self._unchanged, self._again, gone)

    def _find_members(self, archive: Found) -> None:
        path = os.fsencode(archive.path.absolute())
        limits = f"{self._config.archives.model_dump_json()} {self._config.max_file_bytes}"
        known = self._cache.members(path, archive.stamp, limits)
        if known is None:
            members: list[str] = []
            rejected: list[Rejected] = []
            for item in list_members(archive.path, archive.name, self._config):
                if isinstance(item, Member):
                    members.append(item.name)
                else:
                    rejected.append(item)
            self._cache.remember_archive(path, archive.stamp, limits, members, rejected)
            known = members, rejected
        self.rejected += known[1]
        for member in known[0]:
            self._add(archive, member)

    def _add(self, found: Found, member: str) -> None:
        name = f"{found.name}/{member}" if member else found.name
        folders = (*reversed(PurePosixPath(member).parent.parts), *found.folders)
        stamp = found.stamp
        done = self._rows.execute(
            "INSERT OR IGNORE INTO temp.seen (position, path, member, name, category, size, mtime,"
            " ctime, inode, draw) VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                self._count,
                os.fsencode(found.path.absolute()),
                member,
                name,
                category_of(folders, self._config),
                stamp.size,
                stamp.mtime,
                stamp.ctime,
                stamp.inode,
                hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8],
            ),
        )
        self._count += done.rowcount

    def _jobs(self, positions: Sequence[int], settled: Settled) -> Iterator[tuple[Key, Job]]:
        """Rows that must be decoded, with their bytes; the others are settled on the way."""
        archives: dict[bytes, dict[str, int]] = defaultdict(dict)
        for position in positions:
            path, member, stamp = self._row(position)
            if self._is_known(position, path, member, stamp):
                settled(1)
            elif member:
                archives[path][member] = position
            else:
                yield from self._read(position, path, settled)
        for path, wanted in archives.items():
            yield from self._read_archive(path, wanted, settled)

    def _row(self, position: int) -> tuple[bytes, str, Stamp]:
        path, member, *stamp = self._rows.execute(
            "SELECT path, member, size, mtime, ctime, inode FROM temp.seen WHERE position=?",
            (position,),
        ).fetchone()
        return path, member, Stamp(*stamp)

    def _is_known(self, position: int, path: bytes, member: str, stamp: Stamp) -> bool:
        sha = self._cache.sha(path, member, stamp)
        if sha is None:
            if self._cache.known(path, member):
                self._changed += 1
            else:
                self._new += 1
            return False
        if not self._usable(sha):
            self._again += 1
            return False
        self._unchanged += 1
        self._rows.execute("UPDATE temp.seen SET sha=? WHERE position=?", (sha, position))
        return True

    def _usable(self, sha: str) -> bool:
        """Whether the outcome is known and the pixels it speaks of are there."""
        outcome = self._cache.outcome(sha, self._recipe)
        if isinstance(outcome, Made):
            return self._store.holds(outcome.stored)
        return outcome is not None

    def _read(self, position: int, path: bytes, settled: Settled) -> Iterator[tuple[Key, Job]]:
        try:
            data, status = read_file(Path(os.fsdecode(path)), limits=self._limits)
        except ImageRefused as error:
            self._refuse_unread(position, path, "", error)
            settled(1)
            return
        sha = self._hashed(position, data)
        self._cache.remember_file(path, "", Stamp.of(status), sha)
        yield from self._unless_known(position, sha, data, settled)

    def _read_archive(
        self, path: bytes, wanted: dict[str, int], settled: Settled
    ) -> Iterator[tuple[Key, Job]]:
        archive = Path(os.fsdecode(path))
        for member, data in read_members(archive, wanted, self._config):
            position = wanted[member]
            if isinstance(data, ImageRefused):
                self._refuse_unread(position, path, member, data)
                settled(1)
                continue
            _, _, stamp = self._row(position)
            sha = self._hashed(position, data)
            self._cache.remember_file(path, member, stamp, sha)
            yield from self._unless_known(position, sha, data, settled)

    def _hashed(self, position: int, data: bytes) -> str:
        sha = hashlib.sha256(data).hexdigest()
        self._rows.execute("UPDATE temp.seen SET sha=? WHERE position=?", (sha, position))
        return sha

    def _unless_known(
        self, position: int, sha: str, data: bytes, settled: Settled
    ) -> Iterator[tuple[Key, Job]]:
        if self._usable(sha):  # the same bytes under another name or another time
            settled(1)
            return
        (name,) = self._rows.execute(
            "SELECT name FROM temp.seen WHERE position=?", (position,)
        ).fetchone()
        yield (position, sha), (name, data)

    def _refuse_unread(self, position: int, path: bytes, member: str, error: ImageRefused) -> None:
        """Refuse a file whose bytes are not had, and remember it under its stamp."""
        self._refuse(position, error)
        _, _, stamp = self._row(position)
        told = f"{path!r} {member} {stamp} {error.reason}"
        # In the place of the digest of its bytes, which nobody knows.
        sha = "unread:" + hashlib.sha256(told.encode()).hexdigest()
        if self._cache.remember_outcome(sha, self._recipe, error):
            self._cache.remember_file(path, member, stamp, sha)

    def _refuse(self, position: int, error: ImageRefused) -> None:
        self._rows.execute(
            "UPDATE temp.seen SET reason=?, detail=? WHERE position=?",
            (error.reason, error.detail, position),
        )
