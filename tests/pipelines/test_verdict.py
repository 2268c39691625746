"""What a reply is worth: judged alone, kept as it was meant, never an exception."""

import json
from dataclasses import replace

import jinja2
import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import (
    Error,
    Passed,
    PreparedStep,
    Rejected,
    Sandbox,
    Stage,
    Step,
    judge,
    judge_fields,
    load,
    prepare,
)
from pipelines.schemas import Schema
from tests.pipelines.random_schemas import schemas, values


@pytest.fixture
def make_step(make_folder):
    def make(**step):
        config = {"name": "Small", "items_source": "items.yaml", "pipeline": [
            {"name": "ask", "template": "ask.jinja2", **step}
        ]}  # fmt: skip
        pipeline = load(make_folder({"config.yaml": json.dumps(config)}))
        return prepare(pipeline, pipeline.steps[0])

    return make


async def verdict_of(step, reply, **unit):
    async with Sandbox() as sandbox:
        text = reply if isinstance(reply, str) else json.dumps(reply)
        (verdict,) = await judge(step, [({"unit_id": "u", **unit}, text)], sandbox)
    return verdict


GOOD = {"text": "wet", "certainty": 0.9}


async def test_what_was_coerced_is_what_is_kept_and_what_rules_see(make_step):
    step = make_step(output_schema="answer.json", rules=[{"name": "r", "expr": "certainty > 0.5"}])
    verdict = await verdict_of(step, {**GOOD, "certainty": "0.9", "kind": "FACT"})
    assert verdict == Passed(
        {"text": "wet", "certainty": 0.9, "kind": "fact"},
        ('$.certainty: "0.9" taken as 0.9', '$.kind: "FACT" taken as "fact"'),
    )


async def test_what_was_unwrapped_is_what_is_kept(make_step):
    step = make_step(output_schema="answer.json")
    wrapped = {"response": "```json\n" + json.dumps(GOOD) + "\n```"}
    assert await verdict_of(step, wrapped) == Passed(GOOD)


async def test_identity_is_not_the_models_to_set(make_step):
    step = make_step(output_schema="answer.json")
    reply = {**GOOD, "unit_id": "HACK", "_metadata": {"a": 1}, "_x": 1}
    assert await verdict_of(step, reply) == Passed(GOOD)


async def test_a_field_of_the_unit_does_not_stand_in_for_one_of_the_reply(make_step):
    step = make_step(required=["a"])
    verdict = await verdict_of(step, {"b": 1}, a=3)
    assert verdict == Rejected(Stage.VALIDATION, (Error("$.a", "required_a", "a is missing"),))


async def test_a_field_called_error_is_a_field(make_step):
    assert await verdict_of(make_step(), {"a": 1, "error": "none"}) == Passed(
        {"a": 1, "error": "none"}
    )


async def test_every_error_of_the_schema_is_told(make_step):
    verdict = await verdict_of(make_step(output_schema="answer.json"), {"text": None, "more": 1})
    assert isinstance(verdict, Rejected)
    assert verdict.stage is Stage.SCHEMA_VALIDATION
    assert {(error.path, error.rule) for error in verdict.errors} == {
        ("$.text", "type"),
        ("$", "required"),
        ("$", "additionalProperties"),
    }


@pytest.mark.parametrize(
    ("reply", "path", "rule"),
    [
        ("no", "$", "json"),
        ("", "$", "json"),
        ('{"text": "a", "certainty": NaN}', "$.certainty", "finite"),
        ('{"text": "a", "certainty": 1e400}', "$.certainty", "finite"),
        ('{"text": "a", "certainty": 1' + "0" * 30 + "}", "$.certainty", "integer_64_bit"),
        ('{"text": ' + "[" * 500 + "]" * 500 + "}", "$", "depth"),
        ('{"text":' * 10_000 + "1" + "}" * 10_000, "$", "json"),
        ("x" * 2**20, "$", "json"),
    ],
)
async def test_what_cannot_be_kept_is_rejected_with_its_place(make_step, reply, path, rule):
    verdict = await verdict_of(make_step(output_schema="answer.json"), reply)
    assert isinstance(verdict, Rejected)
    assert verdict.stage is Stage.SCHEMA_VALIDATION
    assert [(error.path, error.rule) for error in verdict.errors] == [(path, rule)]


scalars = st.none() | st.integers() | st.floats() | st.text(st.characters())
ANY_REPLY = PreparedStep(
    step=Step.model_validate_json('{"name": "open"}'),
    template=jinja2.Template(""),
    system=None,
    context={},
    feedback=True,
    validator=None,
    rules=None,
    when=None,
    computation=None,
    computed=None,
    seed=None,
)


@settings(max_examples=60)
@given(reply=st.dictionaries(st.text(st.characters()), scalars | st.lists(scalars), max_size=4))
async def test_whatever_a_model_says_comes_out_encodable(reply):
    verdict = await verdict_of(ANY_REPLY, json.dumps(reply))
    if isinstance(verdict, Passed):
        orjson.dumps(verdict.fields)
        assert "unit_id" not in verdict.fields


@settings(max_examples=60)
@given(schemas, values, st.sampled_from(["", "Sure!\n```json\n", "<think>{}</think>"]))
async def test_what_passes_is_what_the_oracle_takes(node, value, before):
    step = replace(ANY_REPLY, validator=Schema(node))
    verdict = await verdict_of(step, before + json.dumps(value))
    if isinstance(verdict, Passed):
        jsonschema.validate(verdict.fields, node)
    else:
        assert verdict.stage is Stage.SCHEMA_VALIDATION


@settings(max_examples=60)
@given(schemas, st.text(st.sampled_from('{}[]":,\\ab1+-.\n \ud800')))
async def test_no_text_raises(node, text):
    assert await verdict_of(replace(ANY_REPLY, validator=Schema(node)), text)


async def test_rules_see_what_is_put_into_a_field_there_too(make_step):
    step = make_step(into="said", **rule("said.a == a == 2 and topic == 'wet'"))
    assert await verdict_of(step, {"a": 2}, a=1, topic="wet") == Passed({"a": 2})


async def test_what_is_computed_passes_the_same_gate(make_step):
    step = make_step(
        output_schema="answer.json",
        ranges={"certainty": [0, 1]},
        rules=[
            {"name": "sure", "expr": "certainty > 0.5"},
            {"name": "wet", "expr": "topic == text", "level": "warning"},
        ],
    )
    units = [{"unit_id": str(n), "topic": "wet"} for n in range(5)]
    computed = [
        {"text": "wet", "certainty": 0.9},
        {"text": "dry", "certainty": "0.9"},
        {"text": "wet", "certainty": 0.1},
        {"text": "wet", "certainty": 2},
        {"response": '{"text": "wet", "certainty": 1}'},
    ]
    async with Sandbox() as sandbox:
        verdicts = await judge_fields(step, list(zip(units, computed, strict=True)), sandbox)
    taken = Error("$", "wet", "does not hold: topic == text")
    assert verdicts[:2] == [
        Passed(computed[0]),
        Passed({"text": "dry", "certainty": 0.9}, ('$.certainty: "0.9" taken as 0.9',), (taken,)),
    ]
    rejected = [each for each in verdicts if isinstance(each, Rejected)]
    errors = [(each.stage, each.errors[0].rule) for each in rejected]
    assert errors == [
        (Stage.VALIDATION, "sure"),
        (Stage.VALIDATION, "range_certainty"),
        (Stage.SCHEMA_VALIDATION, "required"),
    ]


async def test_computed_fields_may_have_names_that_a_reply_may_not(make_step):
    async with Sandbox() as sandbox:
        (verdict,) = await judge_fields(make_step(), [({"unit_id": "u"}, {"_x": 1})], sandbox)
    assert verdict == Passed({"_x": 1})


@pytest.mark.parametrize(
    ("constraint", "value", "error"),
    [
        ({"types": {"a": "number"}}, "5", "a is '5', not number"),
        ({"types": {"a": "integer"}}, 5.5, "a is 5.5, not integer"),
        ({"types": {"a": "integer"}}, True, "a is True, not integer"),
        ({"types": {"a": "integer"}}, 5.0, None),
        ({"types": {"a": "float"}}, 5, None),
        ({"types": {"a": "list"}}, {}, "a is {}, not list"),
        ({"types": {"b": "list"}}, 1, None),
        ({"ranges": {"a": [0, 10]}}, 10, None),
        ({"ranges": {"a": [0, 10]}}, 10.5, "a is 10.5, not a number from 0 to 10"),
        ({"ranges": {"a": [0, 10]}}, "99", "a is '99', not a number from 0 to 10"),
        ({"ranges": {"a": [0, 10]}}, True, "a is True, not a number from 0 to 10"),
        ({"ranges": {"a": [0, None]}}, 1e9, None),
        ({"ranges": {"a": [0, None]}}, -1, "a is -1, not a number from 0"),
        ({"ranges": {"a": [None, 0]}}, 1, "a is 1, not a number up to 0"),
        ({"enums": {"a": ["Warm", "cold"]}}, "hot", "a is 'hot', not one of: Warm, cold"),
        ({"enums": {"a": [1, 2]}}, 3, "a is 3, not one of: 1, 2"),
        ({"enums": {"a": [1, "x"]}}, "X", None),
        ({"enums": {"a": [1, "x"]}}, True, "a is True, not one of: 1, x"),
        ({"enums": {"a": [1, "x"]}}, 1.0, None),
        ({"enums": {"a": [1, "x"]}}, [1], "a is [1], not one of: 1, x"),
        ({"required": ["a"]}, None, "a is missing"),
    ],
)
async def test_constraints_on_fields(make_step, constraint, value, error):
    verdict = await verdict_of(make_step(**constraint), {"a": value})
    messages = (
        [each.message for each in verdict.errors] if isinstance(verdict, Rejected) else [None]
    )
    assert messages == [error]


async def test_an_option_is_kept_as_the_step_spells_it(make_step):
    step = make_step(enums={"a": ["Warm"]})
    assert await verdict_of(step, {"a": "wARM"}) == Passed({"a": "Warm"})


def rule(expr, **more):
    return {"rules": [{"name": "r", "expr": expr, **more}]}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (rule("a > 3"), "does not hold: a > 3"),
        (rule("a > 3", error="a={a} {zz} {_computed}"), "a=2 {zz} 2"),
        (rule("len(text) + a > 9", error="{_computed} is short"), "5 is short"),
        (rule("0"), "does not hold: 0"),
        (rule("nope", error="E"), "E (expression error: there is no 'nope')"),
        (rule("a / 0", error="E"), "E (expression error: ZeroDivisionError: division by zero)"),
        (rule("text.upper() == 1"), "does not hold: text.upper() == 1"),
        (rule("a > 3", when="a > 9"), None),
        (rule("a > 3", when="a == 2"), "does not hold: a > 3"),
        (rule("npc.name == 'Osk'"), None),
        (rule("topic in text"), None),
        (rule("a < 3"), None),
    ],
)
async def test_rules_see_the_unit_with_the_reply_over_it(make_step, rules, message):
    verdict = await verdict_of(
        make_step(**rules), {"a": 2, "text": "wet"}, a=99, topic="wet", npc={"name": "Osk"}
    )
    messages = (
        [each.message for each in verdict.errors] if isinstance(verdict, Rejected) else [None]
    )
    assert messages == [message]


async def test_a_warning_and_a_condition_that_fails_let_the_reply_pass(make_step):
    step = make_step(
        rules=[
            {"name": "short", "expr": "a > 3", "error": "only {a}", "level": "warning"},
            {"name": "odd", "expr": "a > 3", "when": "nope"},
        ]
    )
    assert await verdict_of(step, {"a": 2}) == Passed(
        {"a": 2},
        ("odd: not applied, since `when` failed: there is no 'nope'",),
        (Error("$", "short", "only 2"),),
    )


async def test_nothing_of_one_unit_is_seen_by_the_next_and_no_field_shadows_a_function(make_step):
    step = make_step(**rule("len(text) > 0 and _secret == 5"))
    replies = [{"text": "a", "len": 3, "sum": None}, {"text": "b", "__unit": 1, "rule": 0}]
    units = [{"unit_id": "1", "_secret": 5}, {"unit_id": "2"}]
    async with Sandbox() as sandbox:
        asked = [(unit, json.dumps(reply)) for unit, reply in zip(units, replies, strict=True)]
        first, second = await judge(step, asked, sandbox)
    assert isinstance(first, Passed)
    assert isinstance(second, Rejected)
    assert "there is no '_secret'" in second.errors[0].message


async def test_verdicts_come_in_the_order_of_the_replies(make_step):
    step = make_step(**rule("n % 2 == 0"), types={"n": "integer"})
    replies = ["no" if n % 5 == 0 else json.dumps({"n": n}) for n in range(50)]
    async with Sandbox() as sandbox:
        asked = [({"unit_id": str(n)}, reply) for n, reply in enumerate(replies)]
        verdicts = await judge(step, asked, sandbox)
    assert [isinstance(v, Passed) for v in verdicts] == [
        n % 5 != 0 and n % 2 == 0 for n in range(50)
    ]


async def test_one_reply_that_stops_the_rules_harms_no_other(make_step):
    step = make_step(**rule("len('a' * n) > 0"))
    async with Sandbox() as sandbox:
        asked = [({"unit_id": str(n)}, json.dumps({"n": n})) for n in (1, 10**12, 2)]
        verdicts = await judge(step, asked, sandbox)
    first, second, third = verdicts
    assert isinstance(first, Passed)
    assert isinstance(third, Passed)
    assert isinstance(second, Rejected)
    assert "the rules were stopped" in second.errors[0].message
