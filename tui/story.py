"""The whole story of one unit, read on demand: what it was, what was asked, what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from runs import RunPaths, RunState, dumps, is_retry, loads
from runs.attempts import Attempt, decode
from tui.clean import clean
from tui.replies import said_in

__all__ = ["Asking", "StepStory", "Story", "Trouble", "Verdict", "story"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a reply, and where in it."""

    path: str
    """`$` for the whole."""
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a unit did not pass a step, in one of its rounds."""

    round: int
    attempt: int
    stage: str
    """The class of the failure."""
    errors: tuple[Trouble, ...]
    sent_back_to: str | None
    """The step that it went back to; None when it failed for good."""
    reply: str | None


@dataclass(frozen=True, slots=True)
class Asking:
    """One call about a unit, and what came back."""

    round: int
    attempt: int
    at: datetime
    seconds: float
    lane: str
    provider: str
    model: str
    batch: str | None
    usage: Mapping[str, int] | None
    cost_usd: Decimal | None
    """None when no price is known."""
    possible_usd: Decimal | None
    """Of a call that was never answered: the most that it may have cost."""
    reply: str | None
    """The model's own words; None if the body has none that is known."""
    body: str | None
    """What its vendor sent, as JSON over many lines."""
    error: str | None
    """Why there is no usable reply."""


@dataclass(frozen=True, slots=True)
class StepStory:
    """A unit at one step."""

    step: str
    askings: tuple[Asking, ...]
    verdicts: tuple[Verdict, ...]
    """Of the rounds in which it did not pass, the oldest first."""
    entered: Mapping[str, Any] | None
    """Its fields as it came here; None if it did not."""
    left: Mapping[str, Any] | None
    """Its fields as it went on; None if it did not."""


@dataclass(frozen=True, slots=True)
class Story:
    """A unit from its input to its end, as far as it has come.

    Texts are clean; only fields are as they stand on disk, for a prompt is rendered of them:
    whoever shows them cleans them.
    """

    unit_id: str
    chunk: str
    steps: tuple[StepStory, ...]

    @property
    def fields(self) -> Mapping[str, Any]:
        """Return all that is known of it: its fields as far as it has come."""
        known = (fields for step in self.steps for fields in (step.entered, step.left) if fields)
        return dict(list(known)[-1]) if any(s.entered for s in self.steps) else {}

    @property
    def cost_usd(self) -> Decimal | None:
        """Return what it has cost; None when a price is unknown."""
        costs = [a.cost_usd for step in self.steps for a in step.askings if a.error is None]
        return None if None in costs else sum((c for c in costs if c is not None), Decimal(0))


def story(run: RunPaths, state: RunState, chunk: str, unit_id: str) -> Story:
    """Return the story of a unit that is in `chunk` now; lines that are torn are left out.

    Raises:
        OSError: a file cannot be read.
    """
    chunks = [chunk]
    while is_retry(chunks[0]):
        chunks.insert(0, chunks[0].rpartition("_retry_")[0])
    steps: list[StepStory] = []
    entered = _last(_rows(run.chunk(chunk).input, unit_id))
    first, here = state.chunks[chunk].first, False
    for spec in state.steps:
        step = spec.name
        here = here or step == first
        left = _last(_rows(run.chunk(chunk).validated(step), unit_id)) if here else None
        lines = [line for name in chunks for line in _lines(run.chunk(name).results(step), unit_id)]
        verdicts = [
            _verdict(record, back)
            for name in chunks
            for path, back in (
                (run.chunk(name).returned(step), spec.retry_step),
                (run.chunk(name).failures(step), None),
            )
            for record in _rows(path, unit_id)
        ]
        steps.append(
            StepStory(
                step, tuple(_askings(lines)), tuple(verdicts), entered if here else None, left
            )
        )
        entered = left if here else entered
    return Story(clean(unit_id), chunk, tuple(steps))


def _lines(path: Path, unit_id: str) -> Iterator[bytes]:
    """Yield the whole lines about a unit; its id is the first field of every line."""
    if not path.exists():
        return
    beginning = b'{"unit_id":' + dumps(unit_id)
    with path.open("rb") as lines:
        for line in lines:
            if line.startswith(beginning) and line.endswith(b"\n"):
                yield line


def _rows(path: Path, unit_id: str) -> Iterator[Mapping[str, Any]]:
    for line in _lines(path, unit_id):
        try:
            yield loads(line)
        except ValueError:
            continue


def _last(rows: Iterator[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next(reversed(list(rows)), None)


def _askings(lines: Sequence[bytes]) -> Iterator[Asking]:
    for line in lines:
        try:
            yield _asking(decode(line))
        except ValueError:
            continue


def _asking(attempt: Attempt) -> Asking:
    told = attempt.error
    error = None if told is None else f"{told.get('class')}: {told.get('message')}"
    return Asking(
        round=attempt.round,
        attempt=attempt.attempt,
        at=attempt.at,
        seconds=attempt.seconds,
        lane=attempt.lane,
        provider=clean(attempt.provider),
        model=clean(attempt.model),
        batch=attempt.batch,
        usage=attempt.usage,
        cost_usd=attempt.cost_usd,
        possible_usd=attempt.possible_usd,
        reply=_shown(attempt.raw and said_in(attempt.raw)),
        body=_shown(attempt.raw and _pretty(attempt.raw)),
        error=_shown(error),
    )


def _pretty(body: bytes) -> str:
    try:
        return dumps(loads(body), pretty=True).decode("utf-8", "replace")
    except ValueError:
        return body.decode("utf-8", "replace")


def _verdict(record: Mapping[str, Any], sent_back_to: str | None) -> Verdict:
    reply = record.get("raw_response")
    return Verdict(
        round=record["round"],
        attempt=record["attempt"],
        stage=clean(record["failure_stage"]),
        errors=tuple(
            Trouble(clean(error["path"]), clean(error["rule"]), clean(error["message"], lines=True))
            for error in record["errors"]
        ),
        sent_back_to=sent_back_to,
        reply=_shown(reply if reply is None else str(reply)),
    )


def _shown(text: str | bytes | None) -> str | None:
    """Return a text as it is shown; None if there is none."""
    return clean(text, lines=True) if isinstance(text, str) else None
