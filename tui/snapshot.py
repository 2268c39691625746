"""What the screens show, at one moment: frozen, and all of it from one reading of the files.

Every count on a screen comes from here, and is made by `runs.counts`. Texts of files are clean
already (`tui.clean`): no control character is in them, and none of them is markup.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from runs import Counts, Liveness, RunState, Totals, Wait, Waiting

__all__ = ["Reason", "RunDetail", "RunRow", "Snapshot", "StepView"]


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in the table of runs: its summary, and whether it goes on by itself."""

    dir: Path
    name: str
    pipeline: str
    liveness: Liveness
    lane: str
    """`realtime` or `batch`."""
    emulate: bool
    units: int
    valid: int
    failed: int
    hard: int
    """Of those that failed: not by what a model said, but by a fault on the way."""
    progress: float
    """Share of all unit-steps that are behind us, 0 to 1."""
    tokens: int
    cost_usd: Decimal | None
    """None when the price of a part is unknown."""
    step: str | None
    """The earliest step at which something is to be done."""
    created: datetime
    updated: datetime
    waiting: Waiting | None
    reason: str | None
    """Why it is paused, or failed."""
    left: timedelta | None = None
    """About how long it still takes, if that can be told."""
    archived: bool = False
    trouble: str | None = None
    """Why its files cannot be read, or what they say that the facts contradict."""


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of an open run."""

    name: str
    scope: str
    provider: str | None
    model: str | None
    counts: Counts
    due: int
    """Units that come here, as far as that is known: those that are valid at the step before."""
    in_flight: int
    """Calls under way, in realtime."""
    retrying: int
    """Units whose last reply did not pass, and that are asked again."""
    processing: int
    """Requests that are in batches at a provider."""
    pending: int
    """Units that have come here and were not asked yet."""
    since: datetime | None
    """When the oldest batch that is still out was handed in."""
    finished: bool
    """No unit is here, and none can come."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why units fail: a rule of a step, and how many units broke it first."""

    step: str
    failure: str
    rule: str
    message: str
    """Of one of them."""
    units: int


@dataclass(frozen=True, slots=True)
class RunDetail:
    """An open run."""

    row: RunRow
    state: RunState
    steps: tuple[StepView, ...]
    totals: Totals
    waits: tuple[Wait, ...]
    """What is waited for at providers, with what is usual."""
    reasons: tuple[Reason, ...]
    """The most frequent first."""
    estimate_usd: Decimal | None
    """What it will have cost in the end, by what units have cost so far."""
    log: tuple[str, ...]
    """The last lines of RUN_LOG.txt, the newest last."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A run that could not be read, and why."""

    dir: Path
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to show."""

    number: int
    """Counts up: what is older is not shown after what is newer."""
    at: datetime
    rows: tuple[RunRow, ...]
    """Active runs first, then the newest."""
    run: RunDetail | None = None
    """The run that is open."""
    unread: Unread | None = None
    """Why it cannot be read, if it never could."""
