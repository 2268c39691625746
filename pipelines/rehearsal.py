"""The reply that a pipeline rehearses for a unit: a run without a model still makes sense."""

import hashlib
from collections.abc import Mapping
from random import Random
from typing import Any

from jinja2 import TemplateNotFound

from pipelines.model import Pipeline, Step
from pipelines.prompts import Prompt
from pipelines.templates import environment, render
from pipelines.verdicts import Unit

__all__ = ["FOLDER", "NAMES", "rehearse", "rehearses"]

FOLDER = "rehearsal"
NAMES = frozenset({"attempt", "prompt", "random", "round", "seed"})
"""What a rehearsal knows beside the unit and the global context."""
ATTEMPTS_APART = 1000
"""More than a round has askings."""


def rehearses(pipeline: Pipeline, step: Step) -> bool:
    """Say whether the pipeline has rehearsed replies for a step."""
    return (pipeline.folder / FOLDER / f"{step.name}.jinja2").is_file()


def rehearse(
    pipeline: Pipeline,
    step: Step,
    unit: Unit,
    *,
    prompt: Prompt,
    attempt: int,
    round_number: int,
    computed: Mapping[str, Any],
) -> str | None:
    """Return the rehearsed reply to an asking, or None when the step has no rehearsal.

    The template knows the unit's fields, what is `computed` of it, `round` (1 until a later step
    sends the unit back), `attempt` in this round, `prompt`, `seed` (the unit's own, the same at
    every attempt) and `random` (seeded by unit, round and attempt): the same asking gets the same
    reply.

    Raises:
        TemplateError: the rehearsal cannot be rendered for this unit.
    """
    try:
        template = environment(pipeline.folder / FOLDER).get_template(f"{step.name}.jinja2")
    except TemplateNotFound:
        return None
    seed = _seed(unit["unit_id"], step.name)
    context: dict[str, Any] = {
        **pipeline.defaults,
        **unit,
        **computed,
        **pipeline.global_context,
        "round": round_number,
        "attempt": attempt,
        "prompt": {"system": prompt.system, "turns": prompt.turns},
        "seed": seed,
        "random": Random(seed + attempt + ATTEMPTS_APART * (round_number - 1)),  # noqa: S311 - a rehearsal is no secret
    }
    return render(template, context).strip()


def _seed(unit_id: str, step: str) -> int:
    digest = hashlib.sha256(f"{step}\0{unit_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big")
