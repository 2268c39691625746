"""What was seen of the original, example by example, is what is done here; or what is right.

The numbers are those of the examples that were verified by running the original. Where it was
wrong, the docstring names the defect, by the number it has in `test_original_defects.py`.
"""

import json

import pytest

from pipelines import Computation, Passed, Rejected, Sandbox, Stage, load, units
from pipelines.coercion import coerce
from pipelines.replies import extract
from pipelines.schemas import Schema
from pipelines.values import Unfit

FENCED = '```json\n{"a": 1}\n```'


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        pytest.param(FENCED, {"a": 1}, id="1"),
        pytest.param(f"Sure!{FENCED} bye", {"a": 1}, id="2"),
        pytest.param('{"a": +4, "b":[+1, +2]}', {"a": 4, "b": [1, 2]}, id="4"),
    ],
)
def test_1_2_and_4_an_object_is_found_in_a_reply(text, fields):
    """Fences, what stands around them, and signs that JSON does not have."""
    assert extract(text).fields == fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        pytest.param('Here it is: {"a":1}', {"a": 1}, id="3"),
        pytest.param('{"s": "x, +1 y"}', {"s": "x, +1 y"}, id="5"),
        pytest.param('```json\n{"a":1}', {"a": 1}, id="6"),
    ],
)
def test_3_5_and_6_nothing_is_lost_or_damaged(text, fields):
    """R15: the original found nothing in the first and the last, and edited inside a string."""
    assert extract(text).fields == fields


def test_7_a_list_is_no_reply():
    """The original parsed it, and whoever asked refused what is no object."""
    with pytest.raises(Unfit) as caught:
        extract("[1,2,]")
    assert caught.value.rule == "json"


def coerced(value, schema):
    """Return a value as it is kept, and whether the schema takes it then."""
    whole = Schema({"type": "object", "properties": {"v": schema}})
    kept = coerce({"v": value}, whole).value
    return kept["v"], whole.accepts(kept)


INTEGER, NUMBER, BOOLEAN = {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
NUMBERS = {"type": "array", "items": INTEGER}
TAGS = {"type": "array", "items": {"type": "object", "properties": {"tag": {"type": "string"}}}}


@pytest.mark.parametrize(
    ("value", "schema", "kept", "valid"),
    [
        pytest.param("5", INTEGER, 5, True, id="8a"),
        pytest.param(" 5 ", INTEGER, 5, True, id="8b"),
        pytest.param("1_000", INTEGER, 1000, True, id="8c"),
        pytest.param(5.0, INTEGER, 5, True, id="8d"),
        pytest.param(5.5, INTEGER, 5.5, False, id="9b"),
        pytest.param(True, INTEGER, True, False, id="9c"),
        pytest.param(None, INTEGER, None, False, id="9d"),
        pytest.param("abc", INTEGER, "abc", False, id="9e"),
        pytest.param("3.14", NUMBER, 3.14, True, id="10a"),
        pytest.param("5", NUMBER, 5.0, True, id="10b"),
        pytest.param("1e3", NUMBER, 1000.0, True, id="10c"),
        pytest.param("nan", NUMBER, "nan", False, id="10d"),
        pytest.param("TRUE", BOOLEAN, True, True, id="11a"),
        pytest.param("yes", BOOLEAN, "yes", False, id="11b"),
        pytest.param(1, BOOLEAN, 1, False, id="11c"),
        pytest.param('["1",2.0]', NUMBERS, [1, 2], True, id="13a"),
        pytest.param("foo", NUMBERS, ["foo"], False, id="13b"),
        pytest.param("SURRENDER", TAGS, [{"tag": "SURRENDER"}], True, id="14"),
        pytest.param(
            "Shadow Integration | loss",
            {"enum": ["integration", "loss"]},
            "integration",
            True,
            id="15",
        ),
        pytest.param(" WARM ", {"enum": ["Warm", "cold"]}, "Warm", True, id="16a"),
        pytest.param("cold|warm", {"enum": ["Warm", "cold"]}, "cold|warm", False, id="16b"),
    ],
)
def test_8_to_16_a_value_is_taken_as_it_was_meant(value, schema, kept, valid):
    """Types matter, too: 5.0 is kept as 5, and true is no number."""
    found, accepted = coerced(value, schema)
    assert (found, type(found)) == (kept, type(kept))
    assert accepted is valid


@pytest.mark.parametrize(
    ("value", "schema", "kept"),
    [
        pytest.param("5.0", INTEGER, 5, id="9a"),
        pytest.param(5, {"type": "string"}, "5", id="12"),
        pytest.param("7", NUMBERS, [7], id="13c"),
    ],
)
def test_9_12_and_13_what_is_plainly_meant_is_taken(value, schema, kept):
    """R14: the original converted some of what a schema can say, and left these."""
    assert coerced(value, schema) == (kept, True)


def test_17_options_that_are_no_text_crash_nothing():
    """R13: the original died of the 1, and all units of the chunk with it."""
    assert coerced("X", {"enum": [1, "x"]}) == ("x", True)


NEEDS_A = {"type": "object", "properties": {"a": INTEGER}, "required": ["a"]}


async def test_18_a_wrapped_reply_is_unwrapped_for_good(verdict_on):
    """R3: the original unwrapped it for the schema alone; the rules saw the wrapping."""
    reply = {"unit_id": "u", "response": '```json\n{"a": "3",}\n```'}
    verdict = await verdict_on(reply, schema=NEEDS_A, required=["a"], types={"a": "integer"})
    assert isinstance(verdict, Passed)
    assert verdict.fields == {"a": 3}


def broken(verdict):
    assert isinstance(verdict, Rejected)
    assert verdict.stage is Stage.VALIDATION
    return [error.rule for error in verdict.errors]


async def test_19_types_take_nothing_for_another_thing(verdict_on):
    """Without a schema nothing is converted."""
    assert broken(await verdict_on({"a": "5"}, types={"a": "number"})) == ["type_a"]


@pytest.mark.parametrize(("value", "within"), [(10, True), (10.5, False)])
async def test_20_ranges_include_their_ends(verdict_on, value, within):
    """Up to 10 is up to and with 10."""
    verdict = await verdict_on({"a": value}, ranges={"a": [0, 10]})
    assert isinstance(verdict, Passed) if within else broken(verdict) == ["range_a"]


@pytest.mark.parametrize("value", ["99", True])
async def test_20_what_is_no_number_is_in_no_range(verdict_on, value):
    """R14: the original passed over text, and took true for 1."""
    assert broken(await verdict_on({"a": value}, ranges={"a": [0, 10]})) == ["range_a"]


async def test_21_enums_do_not_mind_case(verdict_on):
    """What is kept is spelt as the step spells it, which the original left to the reader."""
    assert await verdict_on({"a": "wARM"}, enums={"a": ["Warm"]}) == Passed({"a": "Warm"})


async def test_22_a_rule_says_what_was_found(verdict_on):
    """Fields and what was compared are filled in; a name that is no field stays as it is."""
    rule = {"name": "r", "expr": "a > 3", "error": "a={a} {zz} {_computed}"}
    verdict = await verdict_on({"a": 2}, rules=[rule])
    assert broken(verdict) == ["r"]
    assert verdict.errors[0].message == "a=2 {zz} 2"


async def test_23_what_is_not_true_is_broken(verdict_on):
    """0 is."""
    assert broken(await verdict_on({"a": 2}, rules=[{"name": "r", "expr": "0"}])) == ["r"]


async def test_23_a_rule_that_cannot_be_evaluated_is_broken(verdict_on):
    """The message says what the expression lacks."""
    rule = {"name": "r", "expr": "missing > 1", "error": "MSG"}
    verdict = await verdict_on({"a": 2}, rules=[rule])
    assert broken(verdict) == ["r"]
    assert verdict.errors[0].message == "MSG (expression error: there is no 'missing')"


async def test_23_a_condition_that_cannot_be_evaluated_applies_to_nobody(verdict_on):
    """The reply passes with a note."""
    rule = {"name": "r", "expr": "a > 3", "when": "missing"}
    verdict = await verdict_on({"a": 2}, rules=[rule])
    assert isinstance(verdict, Passed)
    assert verdict.notes == ("r: not applied, since `when` failed: there is no 'missing'",)


@pytest.mark.parametrize(
    ("expressions", "seed", "fields"),
    [
        ({"x": "random.randint(1, 6)", "y": "x * 2"}, 42, {"x": 6, "y": 12}),
        ({"x": "random.choice(['A', 'K'])"}, 7, {"x": "K"}),
        ({"x": "random.sample(range(10), 3)"}, 1, {"x": [2, 1, 4]}),
    ],
)
async def test_24_the_same_seed_draws_the_same_lots(expressions, seed, fields):
    """Python's own generator, number for number."""
    async with Sandbox() as sandbox:
        computation = Computation.compile(expressions)
        [computed] = await computation.run([({"unit_id": "u"}, seed)], sandbox)
    assert computed == (fields, None, False)


@pytest.mark.parametrize(
    ("item", "made"),
    [
        (
            "a b/c",
            [("a_b-c__rep0000", 0, 1689180185), ("a_b-c__rep0001", 1, 1689180186)],
        ),
        ("q", [("q__rep0000", 0, 978843599), ("q__rep0001", 1, 978843600)]),
    ],
)
def test_25_repetitions_have_ids_and_numbers_of_their_own(make_folder, item, made):
    """The numbers are for templates and expressions; no stream of randomness begins with them."""
    config = {
        "name": "Small",
        "items_source": "items.json",
        "units": {"repeat": 2},
        "pipeline": [{"name": "ask", "template": "ask.jinja2"}],
    }
    files = {
        "config.yaml": json.dumps(config),
        "items.json": json.dumps([{"id": item}]),
        "templates/ask.jinja2": "{{ id }}",
    }
    found = [
        (unit["unit_id"], unit["_repetition_id"], unit["_repetition_seed"])
        for unit in units(load(make_folder(files)))
    ]
    assert found == made


async def test_26_what_passes_is_kept_as_it_was_taken(verdict_on):
    """R2: the original accepted "5" as 5, and kept "5"."""
    verdict = await verdict_on({"a": "5"}, schema=NEEDS_A, types={"a": "integer"})
    assert isinstance(verdict, Passed)
    assert verdict.fields == {"a": 5}
