"""Askings that wait for a batch, written to disk as they come, and sealed into request files."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from providers.batches import Intent
from runs import Batch, Parcel, RunPaths, dumps, loads, total_usd
from runs.files import sync, sync_dir
from tasks.work import Asking

__all__ = ["Addressed", "Most", "Parcels", "Pool", "Sealed", "Takes"]
__all__ += ["addressed", "custom_id", "intent_of", "sequence"]

FRAME_BYTES = 200
"""What a vendor wants around a request, at most; what it wants around all of them fits in too."""


class Addressed(NamedTuple):
    """What one request of a batch is for: a line of its index."""

    chunk: str
    unit_id: str
    round: int
    attempt: int
    most_usd: float | None
    """The most that it can cost, in USD; None when the price is unknown."""


class Takes(NamedTuple):
    """What a request takes up."""

    tokens: int
    """About so many are read of it."""
    most_usd: Decimal | None
    """The most that it can cost; None when the price is unknown."""


class Most(NamedTuple):
    """What one batch may hold."""

    requests: int
    size_bytes: int
    tokens: int | None = None
    """None: any number. A single request may have more: it travels alone."""


class Sealed(NamedTuple):
    """A batch whose files are on the disk, ready to be submitted."""

    batch: Batch
    intent: Intent


def custom_id(key: str, number: int) -> str:
    """Return what a request is called at its provider; all vendors take it."""
    return f"{key[:8]}-{number:06d}"


def sequence(key: str, said: str) -> int | None:
    """Return the number of the request that `custom_id` has called so; None for another's."""
    short, _, number = said.partition("-")
    return int(number) if short == key[:8] and number.isdecimal() and number.isascii() else None


def addressed(index: Path) -> Iterator[Addressed]:
    """Yield what the requests of a batch are for, in their order."""
    with index.open("rb") as lines:
        for line in lines:
            yield Addressed(*loads(line))


class Pool:
    """Gathers requests, and seals a batch whenever the next would not fit into it any more."""

    def __init__(
        self,
        begin: Callable[[], "Parcels"],
        seal: Callable[["Parcels"], Sealed],
        most: Most,
    ) -> None:
        self._begin = begin
        self._seal = seal
        self._most = most
        self._open: Parcels | None = None
        self._sealed: list[Sealed] = []

    def add(self, chunk: str, asking: Asking, wire: bytes, takes: Takes) -> None:
        """Write a request down."""
        now = self._open
        if now is not None and not self._fits(now, wire, takes):
            self._sealed.append(self._seal(now))
            now = None
        self._open = now or self._begin()
        self._open.add(chunk, asking, wire, takes)

    def _fits(self, now: "Parcels", wire: bytes, takes: Takes) -> bool:
        most = self._most
        return (
            now.requests < most.requests
            and now.size_bytes + len(wire) + FRAME_BYTES <= most.size_bytes
            and (most.tokens is None or now.tokens + takes.tokens <= most.tokens)
        )

    @property
    def filled(self) -> bool:
        """Say whether what waits has filled a batch already."""
        return bool(self._sealed)

    def drop(self) -> None:
        """Forget what waits, and has not filled a batch: it will be asked in another way."""
        if self._open is not None:
            self._open.drop()
            self._open = None

    def finish(self) -> list[Sealed]:
        """Seal what is open, and return all batches that came of it."""
        if self._open is not None:
            self._sealed.append(self._seal(self._open))
            self._open = None
        sealed, self._sealed = self._sealed, []
        return sealed


@dataclass(slots=True)
class Parcels:
    """Requests of one step, provider and model that will travel together.

    They are written down as they come, so that memory does not grow with their number; `seal` makes
    the request file of them, in which each is called by a name made of the batch's key.
    """

    paths: RunPaths
    step: str
    provider: str
    model: str
    requests: int = 0
    size_bytes: int = 0
    """About, with what its vendor wants around each request."""
    tokens: int = 0
    """About so many are read of them."""
    most_usd: Decimal | None = Decimal(0)
    """The most that they can cost; None when the price is unknown."""
    _units: Counter[str] = field(default_factory=Counter[str])
    _attempts: dict[str, int] = field(default_factory=dict[str, int])
    _key: Any = field(default_factory=hashlib.sha256)
    _wires: BinaryIO | None = None
    _index: BinaryIO | None = None

    def add(self, chunk: str, asking: Asking, wire: bytes, takes: Takes) -> None:
        """Write a request down."""
        most_usd = takes.most_usd
        wires, index = self._opened()
        unit_id = asking.unit["unit_id"]
        row = Addressed(
            chunk,
            unit_id,
            asking.round,
            asking.attempt,
            None if most_usd is None else float(most_usd),
        )
        line = dumps(row) + b"\n"
        wires.write(wire + b"\n")
        index.write(line)
        self._key.update(line)
        self._key.update(hashlib.sha256(wire).digest())
        self.requests += 1
        self.size_bytes += len(wire) + FRAME_BYTES
        self.tokens += takes.tokens
        self.most_usd = total_usd((self.most_usd, most_usd))
        self._units[chunk] += 1
        self._attempts[chunk] = min(asking.attempt, self._attempts.get(chunk, asking.attempt))

    def seal(
        self,
        run: str,
        request_line: Callable[[str, bytes], bytes],
        at: datetime,
        *,
        taken: Iterable[str] = (),
    ) -> Sealed:
        """Make the request file and the index, synced, and return the batch that they are for.

        Its key is made of the run, the step, who is asked what for which unit, and the words. What
        comes back unanswered may travel once more just as it is: a key that is taken is not used
        again, or what the second batch brings would be taken for what the first one did. Nor is one
        that begins alike: files and requests are called by the beginning.
        """
        wires, index = self._opened()
        wires.close()
        index.close()
        self._key.update(dumps([run, self.step, self.provider, self.model]))
        key = self._key.hexdigest()
        names = {other[:8] for other in taken}
        while key[:8] in names:
            key = hashlib.sha256(key.encode()).hexdigest()
        file = self.paths.requests(key[:8])
        digest, size = self._write(file, key, request_line)
        self._wires_path.unlink()
        kept = self.paths.index(key[:8])
        self._index_path.replace(kept)
        with kept.open("rb") as opened:
            sync(opened.fileno())
        sync_dir(self.paths.batches)
        batch = Batch(
            key=key,
            step=self.step,
            provider=self.provider,
            model=self.model,
            parcels=tuple(
                Parcel(chunk, units, self._attempts[chunk]) for chunk, units in self._units.items()
            ),
            requests=self.requests,
            size_bytes=size,
            sha256=digest,
            tokens=self.tokens,
            most_usd=None if self.most_usd is None else float(self.most_usd),
            intended_at=at,
        )
        return Sealed(batch, replace(intent_of(batch, self.paths), first=True))

    def drop(self) -> None:
        """Take back what was written down."""
        for file, path in zip(self._opened(), (self._wires_path, self._index_path), strict=True):
            file.close()
            path.unlink()

    def _write(
        self, file: Path, key: str, request_line: Callable[[str, bytes], bytes]
    ) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        with self._wires_path.open("rb") as wires, file.open("wb") as requests:
            for number, wire in enumerate(wires):
                line = request_line(custom_id(key, number), wire[:-1]) + b"\n"
                requests.write(line)
                digest.update(line)
                size += len(line)
            requests.flush()
            sync(requests.fileno())
        return digest.hexdigest(), size

    def _opened(self) -> tuple[BinaryIO, BinaryIO]:
        if self._wires is None or self._index is None:
            self.paths.batches.mkdir(mode=0o700, exist_ok=True)
            self._wires = self._wires_path.open("wb")
            self._index = self._index_path.open("wb")
        return self._wires, self._index

    @property
    def _wires_path(self) -> Path:
        return self.paths.batches / f"{id(self):x}.wires.tmp"

    @property
    def _index_path(self) -> Path:
        return self.paths.batches / f"{id(self):x}.index.tmp"


def intent_of(batch: Batch, paths: RunPaths) -> Intent:
    """Return what is to be submitted for a batch that is written down."""
    return Intent(
        key=batch.key,
        model=batch.model,
        requests=batch.requests,
        size_bytes=batch.size_bytes,
        file=paths.requests(batch.short),
        at=batch.intended_at,
    )
