"""Check where a pipeline's units come from, and learn which fields they have."""

import math
from collections import Counter
from pathlib import Path

from pipelines.errors import PipelineError, Problem
from pipelines.fields import Field
from pipelines.folder import inside
from pipelines.items import format_of, groups, items, unknown_format
from pipelines.model import Pipeline, Strategy
from pipelines.nearest import did_you_mean
from pipelines.report import Report
from pipelines.units import units

__all__ = ["check_items", "doubt_size", "unit_fields"]

SAMPLE = 10_000
"""How many units are looked at to learn their fields: a name that none of so many has is a typo."""
MANY = 1_000_000
"""Units that a combination of lists is thought to make by oversight."""
_REPEATED: tuple[str, ...] = ("_repetition_id", "_repetition_seed")


def check_items(pipeline: Pipeline, report: Report) -> bool:
    """Report what is wrong with where items are and how they are combined; say if nothing is."""
    before = len(report.problems)
    _items_source(pipeline, report)
    _positions(pipeline, report)
    return len(report.problems) == before


def _items_source(pipeline: Pipeline, report: Report) -> None:
    """The items named at the start may be anywhere; the pipeline's own lie in its folder."""
    path, name = pipeline.items, pipeline.items_source
    if path is None:
        return
    if pipeline.own_items and name and inside(pipeline.folder, name) is None:
        message = f"items_source {name!r} leads out of the pipeline's folder"
        report.wrong(("items_source",), f"{message}; put it there, or say it at the run: --items")
    elif format_of(path) is None:
        _wrong(pipeline, path, unknown_format(path), report)
    elif not path.is_file():
        there = [file.name for file in path.parent.glob("*") if file.is_file()]
        near = did_you_mean(path.name, there) or "; make it, or correct the name"
        _wrong(pipeline, path, f"there is no {path.name!r}{near}", report)


def _wrong(pipeline: Pipeline, path: Path, message: str, report: Report) -> None:
    if pipeline.own_items:
        report.wrong(("items_source",), message)
    else:
        report.wrong_file(path, None, message)


def _positions(pipeline: Pipeline, report: Report) -> None:
    rules = pipeline.units
    strategy, keys = rules.strategy, set(rules.positions.values())
    where = ("units", "positions" if rules.positions else "strategy")
    if strategy is Strategy.DIRECT and rules.positions:
        message = "'positions' does nothing with strategy `direct`: did you mean `cross_product`?"
        report.wrong(where, message)
    elif strategy is not Strategy.DIRECT and not rules.positions:
        example = "{npc: people, mood: moods}"
        if strategy is Strategy.PERMUTATION:
            example = "[first, second]"
        message = f"strategy `{strategy.value}` needs `positions`, as in `positions: {example}`"
        report.wrong(where, message)
    elif strategy is Strategy.CROSS_PRODUCT and pipeline.items_key:
        message = "'items_key' does nothing with a cross product: its positions name their lists"
        report.wrong(("items_key",), message)
    elif strategy is Strategy.CROSS_PRODUCT and None in keys:
        message = "each position names the key of its list, as in {npc: people, mood: moods}"
        report.wrong(where, message)
    elif strategy is Strategy.PERMUTATION and len((keys | {pipeline.items_key}) - {None}) > 1:
        message = "a permutation chooses from one list; of several, make a `cross_product`"
        report.wrong(where, message)
    if "unit_id" in rules.positions:
        message = "'unit_id' is what units are called by: call the position otherwise"
        report.wrong((*where, "unit_id"), message)


def unit_fields(pipeline: Pipeline) -> dict[str, Field] | None:
    """Return the fields of units, as far as the first many of them show; None without items.

    Raises:
        PipelineError: the items do not make units.
    """
    if pipeline.items is None:
        return None
    counted = Counter[str]()
    seen = 0
    for unit in units(pipeline, max_units=SAMPLE):
        seen += 1
        counted.update(unit.keys())
    if not seen:
        message = "there are no items: a pipeline needs one at least"
        raise PipelineError([Problem(pipeline.items, None, message)])
    maker = pipeline.items.name
    repeated = Field(maker, "units have it only when they are repeated")
    fields: dict[str, Field] = dict.fromkeys(_REPEATED, repeated)
    for name, times in counted.items():
        lacking = f"{seen - times:,} of {seen:,} units in {maker} have none"
        fields[name] = Field(maker, lacking if times < seen else None)
    return fields


def doubt_size(pipeline: Pipeline, report: Report) -> None:
    """Doubt combinations of lists that make more units than most people would pay for."""
    if pipeline.items is None or pipeline.units.strategy is Strategy.DIRECT:
        return
    sizes = _sizes(pipeline, pipeline.items)
    count = math.prod(sizes) * pipeline.units.repeat
    if count > MANY:
        factors = [*sizes, *([pipeline.units.repeat] if pipeline.units.repeat > 1 else ())]
        product = " x ".join(f"{factor:,}" for factor in factors)
        message = (
            f"these are {count:,} units ({product}); --max-units and --sample try some of them"
        )
        report.doubtful(("units", "positions"), message)


def _sizes(pipeline: Pipeline, path: Path) -> list[int]:
    """Return how many choices there are for each position."""
    keys = list(pipeline.units.positions.values())
    if pipeline.units.strategy is Strategy.CROSS_PRODUCT:
        return [len(group) for group in groups(path, tuple(key or "" for key in keys))]
    key = next((key for key in keys if key), pipeline.items_key)
    return [sum(1 for _ in items(path, key)) - taken for taken in range(len(keys))]
