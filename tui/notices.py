"""What is said in a corner, once, as runs go on: that one ended, that a batch takes its time."""

from collections.abc import Iterable, Iterator

from runs import Liveness, lasting
from tui.clean import clean
from tui.diff import Event, LookFailed, RunEnded, Stale
from tui.paint import big
from tui.snapshot import RunDetail, RunRow, Snapshot

__all__ = ["Notices"]

IDLE_SECONDS = 60.0


class Notices:
    """Knows what was said already."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        """The batches of which it was said that they are waited for."""

    def of(self, snapshot: Snapshot, events: Iterable[Event]) -> Iterator[str]:
        """Yield what is to be said now."""
        rows = {row.dir: row for row in snapshot.rows}
        for event in events:
            match event:
                case RunEnded(run=run) if run in rows:
                    yield ended(rows[run])
                case Stale(run=run, how=how) if run in rows:
                    yield f"{rows[run].name} is {how}. {rows[run].trouble or ''}".rstrip()
                case LookFailed(error=error):
                    yield f"The runs cannot be read now: {error}. It is tried again."
                case _:
                    continue
        if snapshot.run is not None:
            yield from self._idle(snapshot.run)

    def _idle(self, run: RunDetail) -> Iterator[str]:
        """Yield for whom one waits, if that is longer than a minute: once for the same batches."""
        for wait in run.waits:
            out = {
                batch.key
                for batch in run.state.batches.open
                if clean(batch.provider) == wait.provider
            }
            if wait.age <= IDLE_SECONDS or out & self._told:
                continue
            self._told |= out
            usual = f", as a rule {lasting(wait.usual)}" if wait.usual is not None else ""
            batches = f"{wait.batches} batch{'es' * (wait.batches != 1)}"
            yield f"Waiting for {wait.provider}: {batches}, {lasting(wait.age)} so far{usual}."


def ended(row: RunRow) -> str:
    """Return how a run has ended."""
    match row.liveness:
        case Liveness.COMPLETE if row.failed:
            return f"{row.name} is complete: {big(row.valid)} passed, {big(row.failed)} failed."
        case Liveness.COMPLETE:
            return f"{row.name} is complete: all {big(row.valid)} passed."
        case _:
            reason = f": {row.reason}" if row.reason else ""
            return f"{row.name} is {row.liveness}{reason}."
