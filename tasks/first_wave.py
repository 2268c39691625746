"""How the first replies of a run fare: one that mostly fails stops before it has spent much."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines import Error, Passed
from tasks.withholding import FOR_EXAMPLE
from tasks.work import Due, Failed

__all__ = ["LEAST_SHARE", "Broken", "FirstWave"]

LEAST_SHARE = 0.5
"""Of first replies that pass, unless the pipeline or the launch says otherwise."""
ENOUGH = 50
"""Replies after which a share says something."""
TOP = 3
MOST_CHARACTERS = 120


class Broken:
    """Rules that were broken: how often each, with an example. It grows with the rules only."""

    def __init__(self, errors: Iterable[Error] = ()) -> None:
        self._often: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self.add(errors)

    def add(self, errors: Iterable[Error]) -> None:
        """Take some more."""
        for error in errors:
            self._often[error.rule] += 1
            self._examples.setdefault(error.rule, _short(error.message))

    def __str__(self) -> str:
        most = self._often.most_common(TOP)
        counted = ", ".join(f"{number} x {rule}" for rule, number in most)
        return counted + FOR_EXAMPLE + "; ".join(self._examples[rule] for rule, _ in most)


@dataclass(slots=True)
class _Seen:
    judged: int = 0
    passed: int = 0
    broken: Broken = field(default_factory=Broken)


@dataclass(slots=True)
class FirstWave:
    """Counts the first replies at each step of a run, and those that pass."""

    least: float
    """The share of them that must pass, 0 to 1."""
    _steps: dict[str, _Seen] = field(default_factory=dict[str, _Seen])
    _judging: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _judged: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Chunk-steps that have counted: in batches a chunk is judged again at each collection."""

    def note(self, step: str, chunk: str, due: Due, number: int, verdict: Passed | Failed) -> None:
        """Take what the n-th reply of a unit is worth; only the first ever counts."""
        if number > 1 or due.round > 1 or (step, chunk) in self._judged:
            return
        self._judging.add((step, chunk))
        seen = self._steps.setdefault(step, _Seen())
        seen.judged += 1
        if isinstance(verdict, Failed):
            seen.broken.add(verdict.errors[:1])
        else:
            seen.passed += 1

    def close(self, step: str, chunk: str) -> None:
        """Take the replies of a chunk-step that there are as counted."""
        if (step, chunk) in self._judging:
            self._judging.remove((step, chunk))
            self._judged.add((step, chunk))

    def trouble(self, step: str) -> str | None:
        """Return in words why the run should stop; None when it need not."""
        seen = self._steps.get(step)
        if seen is None or seen.judged < ENOUGH or seen.passed >= self.least * seen.judged:
            return None
        return (
            f"{seen.passed} of the first {seen.judged} replies of {step} pass, "
            f"at least {self.least:.0%} should: {seen.broken}"
        )


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
