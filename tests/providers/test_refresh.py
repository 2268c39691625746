"""Prices compared with those of genai-prices: a diff to read, nothing guessed, nothing removed."""

from datetime import date
from decimal import Decimal

import pytest

from providers import registry
from providers.offers import Source, bundled, offer
from providers.refresh import compare

genai_types = pytest.importorskip("genai_prices.types")

TODAY = date(2026, 11, 22)
TEXT = registry.FILE.read_text(encoding="utf-8")
SOURCE = "a source 1.0"


def make_price(entry, cached, output, write=None):
    given = {"input_mtok": entry, "cache_read_mtok": cached, "output_mtok": output}
    given |= {"cache_write_mtok": write} if write else {}
    return genai_types.ModelPrice(**{kind: Decimal(cost) for kind, cost in given.items()})


def make_model(name, standard, *, batch=None, deprecated=None):
    """Make a model as the package describes it: prices by date, a batch as a variant of them."""
    batches = batch if isinstance(batch, list) else [(None, batch)] if batch else []
    return genai_types.ModelInfo(
        id=name,
        match=genai_types.ClauseEquals(name),
        deprecated=deprecated,
        prices=standard,
        price_variants=[
            genai_types.PriceVariant(
                when={"processing": "batch"}, prices=prices, constraint=starts(start)
            )
            for start, prices in batches
        ],
    )


def starts(day):
    return genai_types.StartDateConstraint(start_date=day) if day else None


def dated(*rows):
    return [genai_types.ConditionalPrice(starts(start), prices=prices) for start, prices in rows]


def luna(standard=None, **how):
    """Make gpt-6-luna, at our prices where nothing else is said."""
    ours = make_price("0.1", "0.01", "0.5", "0.125")
    how = {"batch": make_price("0.05", "0.005", "0.25", "0.0625"), **how}
    return make_model("gpt-6-luna", standard or ours, **how)


def compared(*models, text=TEXT, vendor="openai", today=TODAY):
    return compare(text, Source(SOURCE, {vendor: {m.id: m for m in models}}), today)


def sold(model):
    found = offer(model, TODAY)
    assert found is not None
    return found


def changed(diff):
    """Return the lines of a diff that go and that come."""
    return [
        (line[0], line[1:].strip())
        for line in diff.splitlines()
        if line[0] in "+-" and not line.startswith(("+++", "---"))
    ]


def about(name, notes):
    return [note.split(": ", 1)[1] for note in notes if note.startswith(f"{name}: ")]


def test_our_prices_are_those_that_the_package_carries():
    """On the day they were last read; what it does not carry is said."""
    source = bundled()
    assert source is not None
    found = compare(TEXT, source, TODAY)
    assert found.diff == ""
    assert [note.split(":")[0] for note in found.notes] == [
        "openai/gpt-6.2-astra",
        "openai/gpt-6.2-sol",
        "gemini/gemini-3.5-flash",
    ]


def test_another_price_is_one_line_of_diff():
    """With where it comes from; comments and all other lines stay."""
    found = compared(luna(make_price("0.2", "0.01", "0.5", "0.125")))
    assert changed(found.diff) == [
        ("-", "- realtime: {input: 0.1, cached: 0.01, cache_write: 0.125, output: 0.5}"),
        ("+", "- realtime: {input: 0.2, cached: 0.01, cache_write: 0.125, output: 0.5}"),
        ("-", "source: genai-prices 0.2.3"),
        ("-", "checked: 2026-10-14"),
        ("+", f"source: {SOURCE}"),
        ("+", "checked: 2026-11-22"),
    ]
    assert found.diff.startswith("--- a/providers/models.yaml\n+++ b/providers/models.yaml\n")


def test_the_diff_changes_no_other_model():
    """Two of them at once, each in its own place."""
    nano = make_model(
        "gpt-5-nano",
        make_price("0.05", "0.005", "0.4"),
        batch=make_price("0.025", "0.0025", "0.3"),
    )
    lines = changed(compared(luna(make_price("9", "0.01", "0.5", "0.125")), nano).diff)
    assert [line for sign, line in lines if sign == "+" and "{" in line] == [
        "- realtime: {input: 9, cached: 0.01, cache_write: 0.125, output: 0.5}",
        "batch: {input: 0.025, cached: 0.0025, output: 0.3}",
    ]


@pytest.mark.parametrize("batch", [None, make_price("0.05", "0.005", "0.25"), []])
def test_a_batch_price_is_never_guessed(batch):
    """Without a batch of theirs ours stays, though the package would answer with its standard."""
    model = luna(make_price("7", "7", "7"), batch=batch)
    assert (sold(model).batch is None) == (not batch)
    found = compared(model)
    gone = [line for sign, line in changed(found.diff) if sign == "-"]
    said = "no batch price in a source 1.0; ours is left as it is"
    assert (said in about("openai/gpt-6-luna", found.notes)) == (not batch)
    assert any(line.startswith("batch:") for line in gone) == bool(batch)


def test_half_a_batch_price_is_none():
    """Of the input alone, say."""
    only = genai_types.ModelPrice(input_mtok=Decimal("0.05"))
    assert sold(luna(batch=only)).batch is None


def test_a_batch_that_begins_later_is_none_today():
    assert sold(luna(batch=[(date(2027, 1, 1), make_price("1", "1", "1"))])).batch is None


def test_what_a_batch_does_not_name_costs_the_standard_price():
    """Cached input of older models."""
    part = genai_types.ModelPrice(input_mtok=Decimal("0.05"), output_mtok=Decimal("0.25"))
    batch = sold(luna(batch=part)).batch
    assert batch is not None
    assert batch.cached == Decimal("0.01")


def test_other_tiers_of_service_are_no_batch():
    """Flex and priority are sold too."""
    model = luna(batch=None)
    model.price_variants = [
        genai_types.PriceVariant(when={"service_tier": "flex"}, prices=make_price("1", "1", "1"))
    ]
    assert sold(model).batch is None


def test_a_change_to_come_is_said():
    """It needs a row of its own: no line of ours could become it."""
    ours = make_price("0.1", "0.01", "0.5", "0.125")
    soon = make_price("0.2", "0.02", "1", "0.25")
    found = compared(luna(dated((None, ours), (date(2027, 2, 1), soon))))
    [note] = [n for n in about("openai/gpt-6-luna", found.notes) if "row" in n]
    assert note.startswith("needs a row from 2027-02-01: realtime {input: 0.2, cached: 0.02")
    assert found.diff == ""


def test_a_row_of_ours_to_come_is_compared_for_its_day():
    """The introductory price ends, and what they say of the next one has changed."""
    intro, then = make_price("2", "0.1", "10"), make_price("3", "0.2", "20")
    model = make_model(
        "gemini-4-argon",
        dated((None, intro), (date(2026, 12, 1), then)),
        batch=[
            (date(2026, 12, 1), make_price("2", "0.1", "10")),
            (None, make_price("1", "0.05", "5")),
        ],
    )
    found = compared(model, vendor="gemini")
    assert [line for _, line in changed(found.diff) if "{" in line] == [
        "realtime: {input: 4, cached: 0.2, output: 20}",
        "realtime: {input: 3, cached: 0.2, output: 20}",
    ]


def test_an_older_start_of_a_changed_price_is_said():
    """History may deserve a row: runs of then were priced by it."""
    old = make_price("0.1", "0.01", "0.5", "0.125")
    new = make_price("0.3", "0.01", "0.5", "0.125")
    found = compared(luna(dated((None, old), (date(2026, 11, 1), new))))
    assert any("holds since 2026-11-01" in note for note in found.notes)


def test_long_prompts_that_cost_otherwise_are_said():
    """Several rows share them: a diff in one place would change all."""
    found = compared(luna())
    assert found.diff == ""
    [note] = about("openai/gpt-6-luna", found.notes)
    assert note.startswith("long prompts cost otherwise: above 272000: 2 times the input")
    assert note.endswith(" -> as any other")


def test_nothing_is_removed():
    """A model that they do not have, or no longer, stays."""
    found = compared()
    assert found.diff == ""
    assert "not in a source 1.0; left as it is" in about("openai/gpt-6-sol", found.notes)


def test_models_that_are_not_here_are_listed():
    """With what they cost; neither what is going nor what is not sold by text."""
    new = make_model("gpt-7", make_price("1", "0.1", "5"), batch=make_price("0.5", "0.05", "2"))
    alone = make_model("gpt-8", make_price("1", "0.1", "5"))
    old = make_model("gpt-3", make_price("1", "0.1", "5"), deprecated=True)
    embedding = make_model("embed", genai_types.ModelPrice(input_mtok=Decimal(1)))
    live = "realtime {input: 1, cached: 0.1, output: 5}"
    assert compared(new, alone, old, embedding).unknown == (
        f"openai/gpt-7: {live}, batch {{input: 0.5, cached: 0.05, output: 2}}",
        f"openai/gpt-8: {live}, batch not given",
    )


def test_google_also_sells_models_of_others():
    source = bundled()
    assert source is not None
    assert all(name.startswith("gemini") for name in source.models["gemini"])
