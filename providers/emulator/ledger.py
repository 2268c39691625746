"""What each key was charged: one line per call, written before its reply is sent."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from providers.emulator.model import Usage

__all__ = ["Charge", "Ledger", "entries", "summary"]


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

    def line(self) -> bytes:
        milliseconds = self.at.microsecond // 1000
        return orjson.dumps(
            {
                "at": f"{self.at.astimezone(UTC):%FT%T}.{milliseconds:03}Z",
                "key": self.key,
                "endpoint": self.endpoint,
                "model": self.model,
                "sha256": self.request,
                "usage": self.usage,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


class Ledger:
    """Appends to a file. Once `charge` returns, its line outlives this process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.calls = _lines(path)

    def charge(self, charge: Charge) -> None:
        os.write(self._file, charge.line())
        self.calls += 1

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


def summary(path: Path) -> dict[str, Any]:
    """Add a ledger up: `calls` in all, calls and tokens by key and by model, calls by request."""
    requests: Counter[str] = Counter()
    keys: defaultdict[str, Counter[str]] = defaultdict(Counter)
    models: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries(path):
        requests[entry["sha256"]] += 1
        keys[entry["key"]].update(calls=1, **entry["usage"])
        models[entry["model"]].update(calls=1, **entry["usage"])
    return {"calls": requests.total(), "keys": keys, "models": models, "requests": requests}
