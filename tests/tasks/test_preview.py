"""Previews: what a run would do with one unit, without asking anybody."""

import json

import pytest

import pipelines
from pipelines import Launch, Scope
from tasks.preview import preview

CONFIG = """\
name: Walk
items_source: items.yaml
max_retries: 1
api: {provider: openai, model: gpt-6-luna}
pipeline:
"""
ASK = (
    "  - {name: ask, template: ask.jinja2, output_schema: ask.json, "
    "rules: [{name: long, expr: 'len(word) > 2', error: '{word} is short'}]}\n"
)
DOUBLE = "  - {name: double, scope: expression, expressions: {twice: 'steps * 2'}}\n"
FAN = "  - {name: each, scope: fan_out, field: legs, child_field: leg}\n"
RUN = "  - {name: publish, scope: run, script: publish.py}\n"
FILES = {
    "items.yaml": "[{id: a, steps: 3, legs: [left, right]}]",
    "templates/ask.jinja2": "Name {{ steps }} steps.",
    "schemas/ask.json": json.dumps(
        {
            "type": "object",
            "properties": {"word": {"type": "string"}},
            "required": ["word"],
            "additionalProperties": False,
        }
    ),
    "publish.py": "",
}
REPLY = {"rehearsal/ask.jinja2": '{"word": "hop{{ attempt }}"}'}


@pytest.fixture
def look(tmp_path):
    """Preview the first unit of a pipeline of these steps."""

    async def look(*steps, config=CONFIG, files=None, launch=None):
        for name, content in {
            **FILES,
            "config.yaml": config + "".join(steps),
            **(files or {}),
        }.items():
            path = tmp_path / "Walk" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        pipeline = pipelines.load(tmp_path / "Walk")
        [unit, *_] = pipelines.units(pipeline)
        return [shown async for shown in preview(pipeline, unit, launch or Launch())]

    return look


async def test_a_request_is_shown_as_it_would_be_sent(look):
    """To the model that a run would ask, worded for its vendor; the size is an estimate."""
    [ask] = await look(ASK)
    assert ask.prompt.turns == (("user", "Name 3 steps."),)
    assert (ask.request.provider, ask.request.model) == ("openai", "gpt-6-luna")
    assert ask.request.body["messages"] == [{"role": "user", "content": "Name 3 steps."}]
    assert ask.request.body["response_format"]["json_schema"]["strict"] is True
    assert ask.request.tokens == -(-ask.request.size_bytes // 4)


async def test_the_command_line_says_who_would_be_asked(look):
    """As in a run, it wins over the pipeline."""
    [ask] = await look(ASK, launch=Launch(model="gpt-6.2-sol"))
    assert ask.request.body["model"] == "gpt-6.2-sol"


async def test_without_a_provider_the_prompt_is_shown_all_the_same(look):
    """A pipeline may leave the choice to each run."""
    config = CONFIG.replace("api: {provider: openai, model: gpt-6-luna}\n", "")
    [ask] = await look(ASK, config=config)
    assert ask.prompt is not None
    assert ask.request is None


async def test_a_preview_ends_where_fields_are_not_known(look):
    """Nobody knows what a model will say; a rehearsal may."""
    [ask] = await look(ASK, DOUBLE)
    assert "rehearsal/ask.jinja2 would stand in for it" in ask.note
    assert not ask.failed


async def test_rehearsed_replies_lend_their_fields_to_later_steps(look):
    """And expressions are computed."""
    later = "  - {name: tell, template: tell.jinja2}\n"
    steps = await look(
        ASK, DOUBLE, later, files={**REPLY, "templates/tell.jinja2": "{{ word }} {{ twice }}"}
    )
    assert [(step.step, step.gained) for step in steps] == [
        ("ask", {"word": "hop1"}),
        ("double", {"twice": 6}),
        ("tell", {}),
    ]
    assert steps[2].prompt.turns == (("user", "hop1 6"),)


async def test_a_rehearsed_reply_is_judged_and_asked_for_again(look):
    """As in a run, with what was wrong; the prompt that is shown is the first one."""
    slip = (
        '{% if attempt == 1 %}{"word": "no"}{% else %}{"word": "turns{{ prompt.turns | length }}"}'
    )
    [ask] = await look(ASK, files={"rehearsal/ask.jinja2": f"{slip}{{% endif %}}"})
    assert (ask.note, ask.gained) == ("rehearsed, good at asking 2", {"word": "turns3"})
    assert len(ask.prompt.turns) == 1


async def test_a_unit_that_does_not_pass_ends_its_preview(look):
    """With what is wrong with it."""
    steps = await look(ASK, DOUBLE, files={"rehearsal/ask.jinja2": '{"word": "no"}'})
    assert [(step.step, step.note, step.failed) for step in steps] == [
        ("ask", "it does not pass (validation): no is short", True)
    ]


async def test_a_template_that_cannot_be_rendered_is_told(look):
    """With its line; so is a rehearsal that cannot."""
    [ask] = await look(ASK, files={"templates/ask.jinja2": "{{ steps.name }}"})
    assert ask.failed
    assert "ask.jinja2" in ask.note
    [ask] = await look(
        ASK, files={"templates/ask.jinja2": "x", "rehearsal/ask.jinja2": "{{ steps.name }}"}
    )
    assert ask.failed
    assert ask.note.startswith("the rehearsal cannot be rendered:")


async def test_the_first_child_goes_on(look):
    """The others would be asked alike."""
    each, ask = await look(FAN, ASK)
    assert (each.scope, each.note) == (
        Scope.FAN_OUT,
        "2 children; the first of them is a__fan000",
    )
    assert each.gained["leg"] == "left"
    assert ask.unit_id == "a__fan000"


async def test_a_list_without_elements_ends_the_preview(look):
    """It has no children."""
    [each] = await look(FAN, ASK, files={"items.yaml": "[{id: a, steps: 3, legs: []}]"})
    assert each.note == "the list is empty: it has no children"


async def test_a_step_that_is_not_for_the_unit_is_passed_by(look):
    """What comes after is shown."""
    double = DOUBLE.replace("scope:", "when: steps > 5, scope:")
    skipped, ask = await look(double, ASK)
    assert skipped.note == "skipped: `when` is false for this unit: steps > 5"
    assert ask.step == "ask"


async def test_an_expression_that_fails_ends_the_preview(look):
    """With the expression and the reason."""
    [double] = await look(DOUBLE.replace("steps * 2", "steps // 0"))
    assert double.failed
    assert "twice" in double.note


async def test_a_script_over_the_whole_run_is_named(look):
    """It is not for single units, and is not called."""
    publish, ask = await look(RUN, ASK)
    assert publish.note == "a script over the whole run: publish.py"
    assert ask.step == "ask"
