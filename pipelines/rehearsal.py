"""The reply that a pipeline rehearses for a unit: a run without a model still makes sense."""

import hashlib
from random import Random
from typing import Any

from jinja2 import TemplateNotFound

from pipelines.model import Pipeline, Step
from pipelines.prompts import Prompt
from pipelines.templates import environment, render
from pipelines.verdicts import Unit

__all__ = ["FOLDER", "NAMES", "rehearse", "rehearses"]

FOLDER = "rehearsal"
NAMES = frozenset({"attempt", "prompt", "random", "seed"})
"""What a rehearsal knows beside the unit and the global context."""


def rehearses(pipeline: Pipeline, step: Step) -> bool:
    """Say whether the pipeline has rehearsed replies for a step."""
    return (pipeline.folder / FOLDER / f"{step.name}.jinja2").is_file()


def rehearse(
    pipeline: Pipeline, step: Step, unit: Unit, *, attempt: int, prompt: Prompt
) -> str | None:
    """Return the rehearsed reply to an asking, or None when the step has no rehearsal.

    The template knows the unit's fields, `attempt`, `prompt`, `seed` (the unit's own, the same at
    every attempt) and `random` (seeded by unit and attempt): the same asking gets the same reply.

    Raises:
        TemplateError: the rehearsal cannot be rendered for this unit.
    """
    try:
        template = environment(pipeline.folder / FOLDER).get_template(f"{step.name}.jinja2")
    except TemplateNotFound:
        return None
    seed = _seed(unit["unit_id"], step.name)
    context: dict[str, Any] = {
        **unit,
        **pipeline.global_context,
        "attempt": attempt,
        "prompt": {"system": prompt.system, "turns": prompt.turns},
        "seed": seed,
        "random": Random(seed + attempt),  # noqa: S311 - a rehearsal is no secret
    }
    return render(template, context).strip()


def _seed(unit_id: str, step: str) -> int:
    digest = hashlib.sha256(f"{step}\0{unit_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big")
