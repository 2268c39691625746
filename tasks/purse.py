"""A run's money: reserved before a call is sent, settled when its bill is known."""

import asyncio
from collections import deque
from decimal import Decimal

from tasks.errors import CapReached

__all__ = ["Purse"]

ZERO = Decimal(0)


class Purse:
    """What a run may spend. What is spent and reserved together never exceeds the cap.

    A call is sent only once the most that it can cost is reserved. When that does not fit it waits
    for calls in flight, which mostly cost less than was reserved for them. It belongs to one event
    loop.
    """

    def __init__(
        self,
        cap_usd: Decimal | None = None,
        spent_usd: Decimal = ZERO,
        *,
        reserved_usd: Decimal = ZERO,
    ) -> None:
        """Open a purse.

        Args:
            cap_usd: The most that may be spent, by earlier holders of the run too; None: any sum.
            spent_usd: What those have spent, or may have.
            reserved_usd: What is set aside for batches that they have handed in.
        """
        self.cap_usd = cap_usd
        self.spent_usd = spent_usd
        self.reserved_usd = reserved_usd
        self._queue: deque[tuple[Decimal, asyncio.Future[None]]] = deque()

    async def reserve(self, most_usd: Decimal) -> None:
        """Return when so much is set aside.

        Raises:
            CapReached: it does not fit, and nothing in flight can make room for it.
        """
        if not self._queue and self._fits(most_usd):
            self.reserved_usd += most_usd
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((most_usd, place))
        self._serve()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.settle(most_usd, ZERO)  # given and cancelled in the same breath
            raise

    def take(self, most_usd: Decimal) -> bool:
        """Set so much aside at once; False if it has to wait for what is in flight.

        Raises:
            CapReached: it does not fit, and nothing in flight can make room for it.
        """
        if self._fits(most_usd):
            self.reserved_usd += most_usd
            return True
        if self.reserved_usd > ZERO:
            return False
        raise self._reached(most_usd)

    def settle(self, most_usd: Decimal, spent_usd: Decimal) -> None:
        """Give back a reservation, less what was spent of it; nothing, if it was never sent."""
        self.reserved_usd -= most_usd
        self.spent_usd += spent_usd
        self._serve()

    def _fits(self, usd: Decimal) -> bool:
        return self.cap_usd is None or self.spent_usd + self.reserved_usd + usd <= self.cap_usd

    def _serve(self) -> None:
        """Let those who wait have what they wait for, in order; or tell all that it is over."""
        while self._queue:
            most_usd, place = self._queue[0]
            if place.done():  # cancelled
                self._queue.popleft()
            elif self._fits(most_usd):
                self._queue.popleft()
                self.reserved_usd += most_usd
                place.set_result(None)
            elif self.reserved_usd > ZERO:
                return
            else:
                self._queue.popleft()
                place.set_exception(self._reached(most_usd))

    def _reached(self, most_usd: Decimal) -> CapReached:
        return CapReached(
            f"${self.spent_usd:.4f} of at most ${self.cap_usd} are spent, and the next call may "
            f"cost ${most_usd:.4f}"
        )
