"""Where batches and files are kept: rows in the emulator's memory, and folders beside it."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from pydantic import BaseModel, ConfigDict

from providers.emulator.home import Home
from providers.emulator.jobs import Job

__all__ = ["File", "Shelf"]

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, vendor TEXT, visible REAL,
    created REAL, hidden INTEGER, ended INTEGER, value BLOB
);
CREATE TABLE IF NOT EXISTS file (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, vendor TEXT, value BLOB
);
"""


class File(BaseModel):
    """A file that a vendor keeps. Times are of the emulator's clock, but for `created_wall`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    vendor: str
    name: str
    purpose: str = "batch"
    mime: str = "application/jsonl"
    size_bytes: int
    created_wall: float
    created: float
    expires: float | None = None
    path: Path
    whole: bool = True
    """All of it has arrived."""
    upload: str | None = None
    """What its sender must know to go on sending."""
    sha256: str = ""
    job: str | None = None
    """The batch whose results it has."""

    def wall(self, at: float) -> float:
        return self.created_wall + at - self.created


class Shelf:
    """Keeps batches and files. It may be used from two threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = RLock()
        self._db = sqlite3.connect(home.memory, isolation_level=None, check_same_thread=False)
        self._db.executescript(SCHEMA)

    def folder(self, job_id: str) -> Path:
        """Return where a batch has its requests and its results."""
        return self._home.batches / job_id

    def fresh(self, file_id: str) -> Path:
        """Return where a new file goes."""
        self._home.files.mkdir(exist_ok=True)
        return self._home.files / file_id

    def nth(self, vendor: str) -> int:
        """Return which of its vendor's batches the next one is."""
        return self._number("SELECT count(*) + 1 FROM job WHERE vendor = ?", vendor)

    def add(self, job: Job) -> None:
        self._run(
            "INSERT INTO job (id, vendor, visible, created, hidden, value) VALUES (?,?,?,?,0,?)",
            job.id, job.vendor, job.visible, job.created, _bytes(job),
        )  # fmt: skip

    def job(self, job_id: str) -> Job | None:
        row = self._run("SELECT value FROM job WHERE id = ?", job_id).fetchone()
        return row and Job.model_validate_json(row[0])

    def change(self, job_id: str, change: Callable[[Job], Job]) -> Job | None:
        """Keep what `change` makes of a batch; None if it is not there any more."""
        with self._lock:
            if (job := self.job(job_id)) is None:
                return None
            changed = change(job)
            self._run(
                "UPDATE job SET value = ?, ended = ?, hidden = ? WHERE id = ?",
                _bytes(changed), changed.ended and 1, changed.deleted, job_id,
            )  # fmt: skip
            return changed

    def page(
        self,
        vendor: str,
        now: float,
        *,
        limit: int,
        after: str | None = None,
        before: str | None = None,
    ) -> list[Job]:
        """Return the batches that a list shows, newest first.

        They are the newest of those older than `after`, or the oldest of those newer than `before`.
        """
        shown = "vendor = ? AND hidden = 0 AND visible <= ?"
        if before is not None:
            rows = self._run(
                f"SELECT value FROM job WHERE {shown} AND seq > "  # noqa: S608  words of our own
                "(SELECT seq FROM job WHERE id = ?) ORDER BY seq LIMIT ?",
                vendor, now, before, limit,
            ).fetchall()[::-1]  # fmt: skip
        else:
            rows = self._run(
                f"SELECT value FROM job WHERE {shown} AND seq < "  # noqa: S608
                "coalesce((SELECT seq FROM job WHERE id = ?), 1 << 62) ORDER BY seq DESC LIMIT ?",
                vendor, now, after, limit,
            ).fetchall()  # fmt: skip
        return [Job.model_validate_json(row[0]) for row in rows]

    def at_work(self, vendor: str | None = None) -> list[Job]:
        """Return the batches that have not ended, oldest first."""
        rows = self._run(
            "SELECT value FROM job WHERE ended IS NULL AND vendor = coalesce(?, vendor) "
            "ORDER BY seq",
            vendor,
        ).fetchall()
        return [Job.model_validate_json(row[0]) for row in rows]

    def count_at_work(self) -> int:
        return self._number("SELECT count(*) FROM job WHERE ended IS NULL")

    def created_since(self, vendor: str, since: float) -> int:
        query = "SELECT count(*) FROM job WHERE vendor = ? AND created > ?"
        return self._number(query, vendor, since)

    def created(self) -> dict[str, list[str]]:
        """Return the ids of all batches that ever were, by vendor, oldest first."""
        ids: dict[str, list[str]] = {}
        for vendor, job_id in self._run("SELECT vendor, id FROM job ORDER BY seq"):
            ids.setdefault(vendor, []).append(job_id)
        return ids

    def keep(self, file: File) -> None:
        """Keep a file, in place of one with its id."""
        self._run(
            "INSERT INTO file (id, vendor, value) VALUES (?,?,?) "
            "ON CONFLICT (id) DO UPDATE SET value = excluded.value",
            file.id, file.vendor, _bytes(file),
        )  # fmt: skip

    def file(self, file_id: str, now: float) -> File | None:
        row = self._run("SELECT value FROM file WHERE id = ?", file_id).fetchone()
        file = row and File.model_validate_json(row[0])
        return file if file and not _gone(file, now) else None

    def files(self, vendor: str, now: float) -> list[File]:
        """Return a vendor's whole files, oldest first."""
        rows = self._run("SELECT value FROM file WHERE vendor = ? ORDER BY seq", vendor).fetchall()
        files = (File.model_validate_json(row[0]) for row in rows)
        return [file for file in files if file.whole and not _gone(file, now)]

    def drop(self, file: File) -> None:
        self._run("DELETE FROM file WHERE id = ?", file.id)
        file.path.unlink(missing_ok=True)

    def clear(self) -> None:
        with self._lock:
            for table in ("job", "file", "sqlite_sequence"):
                self._run(f"DELETE FROM {table}")  # noqa: S608  names of our own
            for folder in (self._home.batches, self._home.files):
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        self._db.close()

    def _number(self, query: str, *values: object) -> int:
        return self._run(query, *values).fetchone()[0]

    def _run(self, query: str, *values: Any) -> sqlite3.Cursor:
        with self._lock:
            return self._db.execute(query, values)


def _gone(file: File, now: float) -> bool:
    return file.expires is not None and now >= file.expires


def _bytes(value: BaseModel) -> bytes:
    return value.model_dump_json().encode()
