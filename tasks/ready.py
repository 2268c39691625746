"""See that a run can be paid for and answered before anything of it is written."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from pipelines import Launch, Pipeline
from providers import local
from providers.connect import connect, key_for
from providers.keys import Keys
from providers.preflight import preflight
from tasks.choose import check_priced, choose, settle_choice

__all__ = ["Line", "check_ready", "lines_of", "make_ready"]


class Line(NamedTuple):
    """Who answers a step, and where; None is the provider's own address."""

    provider: str
    model: str
    base_url: str | None


def lines_of(pipeline: Pipeline, launch: Launch) -> frozenset[Line]:
    """Return who answers the steps that ask.

    Raises:
        NoProvider, UnknownProvider: a step that nobody answers.
        NoPrice: a cap on what is spent, and a model whose price is unknown.
    """
    lines: set[Line] = set()
    for step in pipeline.asking:
        asked = choose(pipeline, step, launch)
        choice = settle_choice(pipeline, step, asked, base_url=None, at=datetime.now(UTC))
        if launch.max_cost is not None:
            check_priced(choice, launch.mode)
        lines.add(Line(choice.provider, choice.model, choice.base_url))
    return frozenset(lines)


def check_ready(lines: Iterable[Line], launch: Launch, kept: Keys | None) -> None:
    """See, without asking anybody, that whoever answers can be asked.

    Raises:
        MissingKey: there is none, neither in the environment nor among those kept elsewhere.
        Misconfigured: no local model.
    """
    if launch.local is not None:
        local.check(launch.gguf)
    elif not launch.emulate:
        for line in lines:
            key_for(line.provider, line.base_url, kept)


def make_ready(pipeline: Pipeline, launch: Launch) -> None:
    """Choose who answers each step, and ask each of them for one word, unless nobody is paid.

    Raises:
        NoProvider, UnknownProvider, NoPrice: see `lines_of`.
        MissingKey, BadAddress: set the variable, correct the address, or emulate.
        Misconfigured: the provider refuses the key, the account or the model; or no local model.
        Unreachable: there is nobody at the address.
    """
    lines = lines_of(pipeline, launch)
    if launch.local is not None:
        local.check(launch.gguf)
    elif not launch.emulate:
        asyncio.run(_ask_each(sorted(lines, key=str)))


async def _ask_each(lines: Iterable[Line]) -> None:
    for line in lines:
        live = connect(line.provider, base_url=line.base_url)
        try:
            await preflight(live, line.model)
        finally:
            await live.close()
