"""Whether the provider refuses calls because we send too many."""

from enum import Enum, auto

__all__ = ["Refusals", "Sign"]

TOLERATED = 0.02
"""A share of refusals that is no sign of anything."""
ALARM = 3.0
"""So many refusals more than are tolerated are a sign."""
WARIER = 30.0
"""Where a share is given, so many times as many more: chance makes clusters."""
MOST_SCATTERED = 0.12
"""No larger share of refusals is taken for chance."""
PROOF = 8.0
"""A trial ends when so many refusals would have come if it were useless."""
FEW_CALLS = 40
"""So many more calls, none of them refused, are supposed when a share is estimated."""
SETTLING_CALLS = 10
"""What comes of the first calls after a cut is not held against it: nothing is saved up yet."""
FORGET_CALLS = 400
"""About so many calls say what share is usual, and twice as many what share is given."""
MOST_TRUST = 6400
"""A given share that is found again and again is questioned more and more rarely."""
GENEROUS = 1.7
"""What is given is that many times what was seen, for chance varies."""


class Sign(Enum):
    TOO_FAST = auto()
    """Cut: more calls are refused than by chance."""
    IN_VAIN = auto()
    """The last cut changed nothing: take it back."""


class Refusals:
    """Tells refusals that follow our load from those that come whatever we do.

    A cut is a trial. If the share of refusals is much the same after it, a slower pace is no
    remedy: the share is taken as given, and only more than that is a sign. The calls between two
    cuts are an episode; what comes of calls of an earlier one says nothing about this one.
    """

    def __init__(self) -> None:
        self.episode = 0
        self._given = 0.0
        self._given_for = 0
        """So many calls; then the question is asked again."""
        self._trust = FORGET_CALLS
        self._usual = 0.0
        self._begin()
        self._trial: float | None = None

    @property
    def trying(self) -> bool:
        """Return whether it is not known yet if the last cut is of use."""
        return self._trial is not None

    def _begin(self) -> None:
        self._calm_down()
        self._sent = self._answered = self._accepted = self._refused = 0

    def _calm_down(self) -> None:
        self._score = 0.0
        self._run_sent = self._run_refused = 0

    @property
    def share(self) -> float:
        """Return how many of the calls were refused since it became suspicious.

        A handful of refusals in a row is not taken for all that there is.
        """
        return min(1.0, self._run_refused / (self._run_sent + FEW_CALLS))

    def sent(self) -> int:
        """Count a call; return its episode."""
        self._sent += 1
        self._usual -= self._usual / FORGET_CALLS
        # Sums up (CUSUM) how many more are refused than tolerated. It counts calls when they are
        # sent, for refusals are faster than answers.
        self._score -= self._given + TOLERATED
        self._run_sent += 1
        self._given_for -= 1
        if self._given_for == 0:
            self._given = 0.0
        if self._score <= 0:
            self._calm_down()
        return self.episode

    def answered(self, episode: int) -> Sign | None:
        if episode != self.episode:
            return None
        self._accepted += 1
        self._answered += 1
        return self._conclude()

    def refused(self, episode: int) -> Sign | None:
        self._usual += 1 / FORGET_CALLS
        if episode != self.episode:
            return None
        if self._sent > SETTLING_CALLS:
            self._refused += 1
            self._answered += 1
        self._score += 1
        self._run_refused += 1
        alarm = ALARM + WARIER * self._given
        if self._score >= alarm and (not self.trying or self.share > MOST_SCATTERED):
            if self._accepted:
                return Sign.TOO_FAST
            # Who refuses everything says nothing of our pace.
            self._calm_down()
        return self._conclude()

    def cut(self) -> None:
        """Begin an episode: fewer calls are sent from now on."""
        share = self.share
        # A limit that refuses this share is kept to after the cut: no refusal will be left. Chance
        # goes on as before, and that is less than what raised the alarm.
        self._trial = max(share / 2, min(share, self._usual)) if share <= MOST_SCATTERED else None
        self.episode += 1
        self._begin()

    def _conclude(self) -> Sign | None:
        """End the trial when it has said enough."""
        if self._trial is None:
            self._given = min(self._given, GENEROUS * self._usual)
            return None
        expected = self._answered * self._trial
        if expected < PROOF and (self._refused or expected < PROOF / 2):
            return None
        useless = self._sent * MOST_SCATTERED >= self._refused >= expected / 2
        self._given = min(MOST_SCATTERED, GENEROUS * self._refused / self._answered)
        self._usual = max(self._usual, self._given / GENEROUS)
        self._trust = min(2 * self._trust, MOST_TRUST) if useless else FORGET_CALLS
        self._given_for = self._trust
        self._trial = None
        self._score = 0.0
        return Sign.IN_VAIN if useless else None
