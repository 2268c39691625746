"""Each defect that was found in the original by running or reading it, and what holds here instead.

Those that concern what a pipeline is are tested here, those that take a run to show in
tests/tasks/test_original_defects.py, each by its number; `ELSEWHERE` names the tests of the others.
"""

import re
from pathlib import Path

import pytest

from pipelines import (
    Computation,
    Computed,
    Fault,
    Passed,
    PipelineError,
    Rejected,
    Rule,
    Sandbox,
    Stage,
    load,
)
from pipelines.coercion import coerce
from pipelines.expressions import ExpressionError
from pipelines.replies import extract
from pipelines.rules import Rules
from pipelines.schemas import Schema
from tests.pipelines.conftest import CONFIG

TESTS = Path(__file__).parent.parent
HERE = ("pipelines/test_original_defects.py", "tasks/test_original_defects.py")
ELSEWHERE = {
    # A batch that came back in part lost the units that it did not hold.
    "r01": (
        "tasks/test_work.py::test_every_unit_has_one_outcome_wherever_it_is_cut_short",
        "tasks/test_work.py::test_a_unit_without_an_answer_stays_open",
        "runs/test_run.py::test_units_are_conserved_by_their_ids",
    ),
    # A unit whose result came twice was kept twice.
    "r10": ("runs/test_outputs.py::test_a_unit_is_settled_once",),
    # An error was told by the digits in its text: "id 4003 overflow" ended the run.
    "r11": (
        "providers/test_contract_refusals.py::test_refusals_are_told_by_status_type_and_code",
        "providers/test_contract_refusals.py::test_refusal_in_any_shape_is_classified",
    ),
    # Units were counted once for each step.
    "r16": (
        "tasks/test_session.py::test_every_unit_is_accounted_for_by_ids",
        "runs/test_counts.py::test_a_run_in_numbers",
    ),
    # One call at a time, and half a second of sleep after each.
    "r17": ("providers/test_limit.py::test_window_doubles_each_round_while_it_is_full",),
    # An error of the server was met again and again, for ever.
    "r19": (
        "providers/test_limit.py::test_given_up_after_six_repetitions",
        "flows/test_flow.py::test_an_outage_that_lasts_pauses_the_run",
    ),
    # A batch that was cancelled was waited for, for ever; of one that expired nothing was kept.
    "c03": (
        "tasks/test_batch_lane.py::test_whatever_happens_to_a_batch_every_unit_has_its_verdict",
    ),
    # A batch that was handed in just before a crash was handed in again.
    "c04": (
        "crash/test_kill_batches.py::test_a_killed_run_ends_as_if_undisturbed",
        "tasks/test_batch_lane.py::test_accepted_and_hung_up_is_found_and_adopted",
    ),
    # A cap was looked at when the money was spent.
    "c08": (
        "tasks/test_money.py::test_no_run_spends_more_than_its_cap_and_every_cent_is_told",
        "tasks/test_batch_lane.py::test_a_cap_holds_in_batches_too",
    ),
    # Replies were kept when a whole chunk had them: what was paid for was lost.
    "c05": (
        "runs/test_results.py::test_a_reply_is_on_file_the_moment_it_is_kept",
        "crash/test_kill.py::test_a_killed_run_ends_as_if_undisturbed",
    ),
    # A step with nine of ten units was taken for done.
    "c06": ("tasks/test_rounds.py::test_stopped_between_rounds_it_ends_with_the_same_bytes",),
    # Being told to wait was heeded at some calls and not at others.
    "c07": ("providers/test_limit.py::test_one_episode_of_rate_limits_cuts_the_window_once",),
    # Five ways to price a model that had no price.
    "c09": (
        "providers/test_prices.py::test_unknown_model_has_no_price",
        "flows/test_summary.py::test_a_cost_is_never_guessed",
    ),
    # Every start began to count askings anew.
    "c10": ("tasks/test_work.py::test_what_is_known_is_judged_again_not_asked_again",),
    # A chunk knew the numbers of its last step only.
    "c11": ("runs/test_rounds.py::test_counts_add_up_over_the_rounds",),
    # Post-processing again made something else, and hid files that a run goes on from.
    "c12": (
        "tasks/test_post_process.py::test_twice_is_as_once",
        "tasks/test_post_process.py::test_files_of_chunks_stay_as_they_are",
    ),
    # Whether a run lives was told by its command line.
    "c13": ("runs/test_view.py::test_liveness",),
    # Two processes could work on one run.
    "c14": ("runs/test_lock.py::test_a_second_holder_is_refused_and_told_who_holds",),
}
NUMBERS = {f"r{n:02}" for n in range(1, 20)} | {f"c{n:02}" for n in range(1, 19)}


def test_every_defect_has_a_test():
    """By its number here, or by a name that is really there."""
    numbered = {
        number
        for path in HERE
        for number in re.findall(r"def test_([rc]\d\d)_", (TESTS / path).read_text())
    }
    assert numbered | ELSEWHERE.keys() == NUMBERS
    assert not numbered & ELSEWHERE.keys()
    for path, name in (test.split("::") for tests in ELSEWHERE.values() for test in tests):
        assert f"def {name}(" in (TESTS / path).read_text(), f"{path} has no {name}"


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


async def test_r02_what_was_coerced_is_kept(verdict_on):
    """Rules, files and later steps get 5, not the "5" that was accepted as 5."""
    rules = [{"name": "r", "expr": "a + 1 == 6"}]
    verdict = await verdict_on({"a": "5"}, schema=SCHEMA, types={"a": "integer"}, rules=rules)
    assert isinstance(verdict, Passed)
    assert verdict.fields == {"a": 5}


async def test_r03_what_was_unwrapped_is_kept(verdict_on):
    """The rules and the files see what the schema saw."""
    wrapped = {"response": '```json\n{"a": 3}\n```'}
    rules = [{"name": "r", "expr": "a == 3"}]
    verdict = await verdict_on(wrapped, schema=SCHEMA, required=["a"], rules=rules)
    assert verdict == Passed({"a": 3})


async def test_r05_no_reply_takes_anothers_name(verdict_on):
    """Who a unit is, and what is ours to say of it, is not part of any reply."""
    verdict = await verdict_on({"unit_id": "HACK", "_fan_index": 7, "a": 1})
    assert verdict == Passed({"a": 1})


async def test_r05_a_name_that_is_ours_cannot_be_asked_for(make_folder):
    """It is a mistake of the pipeline, told before anything is paid for."""
    schema = '{"type": "object", "properties": {"unit_id": {}}, "required": ["unit_id"]}'
    with pytest.raises(PipelineError, match="'unit_id', which a reply never sets"):
        load(make_folder({"schemas/answer.json": schema}))


@pytest.mark.parametrize("check", [{"required": ["a"]}, {"schema": SCHEMA}])
async def test_r06_a_field_of_the_unit_does_not_stand_in_for_the_replys(verdict_on, check):
    """A reply is judged alone, and merged when it has passed."""
    verdict = await verdict_on({"b": 1}, unit={"a": 3}, **check)
    assert isinstance(verdict, Rejected)


async def test_r08_a_field_called_error_is_a_field(verdict_on):
    """No key of a reply is a signal."""
    reply = {"a": 1, "error": "none"}
    assert await verdict_on(reply, schema=SCHEMA) == Passed(reply)


@pytest.mark.parametrize("schema", [None, SCHEMA])
async def test_r09_a_step_without_checks_loses_nobody(verdict_on, schema):
    """It takes what its schema takes, and without a schema every object."""
    assert await verdict_on({"a": 1}, schema=schema) == Passed({"a": 1})


@pytest.mark.parametrize(
    "source",
    ["open('/etc/passwd').read()", "__import__('os').environ", "().__class__.__mro__[1]"],
)
def test_r12_an_expression_reads_no_file(source):
    """What is not in the language is refused when the pipeline is loaded."""
    with pytest.raises(ExpressionError):
        Computation.compile({"x": source})


async def test_r12_an_expression_ends():
    """One that takes too long is a fault of its unit, and of no other."""
    computation = Computation.compile({"x": "len([1 for i in range(n) for j in range(n)])"})
    rows = [({"unit_id": str(n), "n": n}, 0) for n in (2, 10**6, 3)]
    async with Sandbox() as sandbox:
        first, endless, third = await computation.run(rows, sandbox)
    assert (first, third) == (Computed({"x": 4}, None, False), Computed({"x": 9}, None, False))
    assert isinstance(endless, Fault)


@pytest.mark.parametrize(
    "check",
    [
        {"enums": {"a": [1, True, "x"]}},
        {"schema": {"type": "object", "properties": {"a": {"enum": [1, None, [2], "x"]}}}},
    ],
)
async def test_r13_options_of_any_kind_crash_nothing(verdict_on, check):
    """Numbers among the options do not matter to a text."""
    assert (await verdict_on({"a": "X"}, **check)).fields == {"a": "x"}


@pytest.mark.parametrize(
    ("schema", "value", "kept"),
    [
        ({"type": ["integer", "null"]}, "5", 5),
        ({"type": ["integer", "null"]}, None, None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", 5),
        ({"oneOf": [{"type": "boolean"}, {"type": "integer"}]}, "TRUE", True),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, "5", 5),
        ({"$ref": "#/definitions/whole"}, "5", 5),
        ({"$ref": "#/$defs/whole"}, "5.0", 5),
        ({"type": "array", "prefixItems": [{"type": "integer"}]}, ["5", "x"], [5, "x"]),
        ({"type": "string"}, 5, "5"),
        ({"type": "integer"}, "5.0", 5),
    ],
)
def test_r14_coercion_knows_the_whole_schema_language(schema, value, kept):
    """Several types, branches, definitions of either name, lists by place."""
    whole = {"whole": {"type": "integer"}}
    document = {
        "type": "object",
        "properties": {"a": schema},
        "definitions": whole,
        "$defs": whole,
    }
    assert coerce({"a": value}, Schema(document)).value == {"a": kept}


@pytest.mark.parametrize("value", ["99", True])
async def test_r14_a_range_is_of_numbers(verdict_on, value):
    """Text is not passed over, and true is not 1."""
    assert isinstance(await verdict_on({"a": value}, ranges={"a": [0, 10]}), Rejected)


@pytest.mark.parametrize(
    "text",
    [
        'Here it is: {"a": 1}',
        '```json\n{"a": 1}',
        '<think>{"a": 2} or so?</think>\n{"a": 1}',
        '```\n{"a": 1,}\n``` as you wished',
    ],
)
def test_r15_an_object_is_found_whatever_stands_around_it(text):
    """Prose, a fence that stays open, thoughts."""
    assert extract(text).fields == {"a": 1}


@pytest.mark.parametrize("inside", ["x, +1 y", "a,]b", "```json", '{"b": 2,}', "<think>"])
def test_r15_nothing_inside_a_text_is_changed(inside):
    """What looks like a slip may be meant."""
    escaped = inside.replace('"', '\\"')
    assert extract(f'```json\n{{"a": "{escaped}",}}\n```').fields == {"a": inside}


async def test_r15_a_reply_that_is_no_json_may_be_asked_for_again(verdict_on):
    """It fails as one does that breaks the schema, with a rule of its own."""
    verdict = await verdict_on("I would rather not.")
    assert isinstance(verdict, Rejected)
    assert verdict.stage is Stage.SCHEMA_VALIDATION
    assert [error.rule for error in verdict.errors] == ["json"]


async def test_r18_rules_see_nothing_of_the_unit_before():
    """A field that one unit has is not there for the next."""
    rules = Rules.compile([Rule(name="r", expr="_x == 1")])
    async with Sandbox() as sandbox:
        units = [{"unit_id": "a", "_x": 1}, {"unit_id": "b"}]
        first, second = await rules.judge(units, sandbox)
    assert not first.errors
    assert "there is no '_x'" in second.errors[0].message


@pytest.mark.parametrize("key", ["poll_interval_seconds", "validation_retry", "strict_mode"])
def test_c15_a_key_that_does_nothing_is_told(make_folder, key):
    """No key is read over."""
    config = CONFIG.replace("items_source", f"{key}: 3\nitems_source")
    with pytest.raises(PipelineError, match=f"config.yaml:2: unknown key '{key}'"):
        load(make_folder({"config.yaml": config}))


def test_c16_the_fields_of_a_reply_are_known_by_its_schema():
    """The demo's rules speak of what the model replies, and nothing is wrong with that."""
    load(TESTS.parent / "pipelines" / "NpcDialog")


def test_c18_a_step_may_be_called_as_states_are(make_folder):
    """What a chunk waits for is kept apart from how far it is."""
    name = "x_PENDING"
    config = CONFIG.replace("name: ask", f"name: {name}")
    assert load(make_folder({"config.yaml": config})).steps[0].name == name
