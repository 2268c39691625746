"""What models cannot give is told before any is asked, where the pipeline says it."""

import json

import pytest

from pipelines import inspect
from tasks.check import check_asking

CONFIG = """\
name: Tell
items_source: items.yaml
api: {%s}
pipeline:
  - {name: tell, template: tell.jinja2, output_schema: told.json, %s}
  - {name: sum, scope: expression, expressions: {n: '1'}}
"""
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


@pytest.fixture
def said(tmp_path):
    """Return what is said of a pipeline with these settings of `api` and of its step."""

    def of(api: str = "", step: str = "description: d", schema=None):
        folder = tmp_path / "Tell"
        for name, content in {
            "config.yaml": CONFIG % (api, step),
            "items.yaml": "[{id: a}]",
            "templates/tell.jinja2": "Tell.",
            "schemas/told.json": json.dumps({**SCHEMA, **(schema or {})}),
        }.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        found = inspect(folder)
        assert found.problems == found.doubts == ()
        assert found.pipeline is not None
        return [
            [f"{one.path.name}:{one.line}: {one.message}" for one in some]
            for some in check_asking(found.pipeline, found.document)
        ]

    return of


@pytest.mark.parametrize(
    ("api", "step"),
    [
        ("", "description: d"),
        ("provider: openai, model: gpt-6-luna, max_tokens: 900", "reasoning: high"),
        ("provider: openai", "reasoning: none, temperature: 0.5"),
        ("provider: openai", "provider: local"),
    ],
)
def test_who_can_be_asked_like_this_is_not_spoken_of(said, api, step):
    assert said(api, step) == [[], []]


def test_a_provider_that_there_is_not_is_a_mistake(said):
    known = "(one of: openai, anthropic, gemini, local)"
    assert said("provider: opnai") == [
        [f"config.yaml:3: there is no provider 'opnai'; did you mean 'openai'? {known}"],
        [],
    ]
    assert said("provider: openai", "provider: nobody, model: m") == [
        [f"config.yaml:5: step 'tell': there is no provider 'nobody'. {known}"],
        [],
    ]


def test_an_address_that_is_none_is_a_mistake(said):
    (problem,), _ = said("provider: openai", "base_url: 'https://u:p@example.com/'")
    assert problem.startswith("config.yaml:5: step 'tell': base_url 'https://u:p@example.com/'")


def test_a_model_whose_price_nobody_knows_is_doubted(said):
    assert said("provider: openai, model: gpt-6-lunar")[1] == [
        (
            "config.yaml:3: model 'gpt-6-lunar' of openai is not known here; did you mean "
            "'gpt-6-luna'? What it costs will be unknown"
        )
    ]


@pytest.mark.parametrize(
    ("api", "step", "doubt"),
    [
        (
            "provider: openai, model: gpt-5.5, temperature: 1",
            "description: d",
            "config.yaml:3: gpt-5.5 takes no temperature: it is left out",
        ),
        (
            "provider: openai, model: gpt-6-luna",
            "temperature: 1",
            (
                "config.yaml:5: step 'tell': gpt-6-luna takes no temperature but with "
                "reasoning: none: "
                "it is left out"
            ),
        ),
        (
            "provider: openai, model: gpt-4o-mini",
            "reasoning: low",
            "config.yaml:5: step 'tell': gpt-4o-mini takes no reasoning: it is left out",
        ),
        (
            "provider: openai, model: gpt-6-luna",
            "reasoning: hihg",
            (
                "config.yaml:5: step 'tell': gpt-6-luna does not know reasoning 'hihg'; "
                "did you mean "
                "'high'? (one of: none, low, medium, high, xhigh, max): it is left out"
            ),
        ),
        (
            "provider: openai, model: gpt-4o-mini, max_tokens: 20000",
            "description: d",
            (
                "config.yaml:3: gpt-4o-mini writes 16384 tokens at most: max_tokens 20000 is "
                "cut to that"
            ),
        ),
    ],
)
def test_what_a_model_does_not_take_is_doubted(said, api, step, doubt):
    assert said(api, step) == [[], [doubt]]


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"additionalProperties": True}, "`additionalProperties` is not false"),
        ({"required": []}, "not `required`, and not null either: 'text'"),
        (
            {"properties": {"text": {"not": {"const": "x"}}}},
            "only types, enums, lists, and objects whose keys are all required can be enforced",
        ),
    ],
)
def test_a_schema_that_cannot_be_enforced_is_doubted(said, schema, why):
    assert said("provider: openai", schema=schema)[1] == [
        (
            f"told.json:None: openai cannot hold a model to this schema while it writes ({why}): "
            "it is told of it, and replies are checked"
        )
    ]


def test_what_the_pipeline_says_for_all_is_said_once(tmp_path, said):
    _, doubts = said("provider: openai, model: gpt-5.5, temperature: 1")
    assert len(doubts) == 1
