"""What a run will cost, told beforehand: never less than is known, and honest about the rest."""

import asyncio
import json
from decimal import Decimal
from itertools import islice

import pipelines
from pipelines import Launch
from tasks.estimate import estimate


def estimated(pipeline, launch=None, units=100):
    sample = list(islice(pipelines.units(pipeline), 5))
    return asyncio.run(estimate(pipeline, launch or Launch(), sample, units=units))


def about(*what, **how) -> Decimal:
    usd = estimated(*what, **how).about_usd
    assert usd is not None
    return usd


def demo():
    return pipelines.load(pipelines.find("NpcDialog"))


def test_every_step_that_asks_is_counted_with_its_model():
    told = estimated(demo(), units=60)
    assert [(step.step, step.model, step.requests) for step in told.steps] == [
        ("generate", "gpt-6-luna", 60),
        ("score", "gpt-6-luna", 60),
    ]
    assert told.requests == 120


def test_a_rehearsed_pipeline_knows_its_later_prompts():
    told = estimated(demo())
    assert not any(step.guessed for step in told.steps)
    assert all(step.input_tokens > 50 for step in told.steps)
    assert told.about_usd is not None
    assert told.most_usd is not None
    assert 0 < told.about_usd < told.most_usd


def test_twice_the_units_cost_twice_as_much():
    assert about(demo(), units=200) == 2 * about(demo(), units=100)


def test_a_batch_costs_half():
    assert 2 * about(demo(), Launch(lane="batch")) == about(demo())


def test_another_provider_has_other_prices():
    dearer = Launch(provider="anthropic", model="claude-opus-5-5")
    assert about(demo(), dearer) > about(demo())


def test_an_unknown_price_makes_the_whole_unknown():
    """A part is not the whole."""
    told = estimated(demo(), Launch(model="gpt-unheard-of"))
    assert (told.about_usd, told.most_usd) == (None, None)
    assert told.requests == 200


def test_what_nobody_knows_is_marked_as_a_guess(make_pipeline):
    """Without a rehearsal the reply, and all that depends on it, is assumed."""
    pipeline = make_pipeline("api: {provider: openai, max_tokens: 50}\n")
    (step,) = estimated(pipeline).steps
    assert step.guessed
    assert step.output_tokens == 50
    assert step.input_tokens > 0


def test_a_fan_out_makes_more_requests(make_pipeline):
    """As many as the sample has children."""
    schema = {
        "type": "object",
        "properties": {"parts": {"type": "array", "items": {"type": "string"}}},
        "required": ["parts"],
    }
    config = """\
name: Tell
items_source: items.yaml
api: {provider: openai}
pipeline:
  - {name: tell, template: tell.jinja2, output_schema: parts.json}
  - {name: split, scope: fan_out, field: parts, child_field: part}
  - {name: each, template: each.jinja2}
"""
    pipeline = make_pipeline(
        files={
            "config.yaml": config,
            "schemas/parts.json": json.dumps(schema),
            "templates/each.jinja2": "Say {{ part }}.",
            "rehearsal/tell.jinja2": '{"parts": ["a", "b", "c"]}',
        }
    )
    told = estimated(pipeline, units=10)
    assert [step.requests for step in told.steps] == [10, 30]
    assert told.about_usd
