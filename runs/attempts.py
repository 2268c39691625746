"""The history of a chunk-step: who was asked when, at what price, and the body that came back."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from runs.jsonl import dumps, loads
from runs.times import moment, stamp

__all__ = ["LOST", "Attempt", "attempts", "decode", "encode", "told_of"]

_log = logging.getLogger("runs")

LOST = "lost"
RAW = b',"raw":'
"""Begins the body, the last field of a line. Inside a JSON string its quotes would be escaped."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One asking of a unit at a step, and what came back."""

    unit_id: str
    round: int
    attempt: int
    lane: str
    provider: str
    model: str
    at: datetime
    seconds: float
    usage: Mapping[str, int] | None = None
    """Tokens by kind; None when the vendor did not say."""
    cost_usd: Decimal | None = None
    """None when no price is known."""
    raw: bytes | None = None
    """The vendor's body; None when there was none."""
    error: Mapping[str, Any] | None = None
    """Why there is no usable reply: class, status, message."""
    possible_usd: Decimal | None = None
    """Of a call that was sent and never answered: the most that may be on the bill for it. None
    when the price is unknown."""

    batch: str | None = None
    """The short name of the batch it travelled in; None in realtime."""

    @property
    def lost(self) -> bool:
        """Say whether it is a call without an answer: it counts as money, not as an asking."""
        return self.error is not None and self.error["class"] == LOST


def attempts(
    path: Path, report: Callable[[str], object] = _log.warning
) -> dict[str, list[Attempt]]:
    """Return every line of a results file by unit, oldest first; none if there is no file.

    Calls that were lost are among them.

    A last line without its end was being written when the process was killed: it does not count.
    Any other bad line stays where it is and is reported in a sentence; its unit is asked again.
    """
    history: dict[str, list[Attempt]] = {}
    if not path.exists():
        return history
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                attempt = decode(line)
            except ValueError as error:
                report(f"{path}:{number}: not an attempt, left aside ({error})")
                continue
            history.setdefault(attempt.unit_id, []).append(attempt)
    return history


def told_of(path: Path, *, batch: str) -> Iterator[tuple[str, int, int]]:
    """Yield unit, round and attempt of each line of a results file that came in a batch.

    Only the heads of the lines are read, not the bodies.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            head, found, _ = line.rstrip().partition(RAW)
            try:
                row = loads(head + b"}" if found else head)
                if row.get("batch") == batch:
                    yield row["unit_id"], row["round"], row["attempt"]
            except (ValueError, KeyError, AttributeError):
                continue  # `attempts` reports it


def encode(attempt: Attempt) -> bytes:
    """Return an attempt as its line; a body that is not JSON becomes a string under `raw_text`."""
    head = dumps(_fields(attempt))
    if attempt.raw is None:
        return head + b"\n"
    try:
        loads(attempt.raw)
    except ValueError:
        # surrogateescape: bytes that are not UTF-8 come back as they were.
        text = attempt.raw.decode("utf-8", "surrogateescape")
        return b"%s,%s}\n" % (head[:-1], b'"raw_text":' + dumps(text))
    return b"%s%s%s}\n" % (head[:-1], RAW, attempt.raw.translate(_ONE_LINE))


def decode(line: bytes) -> Attempt:
    """Return the attempt of a line.

    Raises:
        ValueError: it is not one.
    """
    head, found, body = line.rstrip().partition(RAW)
    raw = body[:-1] if found else None
    try:
        row = loads(head + b"}" if found else head)
        if raw is not None:
            loads(raw)
        elif "raw_text" in row:
            raw = row["raw_text"].encode("utf-8", "surrogateescape")
        return Attempt(
            unit_id=row["unit_id"],
            round=row["round"],
            attempt=row["attempt"],
            lane=row["lane"],
            provider=row["provider"],
            model=row["model"],
            at=moment(row["at"]),
            seconds=row["seconds"],
            usage=row["usage"],
            cost_usd=_usd(row["cost_usd"]),
            raw=raw,
            error=row.get("error"),
            possible_usd=_usd(row.get("possible_usd")),
            batch=row.get("batch"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an attempt: {error!r}") from error


def _fields(attempt: Attempt) -> dict[str, Any]:
    fields = {
        "unit_id": attempt.unit_id,
        "round": attempt.round,
        "attempt": attempt.attempt,
        "lane": attempt.lane,
        "provider": attempt.provider,
        "model": attempt.model,
        "at": stamp(attempt.at),
        "seconds": attempt.seconds,
        "usage": attempt.usage,
        "cost_usd": attempt.cost_usd,
    }
    if attempt.batch is not None:
        fields["batch"] = attempt.batch
    if attempt.lost:
        fields["possible_usd"] = attempt.possible_usd
    return fields if attempt.error is None else {**fields, "error": attempt.error}


def _usd(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


_ONE_LINE = bytes.maketrans(b"\n\r", b"  ")
"""Newlines stand only between the tokens of JSON, where a space says the same."""
