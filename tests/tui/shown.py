"""Runs to look at, without a run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from runs import Liveness, Waiting
from tui.reader import Publish
from tui.snapshot import RunRow, Snapshot

NOW = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


class Shown:
    """A source that shows what a test gives it."""

    def __init__(self, *rows: RunRow) -> None:
        self.snapshot = Snapshot(1, NOW, tuple(rows))
        self.opened: Path | None = None
        self.archived = False
        self._publish: Publish | None = None

    def __call__(self, publish: Publish) -> "Shown":
        self._publish = publish
        return self

    def start(self) -> None:
        assert self._publish is not None
        self._publish(self.snapshot, ())

    def give(self, *rows: RunRow) -> None:
        """Have read something else."""
        self.snapshot = replace(self.snapshot, number=self.snapshot.number + 1, rows=tuple(rows))
        self.start()

    def open(self, run_dir: Path | None) -> None:
        self.opened = run_dir

    def show_archived(self, shown: bool) -> None:
        self.archived = shown

    def focus(self, focused: bool) -> None:
        """Look less often when nobody looks; not here."""

    def poke(self) -> None:
        """Look at once; nothing is new, so nothing is given."""

    def stop(self) -> None:
        self._publish = None


def row(name: str, liveness: Liveness = Liveness.ACTIVE, **more: Any) -> RunRow:
    """Return a run of 360 units, as it stands 40 minutes after it was made."""
    known: dict[str, Any] = {
        "dir": Path("/runs") / name,
        "name": name,
        "pipeline": name.partition("_")[0],
        "liveness": liveness,
        "lane": "batch",
        "emulate": False,
        "units": 360,
        "valid": 214,
        "failed": 7,
        "hard": 0,
        "progress": 0.58,
        "tokens": 293_000,
        "cost_usd": Decimal("0.0437"),
        "step": "score",
        "created": NOW - timedelta(minutes=40),
        "updated": NOW - timedelta(seconds=2),
        "waiting": None,
        "reason": None,
        "left": timedelta(minutes=28),
    }
    return RunRow(**{**known, **more})


def all_kinds() -> list[RunRow]:
    """Return a run in each state that there is."""
    none: dict[str, Any] = {"left": None}
    return [
        row("NpcDialog_20261123_132501"),
        row(
            "Nightly_20261123_020000",
            Liveness.DEFERRED,
            waiting=Waiting(NOW + timedelta(minutes=15), "3 batches at anthropic, 41 min"),
            units=12_400,
            valid=4_100,
            failed=38,
            created=NOW - timedelta(hours=12),
            cost_usd=Decimal("18.4"),
        ),
        row("Halting_20261123_130000", reason="interrupted", **none),
        row("Leaving_20261123_130001", reason="cancelled", **none),
        row("Judge_20261122_181500", Liveness.DETACHED, progress=0.37, **none),
        row("Probe_20261122_101500", Liveness.STUCK, progress=0.12, **none),
        row("Sailor_20261122_090000", Liveness.PAUSED, reason="cap: $5.00 of $5.00", **none),
        row("Draft_20261122_080000", Liveness.PENDING, valid=0, failed=0, progress=0.0, **none),
        row("Clean_20261121_150000", Liveness.COMPLETE, valid=360, failed=0, progress=1.0, **none),
        row("Mixed_20261121_140000", Liveness.COMPLETE, valid=353, failed=7, progress=1.0, **none),
        row("Blackjack_20261121_120000", Liveness.COMPLETE, valid=348, failed=12, hard=12, **none),
        row("Broken_20261121_110000", Liveness.FAILED, reason="KeyError: 'tone'", **none),
        row("Given_20261121_100000", Liveness.CANCELLED, emulate=True, **none),
    ]
