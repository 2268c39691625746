"""What a call costs of a rate limit that nobody names: is it one of requests, or of tokens?"""

__all__ = ["Sizes"]

SEEN_CALLS = 100
"""About so many calls say what is usual."""
REFUSED_CALLS = 64
DOUBT = 3.0
"""Of how much evidence the first guess, half and half, is worth."""


class Sizes:
    """How large calls are, and whether it is the large ones that are refused.

    A limit of requests refuses calls of any size alike. One of tokens refuses them in proportion
    to their size, which makes the usual refused call larger than the usual call, by the square of
    the coefficient of variation. In doubt the cost is half and half: neither is far off then.
    """

    __slots__ = ("_excess", "_expected", "_squares", "usual")

    def __init__(self) -> None:
        self.usual = 0.0
        self._squares = 0.0
        self._excess = 0.0
        self._expected = 0.0

    def seen(self, tokens: int) -> None:
        if not self.usual:
            self.usual, self._squares = float(tokens), float(tokens * tokens)
        self.usual += (tokens - self.usual) / SEEN_CALLS
        self._squares += (tokens * tokens - self._squares) / SEEN_CALLS

    def refused(self, tokens: int) -> None:
        keep = 1 - 1 / REFUSED_CALLS
        self._excess = self._excess * keep + tokens / self.usual - 1
        self._expected = self._expected * keep + self._squares / self.usual**2 - 1

    @property
    def weight(self) -> float:
        """Return how much it is a matter of tokens, from 0 to 1."""
        weight = (self._excess + DOUBT / 2) / (self._expected + DOUBT)
        return min(1.0, max(0.0, weight))

    def cost(self, tokens: int) -> float:
        """Return what a call costs, where the usual one costs 1."""
        if not tokens or not self.usual:
            return 1.0
        return 1 + self.weight * (tokens / self.usual - 1)
