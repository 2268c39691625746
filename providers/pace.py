"""How many calls and tokens a minute may be sent: configured, told by the vendor, or learned."""

from providers.protocol import Allowance, Quota
from providers.sizes import Sizes

__all__ = ["Pace", "Rate"]

BURST_SECONDS = 0.2
"""What may be sent at once after a lull. It makes up for an event loop that wakes up late."""
CUT_TO = 0.8
"""Of the last good rate, after too many refusals."""
CLIMB_SECONDS = 20.0
"""Until the last good rate is reached again."""
RISE = 0.1
"""Twice so much more than the last good rate is tried after as long again."""
CLIMB_CALLS = 150.0
"""A climb takes at least so many calls: a slow pace is not cut every few calls."""
LONGEST_CLIMB_SECONDS = 120.0
LINGERED = 1.4
"""Of a climb: when it goes up again."""
METER_SECONDS = 2.0
"""A pace is measured over one to two of these."""


class Rate:
    """A steady rate (the generic cell rate algorithm: one time stamp instead of a bucket).

    `aiolimiter` has the same arithmetic, but not for us: its rates cannot change, it refuses an
    amount above its burst, serves small amounts before large ones and newcomers before those
    that wait, and waiting for several of them would take from one while another says no.
    """

    __slots__ = ("_paid_until", "per_second")

    def __init__(self, per_second: float, paid_until: float = float("-inf")) -> None:
        self.per_second = per_second
        self._paid_until = paid_until

    def ready_at(self, amount: float) -> float:
        """Return when so much may be sent: it is paid for in advance.

        Whoever fills a bucket at this rate has then always enough in it, however large the amount.
        """
        return self._paid_until + amount / self.per_second

    def take(self, amount: float, now: float) -> None:
        seconds = amount / self.per_second
        saved = max(BURST_SECONDS, seconds)
        self._paid_until = max(self._paid_until, now - saved) + seconds


class Pace:
    """The rates that one provider and model are asked at, in requests and in tokens."""

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._requests = _Known(requests_per_minute)
        self._tokens = _Known(tokens_per_minute)
        self._learned: _Climb | None = None
        self._before_cut: _Climb | None = None
        self._answered = _Meter()
        self._sizes = Sizes()

    @property
    def requests_per_minute(self) -> float | None:
        return _least(self._requests.per_minute, self._learned_per_minute(1.0))

    @property
    def tokens_per_minute(self) -> float | None:
        return _least(self._tokens.per_minute, self._learned_per_minute(self._sizes.usual))

    def _learned_per_minute(self, usual: float) -> float | None:
        return self._learned.rate.per_second * usual * 60 if self._learned and usual else None

    def ready_at(self, tokens: int) -> float:
        """Return when a call of so many tokens may be sent."""
        ready_at = float("-inf")
        if (rate := self._requests.rate) is not None:
            ready_at = rate.ready_at(1)
        if tokens and (rate := self._tokens.rate) is not None:
            ready_at = max(ready_at, rate.ready_at(tokens))
        if (learned := self._learned) is not None:
            ready_at = max(ready_at, learned.rate.ready_at(self._sizes.cost(tokens)))
        return ready_at

    def take(self, tokens: int, now: float) -> None:
        """Count a call as sent."""
        if (rate := self._requests.rate) is not None:
            rate.take(1, now)
        if tokens:
            self._sizes.seen(tokens)
            if (rate := self._tokens.rate) is not None:
                rate.take(tokens, now)
        if (learned := self._learned) is not None:
            learned.rate.take(self._sizes.cost(tokens), now)

    def heed(self, allowance: Allowance) -> None:
        """Keep to what the vendor tells."""
        self._requests.heed(allowance.requests)
        self._tokens.heed(allowance.tokens)

    def answered(self, now: float, *, held_back: bool) -> None:
        """Count an answer, and go a little faster if calls were held back."""
        self._answered.count(now)
        if self._learned is not None:
            self._learned.climb(now, held_back=held_back)

    @property
    def is_learned(self) -> bool:
        return self._learned is not None

    def restore(self) -> None:
        """Take the last cut back: what was learned before it is not too fast."""
        self._learned = self._before_cut
        if self._learned is not None:
            self._learned.look_for_more()

    def refused(self, tokens: int) -> None:
        """Count a rate limit."""
        if tokens:
            self._sizes.refused(tokens)

    def cut(self, share: float, now: float) -> None:
        """Learn from a share of refusals what is too fast."""
        self._before_cut = self._learned
        answered = self._answered.per_second(now)
        if self._learned is None:
            good = answered
        else:
            good = self._learned.rate.per_second * (1 - share)
            # Calls may be slower than their pace, for want of places or of work.
            good = min(good, 1.25 * answered) if answered else good
        if good is not None:
            self._learned = _Climb(good, now)


def _least(*rates: float | None) -> float | None:
    return min((rate for rate in rates if rate is not None), default=None)


class _Known:
    """A rate that was configured, or that the vendor tells of."""

    __slots__ = ("_configured", "rate")

    def __init__(self, per_minute: float | None) -> None:
        self._configured = per_minute
        self.rate = None if per_minute is None else Rate(per_minute / 60)

    @property
    def per_minute(self) -> float | None:
        return None if self.rate is None else self.rate.per_second * 60

    def heed(self, quota: Quota | None) -> None:
        if quota is None or not quota.limit:
            return
        per_minute = quota.limit * _eased(quota)
        if self._configured is not None:
            per_minute = min(per_minute, self._configured)
        if self.rate is None:
            self.rate = Rate(per_minute / 60)
        else:
            self.rate.per_second = per_minute / 60


def _eased(quota: Quota) -> float:
    """Return the share of a limit to use: the less the less is left, for others may use it too."""
    if quota.remaining is None or quota.reset_seconds is None:
        return 0.97
    missing = quota.reset_seconds * (quota.limit or 0) / 60
    left = quota.remaining / (quota.remaining + missing) if missing else 1.0
    return 0.8 + 0.2 * min(1.0, 2 * left)


class _Climb:
    """A rate that returns to the last good one, lingers there, and then looks for more (cubic)."""

    __slots__ = ("_age", "_at", "_good", "_seconds", "rate")

    def __init__(self, good: float, now: float) -> None:
        self._good = good
        self._seconds = min(max(CLIMB_SECONDS, CLIMB_CALLS / good), LONGEST_CLIMB_SECONDS)
        self._age = 0.0
        self._at = now
        # No burst at first: what was overdrawn has to be paid back.
        self.rate = Rate(good * CUT_TO, paid_until=now)

    def look_for_more(self) -> None:
        self._age = max(self._age, LINGERED * self._seconds)

    def climb(self, now: float, *, held_back: bool) -> None:
        if held_back:
            self._age += now - self._at
            x = self._age / self._seconds - 1
            change = (1 - CUT_TO) * x**3 if x < 0 else RISE * (x**3 + x**5)
            self.rate.per_second = self._good * (1 + change)
        self._at = now


class _Meter:
    """How many answers came per second, over the last two to four seconds."""

    __slots__ = ("_before", "_count", "_since")

    def __init__(self) -> None:
        self._since: float | None = None
        self._before: float | None = None
        self._count = 0

    def count(self, now: float) -> None:
        if self._since is None or now - self._since > 2 * METER_SECONDS:
            # The first, or the first after a lull: that says nothing of what could be.
            self._since, self._count, self._before = now, 0, None
        elif now - self._since >= METER_SECONDS:
            self._before = self._count / (now - self._since)
            self._since, self._count = now, 0
        self._count += 1

    def per_second(self, now: float) -> float | None:
        """Return None until it is known."""
        if self._since is None or self._before is None:
            return None
        elapsed = now - self._since
        return (self._before * METER_SECONDS + self._count) / (METER_SECONDS + elapsed)
