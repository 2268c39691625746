"""`octobatch models`: what can be asked, and what it costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from providers.prices import Lane
    from providers.registry import Model, PriceRow, Vendor

__all__ = ["command"]

ONE_DAY = timedelta(days=1)


@click.group("models", invoke_without_command=True)
@click.option("--provider", help="Only the models of this one.")
@click.option("--batch", is_flag=True, help="Sort by the price in a batch.")
@click.option("--json", "as_json", is_flag=True, help="For other programs: all that is known.")
@click.pass_context
def command(context: click.Context, *, provider: str | None, batch: bool, as_json: bool) -> None:
    """List the models and their prices, cheapest first."""
    if context.invoked_subcommand is not None:
        return
    import orjson

    from flows.console import screen
    from flows.pipes import out, say
    from providers import keys, registry

    known = registry.vendors() if provider is None else {provider: registry.vendor(provider)}
    lines = listed(known, keys.keys_set(), datetime.now(UTC), batch=batch)
    if as_json:
        out(orjson.dumps([line.as_json() for line in lines]))
        return
    screen().print(_table(lines))
    by = "input + output in a batch" if batch else "input + output in realtime"
    say(f"USD per million tokens today, by {by}. More of each: octobatch models --json")
    for name, vendor in known.items():
        if vendor.key and name not in keys.keys_set():
            say(f"No key for {name}: set {vendor.key}")


@command.command()
@click.option("--dry-run", is_flag=True, help="Print the diff of models.yaml and change nothing.")
def refresh(*, dry_run: bool) -> None:
    """Compare our prices with those that genai-prices carries. Asks no network."""
    if not dry_run:
        raise click.UsageError("only --dry-run: edit models.yaml after reading the diff")
    from flows.pipes import out
    from providers import offers, registry
    from providers.refresh import compare

    source = offers.bundled()
    if source is None:
        raise click.ClickException("genai-prices is missing: pip install 'octobatch[dev]'")
    text = registry.FILE.read_text(encoding="utf-8")
    found = compare(text, source, datetime.now(UTC).date())
    said = [f"# {note}" for note in found.notes]
    said += [f"# not here: {sold}" for sold in found.unknown]
    said.append(found.diff.rstrip("\n") or f"# models.yaml agrees with {source.name}")
    out("\n".join(said))


# --- what is listed ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One model of one vendor, today."""

    name: str
    provider: str
    vendor: "Vendor"
    model: "Model | None"
    """None: a vendor that lists none, at its default model."""
    row: "PriceRow | None"
    """The prices of today."""
    key_set: bool

    @property
    def default(self) -> bool:
        return self.name == self.vendor.default_model

    def cost(self, *, batch: bool) -> Decimal | None:
        """Return the price that the list is sorted by; None when it is unknown."""
        if self.vendor.free:
            return Decimal(0)
        price = self.row and (self.row.batch if batch else self.row.realtime)
        return price.input + price.output if price else None

    def dollars(self, lane: "Lane", *kinds: str) -> list[str]:
        """Return prices as they are listed: `-` where a model is not sold so."""
        if self.row is None:
            free = self.vendor.free and lane == "realtime"
            return ["0" if free else "-" if self.vendor.free else "unknown" for _ in kinds]
        price = self.row.realtime if lane == "realtime" else self.row.batch
        return [f"{getattr(price, kind):f}" if price else "-" for kind in kinds]

    def notes(self) -> str:
        return ", ".join(
            note
            for note, holds in (
                ("default", self.default),
                ("free", self.vendor.free),
                ("your file", self.model is not None and self.model.own),
                (_ends(self.model, self.row), True),
                (_longer(self.row), True),
                ("uncertain", self.row is not None and self.row.uncertain is not None),
                ("no key", self.vendor.key is not None and not self.key_set),
            )
            if holds and note
        )

    def as_json(self) -> dict[str, Any]:
        model = self.model.model_dump(mode="json") if self.model else {}
        return {
            "model": self.name,
            "provider": self.provider,
            "default": self.default,
            "own": self.model is not None and self.model.own,
            "free": self.vendor.free,
            "key": self.vendor.key,
            "key_set": self.key_set,
            "today": self.row.model_dump(mode="json") if self.row else None,
            "prices": model.get("prices", []),
            "abilities": model.get("abilities"),
        }


def listed(
    vendors: "Mapping[str, Vendor]", keys_set: Iterable[str], at: datetime, *, batch: bool = False
) -> list[Line]:
    """Return every model, cheapest first; of unknown price last."""
    from providers.prices import row_of

    there = frozenset(keys_set)
    lines = [
        Line(name, provider, vendor, model, row_of(model, at), provider in there)
        for provider, vendor in vendors.items()
        for name, model in (vendor.models or {vendor.default_model: None}).items()
    ]

    def rank(line: Line) -> tuple[bool, Decimal, str, str]:
        cost = line.cost(batch=batch)
        return cost is None, cost or Decimal(0), line.provider, line.name

    return sorted(lines, key=rank)


def _ends(model: "Model | None", row: "PriceRow | None") -> str:
    """Return when the price ends and what comes then."""
    if model is None or row is None or row.until is None:
        return ""
    after = next((later for later in model.prices if later.since == row.until), None)
    price = after and after.realtime
    then = f", then {price.input:f} / {price.output:f}" if price else ""
    return f"until {row.until - ONE_DAY}{then}"


def _longer(row: "PriceRow | None") -> str:
    if row is None or row.long_prompt is None:
        return ""
    tier = row.long_prompt
    return f"above {tier.above // 1000}k x{tier.input_factor:f} / x{tier.output_factor:f}"


def _table(lines: Iterable[Line]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    # On a narrow screen the notes give way, then the headings; names and prices are never cut.
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="dim")
    table.add_column("model", no_wrap=True)
    table.add_column("provider", no_wrap=True)
    for heading in ("in", "cached", "out"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("batch in", "batch out"):
        table.add_column(heading, justify="right", min_width=6)
    table.add_column("notes", min_width=14)
    for line in lines:
        table.add_row(
            Text(line.name),
            Text(line.provider),
            *line.dollars("realtime", "input", "cached", "output"),
            *line.dollars("batch", "input", "output"),
            Text(line.notes(), style="dim"),
        )
    return table
