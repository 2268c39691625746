"""What each key was charged: one line per call, written before its reply is sent."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from providers.emulator.model import Usage

__all__ = ["Charge", "Ledger", "charged_lines", "entries", "summary"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One call that a provider would put on the bill."""

    key: str
    endpoint: str
    model: str
    request: str
    """SHA-256 of the request's body, in hexadecimal."""
    usage: Usage
    at: datetime
    batch: str | None = None
    """The batch that it came in; None: it came in realtime."""
    line: int | None = None
    """Which of the batch's requests it was, from 0."""

    def entry(self) -> bytes:
        milliseconds = self.at.microsecond // 1000
        # Where no lane is named it is realtime.
        batch = {"lane": "batch", "batch": self.batch, "line": self.line} if self.batch else {}
        return orjson.dumps(
            {
                "at": f"{self.at.astimezone(UTC):%FT%T}.{milliseconds:03}Z",
                "key": self.key,
                "endpoint": self.endpoint,
                "model": self.model,
                "sha256": self.request,
                "usage": self.usage,
                **batch,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


class Ledger:
    """Appends to a file. Once `charge` returns, its lines outlive this process.

    Two threads may charge.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = Lock()
        self.calls = _lines(path)

    def charge(self, *charges: Charge) -> None:
        with self._lock:
            os.write(self._file, b"".join(charge.entry() for charge in charges))
            self.calls += len(charges)

    def clear(self) -> None:
        os.ftruncate(self._file, 0)
        self.calls = 0

    def close(self) -> None:
        os.close(self._file)


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines of a ledger, oldest first."""
    with path.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def charged_lines(path: Path, batches: Iterable[str]) -> dict[str, frozenset[int]]:
    """Return which lines of some batches were charged."""
    lines: dict[str, set[int]] = {batch: set() for batch in batches}
    for entry in entries(path):
        if entry.get("batch") in lines:
            lines[entry["batch"]].add(entry["line"])
    return {batch: frozenset(numbers) for batch, numbers in lines.items()}


def summary(path: Path) -> dict[str, Any]:
    """Add a ledger up: `calls` in all, calls and tokens by key and by model, calls by request.

    `models` has all, `batch_models` the part of it that came in batches.
    """
    requests: Counter[str] = Counter()
    keys: defaultdict[str, Counter[str]] = defaultdict(Counter)
    models: defaultdict[str, Counter[str]] = defaultdict(Counter)
    batch_models: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries(path):
        requests[entry["sha256"]] += 1
        keys[entry["key"]].update(calls=1, **entry["usage"])
        models[entry["model"]].update(calls=1, **entry["usage"])
        if "batch" in entry:
            batch_models[entry["model"]].update(calls=1, **entry["usage"])
    return {
        "calls": requests.total(),
        "keys": keys,
        "models": models,
        "batch_models": batch_models,
        "requests": requests,
    }
