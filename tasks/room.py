"""How much more may be at a provider now: what it takes, and what the pipeline asks for."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from providers.registry import BatchLimits
from runs import Batch, Batches, BatchState, Elsewhere, Line, Load, Loads, Run, lasting, loads_of
from tasks.desk import Counter, Desk
from tasks.parcels import Most

__all__ = ["Bounds", "Room", "line_of", "most", "obstacle", "patience", "taught"]

SHARE_OF_QUEUE = 2
"""A batch holds at most one part in so many of its model's queue. As a rule two fit, so that one
waits while another is worked on; and one alone fits even if its tokens, which are counted as one
for four bytes, are as many as they can be: one for two."""
LEAST_QUEUE = 20_000
"""No vendor's queue takes less: if it seems so, others fill it, and smaller batches do not help."""
FIRST_PATIENCE_SECONDS = 60.0
MOST_PATIENCE_SECONDS = 3600.0
LOOK_SECONDS = 2.0
"""How old may be what is known of other runs, while nothing hangs on it."""
TELLING_SECONDS = 1.0
"""So long a run may take to tell others of its batches whenever they change."""
SHARE_OF_TELLING = 0.02
"""Above that, at most this part of its time."""
LAST_ENDED = 50


class Bounds(NamedTuple):
    """How much of a step's provider and model may be in batches at once. None: any number."""

    batches: int | None = None
    requests: int | None = None
    tokens: int | None = None
    """Of the model."""
    created_per_hour: int | None = None


def obstacle(bounds: Bounds, there: Loads, line: Line, adding: Load) -> str | None:
    """Return why no more may go where so much is; None if it may.

    What is larger than a queue goes when it is alone there: its vendor has the last word.
    """
    at_provider, at_model = there.at_provider(line.provider), there.at_model(line)
    for most, now, more, what in (
        (bounds.batches, at_provider.batches, adding.batches, "batches in flight"),
        (bounds.requests, at_provider.requests, adding.requests, "requests in flight"),
        (bounds.tokens, at_model.tokens, adding.tokens, f"tokens of {line.model} in flight"),
    ):
        if most is not None and now and now + more > most:
            return f"{line.provider} has {now} of at most {most} {what}"
    created = there.created.get(line.provider, 0)
    if bounds.created_per_hour is not None and created + adding.batches > bounds.created_per_hour:
        return f"{line.provider} was given {created} batches in the last hour"
    return None


def most(limits: BatchLimits, queue: int | None) -> Most:
    """Return what one batch may hold where a model's queue takes so many tokens."""
    requests = min(limits.requests, limits.queued_requests or limits.requests)
    tokens = None if queue is None else max(1, queue // SHARE_OF_QUEUE)
    return Most(requests, limits.size_bytes, tokens)


def taught(failed: Batch, others: Iterable[Batch], elsewhere: int = 0) -> int:
    """Return how many tokens a model's queue takes, as a batch teaches that was too much for it.

    As many as were there when it came; if it was alone, half of its own; and half of what was
    taken to be true, if it was handed in with that in mind.

    Args:
        failed: The batch.
        others: What the run has, and had, in batches.
        elsewhere: Tokens that other runs have in that queue.
    """
    came = failed.submitted_at or failed.intended_at
    same = [one for one in others if line_of(one) == line_of(failed) and one.key != failed.key]
    beside = elsewhere + sum(one.tokens for one in same if _was_there(one, came))
    queue = beside or failed.tokens // 2
    known = [one.queue for one in same if one.queue and one.ended_at and one.ended_at <= came]
    return max(LEAST_QUEUE, min([queue, *(half // 2 for half in known)]))


def patience(tries: int, first: float = FIRST_PATIENCE_SECONDS) -> float:
    """Return for how many seconds what was turned away so many times in a row is left alone."""
    return min(first * 2.0 ** min(tries - 1, 30), MOST_PATIENCE_SECONDS)


def line_of(batch: Batch) -> Line:
    """Return who is asked in a batch."""
    return Line(batch.provider, batch.model)


class _Full(NamedTuple):
    """A queue that was too full for a batch of ours."""

    at: datetime
    tries: int
    not_before: float


@dataclass(slots=True)
class Room:
    """Knows what there is room for at the providers of one run.

    It counts what all runs of the data root have there (`runs.Elsewhere`), as their summaries tell,
    which may lag by two seconds: two runs that hand in at the same moment may be over a limit
    together, by what they hand in then. A vendor's own limits are kept by the vendor.
    """

    run: Run
    desk: Desk
    clock: Callable[[], float] = time.monotonic
    patience_seconds: float = FIRST_PATIENCE_SECONDS
    _queues: dict[Line, int] = field(init=False)
    """What the run was taught, by earlier holders too."""
    _elsewhere: Elsewhere = field(init=False)
    _others: Loads = field(default_factory=Loads)
    _own: tuple[Batches, Loads] | None = None
    _stale_at: float = 0.0
    _full: dict[Line, _Full] = field(default_factory=dict[Line, _Full])
    _told: Loads = field(default_factory=Loads)
    _began: float = field(init=False)
    _telling_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._queues = {}
        self._began = self.clock()
        self._elsewhere = Elsewhere(self.run.paths.dir, emulate=self.run.state.spec.emulate)
        for batch in self.run.state.batches.values():
            self._remember(batch)

    def most(self, step: str) -> Most:
        """Return what one batch of a step may hold."""
        counter = self.desk.counter(step)
        return most(counter.limits, self._queue(counter))

    def obstacle(self, step: str, adding: Load, *, waiting: Loads | None = None) -> str | None:
        """Return why so much of a step may not be handed in now; None if it may.

        Args:
            step: Of which step it is.
            adding: What would be handed in.
            waiting: What waits to be handed in before it. With it the answer is a forecast, for
                which what other runs had a moment ago will do.
        """
        counter = self.desk.counter(step)
        line = _line(counter)
        there = self._there(fresh=waiting is None)
        if not there.at_model(line).batches and (left := self._rest(line)) > 0:
            return f"the queue of {line.model} was full: next try in {lasting(left)}"
        bounds = Bounds(
            batches=_least(counter.limits.jobs, counter.max_inflight),
            requests=counter.limits.queued_requests,
            tokens=self._queue(counter),
            created_per_hour=counter.limits.created_per_hour,
        )
        return obstacle(bounds, there if waiting is None else there.plus(waiting), line, adding)

    def learn(self, batch: Batch, at: datetime) -> int:
        """Take into account that a model's queue was too full for a batch; return what it takes."""
        line = line_of(batch)
        elsewhere = self._elsewhere.look(datetime.now(UTC)).at_model(line).tokens
        queue = taught(batch, self.run.state.batches.values(), elsewhere)
        queue = self._queues[line] = min(queue, self._queues.get(line, queue))
        tries, now = 1, self.clock()
        if (full := self._full.get(line)) is not None:
            # What was handed in together fails together: that is one try.
            tries = full.tries + (now >= full.not_before)
        until = now + patience(tries, self.patience_seconds)
        self._full[line] = _Full(at, tries, until)
        return queue

    def tell(self, *, at_once: bool) -> None:
        """Let other runs know what is in flight, if that has changed.

        Unless it must be `at_once`, that is left for later when it has taken too much time.
        """
        now = self.clock()
        spare = TELLING_SECONDS + (now - self._began) * SHARE_OF_TELLING
        if not at_once and self._telling_seconds > spare:
            return
        own = loads_of(self.run.state.batches, datetime.now(UTC))
        if own.lines == self._told.lines:
            return
        self.run.summarize()
        self._told = own
        self._telling_seconds += self.clock() - now

    def _there(self, *, fresh: bool) -> Loads:
        batches, now = self.run.state.batches, self.clock()
        if fresh or now >= self._stale_at:
            self._others = self._elsewhere.look(datetime.now(UTC))
            self._stale_at = now + LOOK_SECONDS
            self._own = None
        if self._own is None or self._own[0] is not batches:
            self._own = batches, loads_of(batches, datetime.now(UTC)).plus(self._others)
        return self._own[1]

    def _queue(self, counter: Counter) -> int | None:
        return _least(counter.limits.queue(counter.choice.model), self._queues.get(_line(counter)))

    def _rest(self, line: Line) -> float:
        """Return for how many seconds more a queue that was full is left alone."""
        full = self._full.get(line)
        if full is None:
            return 0.0
        for one in self.run.state.batches.ended(LAST_ENDED):
            taken = one.state is BatchState.COLLECTED and one.ended_at and one.ended_at > full.at
            if taken and line_of(one) == line:
                del self._full[line]
                return 0.0
        return full.not_before - self.clock()

    def _remember(self, batch: Batch) -> None:
        if batch.queue is not None:
            line = line_of(batch)
            self._queues[line] = min(batch.queue, self._queues.get(line, batch.queue))


def _line(counter: Counter) -> Line:
    return Line(counter.choice.provider, counter.choice.model)


def _was_there(batch: Batch, at: datetime) -> bool:
    """Say whether a batch was in its queue at a moment."""
    if batch.queue is not None or batch.submitted_at is None or batch.submitted_at > at:
        return False
    return batch.ended_at is None or batch.ended_at >= at


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
