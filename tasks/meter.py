"""How much a step's calls take: at most, for money; as a rule, for the limiter."""

from dataclasses import dataclass
from decimal import Decimal

from providers.neutral import Usage
from providers.prices import Rate

__all__ = ["USUAL_BYTES_PER_TOKEN", "USUAL_REPLY_TOKENS", "Meter"]

BYTES_PER_TOKEN = 2
"""No text of a vendor's takes more tokens than one for two bytes of a request, framing included."""
LESSONS = 100
"""Replies after which what was seen counts more than what is feared."""
MARGIN = 1.25
"""How much more than the most that was seen is still feared."""
USUAL_BYTES_PER_TOKEN = 4
USUAL_REPLY_TOKENS = 300


@dataclass(slots=True)
class Meter:
    """Learns from each reply what the next may take. One per step, provider and model."""

    rate: Rate | None
    """None when the price is unknown."""
    replies: int = 0
    _sent_bytes: int = 0
    _input: int = 0
    _output: int = 0
    _densest: float = 0.0
    """The most tokens per byte of a request that a reply has counted."""

    def most_usd(self, size_bytes: int, max_tokens: int) -> Decimal | None:
        """Return an upper bound of what a request costs; None when the price is unknown."""
        if self.rate is None:
            return None
        read = self._most_input(size_bytes)
        # What is read may be written to a cache as well, unasked, at a price of its own.
        written = read if self.rate.cache_write > self.rate.input else 0
        return self.rate.cost(Usage(read, 0, written, output=max_tokens, reasoning=0))

    def expected_tokens(self, size_bytes: int, max_tokens: int) -> int:
        """Return about how many tokens a call will take, both ways."""
        read = self.prompt_tokens(size_bytes)
        if not self.replies:
            return read + min(max_tokens, USUAL_REPLY_TOKENS)
        return round(read + self._output / self.replies)

    def prompt_tokens(self, size_bytes: int) -> int:
        """Return about how many tokens of a call are read."""
        if not self.replies:
            return size_bytes // USUAL_BYTES_PER_TOKEN
        return round(size_bytes * self._input / max(1, self._sent_bytes))

    def learn(self, size_bytes: int, usage: Usage) -> None:
        """Take a reply's count into account."""
        self.replies += 1
        self._sent_bytes += size_bytes
        self._input += usage.input
        self._output += usage.output
        self._densest = max(self._densest, usage.input / max(1, size_bytes))

    def _most_input(self, size_bytes: int) -> int:
        feared = -(-size_bytes // BYTES_PER_TOKEN)
        if self.replies < LESSONS:
            return feared
        return min(feared, round(size_bytes * self._densest * MARGIN) + 1)
