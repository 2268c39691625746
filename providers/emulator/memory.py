"""What an emulator remembers: settings, rehearsed replies, how often each rule matched.

All of it is in one SQLite file that is never synced: it survives the death of the process, which
tests bring about, and not of the machine, which they do not.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import orjson

from providers.emulator.clock import Pace
from providers.emulator.limits import LIMITS, Limit
from providers.emulator.mischief import Batching
from providers.emulator.script import Script

__all__ = ["Memory"]

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rehearsed (request BLOB PRIMARY KEY, reply BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS matched (
    rule INTEGER, request BLOB, times INTEGER, PRIMARY KEY (rule, request)
) WITHOUT ROWID;
"""
COUNT = """
INSERT INTO matched VALUES (?, ?, 1)
ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times
"""


class Memory:
    """Reads and writes at once; what is asked with every call is kept at hand."""

    def __init__(self, path: Path) -> None:
        # The thread that works on batches reads and counts as well.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript(SCHEMA)
        # Nothing may be half done on the connection while the other thread commits.
        self._lock = Lock()
        self._script = Script.model_validate_json(self._setting("script", b"{}"))
        self._latency_seconds = float(self._setting("latency_seconds", b"0"))
        self._limits = LIMITS.validate_json(self._setting("limits", b"[]"))
        self._batching = Batching.model_validate_json(self._setting("batching", b"{}"))
        self._is_rehearsed = self.rehearsed_count() > 0

    @property
    def script(self) -> Script:
        return self._script

    @script.setter
    def script(self, script: Script) -> None:
        with self._lock:
            self._db.execute("DELETE FROM matched")
        self._set("script", script.model_dump_json().encode())
        self._script = script

    @property
    def latency_seconds(self) -> float:
        """Seconds that every reply takes."""
        return self._latency_seconds

    @latency_seconds.setter
    def latency_seconds(self, seconds: float) -> None:
        self._set("latency_seconds", orjson.dumps(seconds))
        self._latency_seconds = seconds

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self._limits

    @limits.setter
    def limits(self, limits: tuple[Limit, ...]) -> None:
        self._set("limits", LIMITS.dump_json(limits))
        self._limits = limits

    @property
    def batching(self) -> Batching:
        """How long batches take, and what goes wrong with them."""
        return self._batching

    @batching.setter
    def batching(self, batching: Batching) -> None:
        self._set("batching", batching.model_dump_json().encode())
        self._batching = batching

    def pace(self) -> Pace:
        """Return how the clock of the batches runs."""
        return Pace.model_validate_json(self._setting("pace", b"{}"))

    def keep_pace(self, pace: Pace) -> None:
        self._set("pace", pace.model_dump_json().encode())

    def rehearse(self, replies: Mapping[bytes, str]) -> None:
        """Keep the text to answer each request with, by the SHA-256 of its body."""
        rows = [(request, text.encode(errors="surrogatepass")) for request, text in replies.items()]
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO rehearsed VALUES (?, ?)", rows)
        self._is_rehearsed = True

    def rehearsed(self, request: bytes) -> str | None:
        if not self._is_rehearsed:
            return None
        query = "SELECT reply FROM rehearsed WHERE request = ?"
        with self._lock:
            row = self._db.execute(query, (request,)).fetchone()
        return row and row[0].decode(errors="surrogatepass")

    def rehearsed_count(self) -> int:
        return self._db.execute("SELECT count(*) FROM rehearsed").fetchone()[0]

    def matched(self, rule: int, request: bytes) -> int:
        """Count one more match, and return how many there were."""
        with self._lock:
            return self._db.execute(COUNT, (rule, request)).fetchone()[0]

    def clear(self) -> None:
        for table in ("setting", "rehearsed", "matched"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  names of our own
        self._script, self._latency_seconds, self._limits = Script(), 0.0, ()
        self._batching, self._is_rehearsed = Batching(), False

    def close(self) -> None:
        self._db.close()

    def _setting(self, name: str, default: bytes) -> bytes:
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return row[0] if row else default

    def _set(self, name: str, value: bytes) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))
