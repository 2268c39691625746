"""The clock that the life of batches runs on: it can be fast, and it can be stepped."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat

__all__ = ["Clock", "Move", "Pace"]


class Pace(BaseModel):
    """Where the clock stood at a moment of the wall's, and how fast it has run since."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wall: float = 0.0
    """Seconds since 1970, as all times here."""
    emulated: float = 0.0
    rate: PositiveFloat = 1.0
    """Emulated seconds in a second."""

    def at(self, wall: float) -> float:
        # A wall clock may be set back. This one never is.
        return self.emulated + self.rate * max(0.0, wall - self.wall)


class Move(BaseModel):
    """An order to the clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: NonNegativeFloat = 0.0
    """Seconds to go forward at once."""
    rate: PositiveFloat | None = None
    """None: as before."""


class Clock:
    """Tells the emulated time. What it does outlives the process: `keep` is told of each change."""

    def __init__(
        self, wall: Callable[[], float], pace: Pace, keep: Callable[[Pace], None] = lambda _: None
    ) -> None:
        self.wall = wall
        self._pace = pace
        self._keep = keep

    @property
    def rate(self) -> float:
        return self._pace.rate

    def now(self) -> float:
        return self._pace.at(self.wall())

    def move(self, *, step: float = 0.0, rate: float | None = None) -> None:
        """Go forward at once, and from then on at another rate."""
        wall = self.wall()
        pace = {"wall": wall, "emulated": self._pace.at(wall) + step, "rate": rate or self.rate}
        self._set(Pace.model_validate(pace))

    def reset(self) -> None:
        self._set(Pace())

    def _set(self, pace: Pace) -> None:
        self._keep(pace)
        self._pace = pace
