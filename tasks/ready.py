"""See that a run can be paid for and answered before anything of it is written."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from pipelines import Launch, Pipeline
from providers import local
from providers.connect import connect
from providers.preflight import preflight
from tasks.choose import check_priced, choose, settle_choice

__all__ = ["make_ready"]


class _Line(NamedTuple):
    provider: str
    model: str
    base_url: str | None


def make_ready(pipeline: Pipeline, launch: Launch) -> None:
    """Choose who answers each step, and ask each of them for one word, unless nobody is paid.

    Raises:
        NoProvider, UnknownProvider: a step that nobody answers.
        NoPrice: a cap on what is spent, and a model whose price is unknown.
        MissingKey, BadAddress: set the variable, correct the address, or emulate.
        Misconfigured: the provider refuses the key, the account or the model; or no local model.
        Unreachable: there is nobody at the address.
    """
    lines: set[_Line] = set()
    for step in pipeline.asking:
        asked = choose(pipeline, step, launch)
        choice = settle_choice(pipeline, step, asked, base_url=None, at=datetime.now(UTC))
        if launch.max_cost is not None:
            check_priced(choice, launch.mode)
        lines.add(_Line(choice.provider, choice.model, choice.base_url))
    if launch.local is not None:
        local.check(launch.gguf)
    elif not launch.emulate:
        asyncio.run(_ask_each(sorted(lines, key=str)))


async def _ask_each(lines: Iterable[_Line]) -> None:
    for line in lines:
        live = connect(line.provider, base_url=line.base_url)
        try:
            await preflight(live, line.model)
        finally:
            await live.close()
