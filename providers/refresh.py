"""Our prices held against those that genai-prices carries: a diff to read, never a change."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import unified_diff
from typing import TYPE_CHECKING, NamedTuple

import yaml

from providers import registry
from providers.offers import KINDS, Offer, Source, changes, offer
from providers.rows import Registry

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

__all__ = ["Comparison", "compare"]


class Comparison(NamedTuple):
    """What the reader is told."""

    diff: str
    """Of models.yaml; empty when nothing would change."""
    notes: tuple[str, ...]
    """What no diff can say."""
    unknown: tuple[str, ...]
    """Models that are sold and not in models.yaml."""


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def compare(text: str, source: Source, today: date) -> Comparison:
    """Compare a registry file with a source, for today and the days to come."""
    ours = Registry.model_validate(yaml.safe_load(text)).vendors
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    edits: dict[int, _Edit] = {}
    notes: list[str] = []
    unknown: list[str] = []
    for vendor, models in source.models.items():
        for name, model in ours[vendor].models.items():
            rows = _node(root, "vendors", vendor, "models", name, "prices")
            held = _Held(f"{vendor}/{name}", model, rows, source.name, today)
            for found in held.against(models.get(name)):
                if isinstance(found, str):
                    notes.append(found)
                else:
                    edits[found.start] = found
        unknown += _unknown(vendor, models, ours[vendor].models, today)
    return Comparison(_diff(text, edits.values()), tuple(dict.fromkeys(notes)), tuple(unknown))


@dataclass(frozen=True, slots=True)
class _Held:
    """One model of ours, held against what they say of it: what to edit, and what to say."""

    name: str
    model: registry.Model
    rows: yaml.Node
    source: str
    today: date

    def against(self, theirs: "ModelInfo | None") -> Iterator[_Edit | str]:
        if theirs is None:
            yield f"{self.name}: not in {self.source}; left as it is"
            return
        starts = {row.since for row in self.model.prices if row.since and row.since > self.today}
        for day in sorted({self.today, *starts, *changes(theirs, self.today)}):
            yield from self._on(day, offer(theirs, day))

    def _on(self, day: date, sold: Offer | None) -> Iterator[_Edit | str]:
        place = next((n for n, row in enumerate(self.model.prices) if row.holds(day)), None)
        if place is None or sold is None:
            yield f"{self.name}: {'we have' if place is None else 'they have'} no price on {day}"
            return
        row = self.model.prices[place]
        if sold.batch is None:
            yield f"{self.name}: no batch price in {self.source}; ours is left as it is"
        if row.long_prompt != sold.long_prompt:
            tiers = f"{_tier(row.long_prompt)} -> {_tier(sold.long_prompt)}"
            yield f"{self.name}: long prompts cost otherwise: {tiers}"
        changed = _changes(row, sold)
        if changed and day not in (self.today, row.since):
            yield f"{self.name}: needs a row from {day}: {_words(changed)}"
        elif changed:
            yield from self._doubts(row, sold)
            yield from _edits(self.rows.value[place], changed, self.source, self.today)

    def _doubts(self, row: registry.PriceRow, sold: Offer) -> Iterator[str]:
        if sold.since and row.since != sold.since:
            yield f"{self.name}: theirs holds since {sold.since}; the old price may deserve a row"
        if row.uncertain:
            yield f"{self.name}: is marked uncertain ({row.uncertain}): still so?"


def _changes(row: registry.PriceRow, sold: Offer) -> dict[str, registry.Price]:
    """Return the lanes that cost something else; a batch price that is not given says nothing."""
    pairs = {"realtime": (row.realtime, sold.realtime), "batch": (row.batch, sold.batch)}
    return {lane: new for lane, (old, new) in pairs.items() if new is not None and old != new}


def _edits(
    row: yaml.Node, changed: Mapping[str, registry.Price], source: str, today: date
) -> Iterator[_Edit]:
    new = {lane: _flow(price) for lane, price in changed.items()}
    for key, text in {**new, "source": source, "checked": today.isoformat()}.items():
        node = _node(row, key)
        yield _Edit(node.start_mark.index, node.end_mark.index, text)


def _unknown(
    vendor: str,
    theirs: Mapping[str, "ModelInfo"],
    ours: Mapping[str, registry.Model],
    today: date,
) -> Iterator[str]:
    for name, model in theirs.items():
        if name in ours or model.deprecated or (sold := offer(model, today)) is None:
            continue
        batch = _flow(sold.batch) if sold.batch else "not given"
        yield f"{vendor}/{name}: realtime {_flow(sold.realtime)}, batch {batch}"


# --- in words ---------------------------------------------------------------------------------


def _node(node: yaml.Node, *keys: str) -> yaml.Node:
    for key in keys:
        node = next(value for name, value in node.value if name.value == key)
    return node


def _flow(price: registry.Price) -> str:
    costs = {name: getattr(price, name) for name in KINDS}
    inside = ", ".join(
        f"{name}: {_plain(cost)}" for name, cost in costs.items() if cost is not None
    )
    return f"{{{inside}}}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _tier(tier: registry.LongPrompt | None) -> str:
    if tier is None:
        return "as any other"
    return (
        f"above {tier.above}: {_plain(tier.input_factor)} times the input, "
        f"{_plain(tier.output_factor)} times the output"
    )


def _words(changed: Mapping[str, registry.Price]) -> str:
    return ", ".join(f"{lane} {_flow(price)}" for lane, price in changed.items())


def _diff(text: str, edits: Iterable[_Edit]) -> str:
    new = text
    for edit in sorted(edits, reverse=True):  # from the end, so that the places before stay true
        new = new[: edit.start] + edit.text + new[edit.end :]
    lines = (text.splitlines(keepends=True), new.splitlines(keepends=True))
    return "".join(unified_diff(*lines, "a/providers/models.yaml", "b/providers/models.yaml"))
