"""Rules say of each reply what does not hold, in the pipeline's own words."""

import pytest

from pipelines.model import Rule
from pipelines.rules import Judged, Rules
from pipelines.sandbox import Sandbox
from pipelines.verdicts import Error


async def judge(rules, *units, seconds=0.75):
    compiled = Rules.compile(
        [Rule.model_validate({"name": "r", **rule}, strict=False) for rule in rules]
    )
    async with Sandbox(seconds=seconds) as sandbox:
        return await compiled.judge(units, sandbox)


async def message(rule, unit):
    """Return what one rule says of a unit; None when it holds."""
    (judged,) = await judge([rule], unit)
    return judged.errors[0].message if judged.errors else None


async def test_a_rule_that_holds_says_nothing():
    assert await judge([{"expr": "a > 3"}], {"a": 4}) == [Judged((), (), ())]


@pytest.mark.parametrize("expr", ["0", "''", "[]", "none", "a > 3"])
async def test_what_is_not_true_is_an_error(expr):
    (judged,) = await judge([{"expr": expr, "error": "no"}], {"a": 2, "none": None})
    assert judged == Judged((Error("$", "r", "no"),), (), ())


async def test_a_message_shows_fields_and_what_was_compared():
    """Row 22 of the examples that were run."""
    rule = {"expr": "a > 3", "error": "a={a} {zz} {_computed}"}
    assert await message(rule, {"a": 2}) == "a=2 {zz} 2"
    rule = {"expr": "len(words) * 2 >= 5", "error": "{_computed} of {words}"}
    assert await message(rule, {"words": ["x", "y"]}) == "4 of ['x', 'y']"


async def test_a_message_is_no_format_string():
    rule = {"expr": "a > 3", "error": "{a.__class__} {a!r} {a:>{b}} {{a}} {0} {}"}
    assert await message(rule, {"a": 2}) == "{a.__class__} {a!r} {a:>{b}} {2} {0} {}"


async def test_text_of_a_reply_is_not_filled_in_again():
    assert await message({"expr": "a == b", "error": "{a}"}, {"a": "{b}", "b": "x"}) == "{b}"


async def test_a_rule_that_cannot_be_evaluated_says_why():
    """Row 23."""
    rule = {"expr": "missing > 3", "error": "no"}
    assert await message(rule, {}) == "no (expression error: there is no 'missing')"
    rule = {"expr": "a / b > 1", "error": "no"}
    assert await message(rule, {"a": 1, "b": 0}) == (
        "no (expression error: ZeroDivisionError: division by zero)"
    )


async def test_when_says_whether_a_rule_applies():
    rule = {"expr": "False", "when": "kind == 'fact'", "error": "no"}
    fact, guess, neither = await judge([rule], {"kind": "fact"}, {"kind": "guess"}, {})
    assert fact == Judged((Error("$", "r", "no"),), (), ())
    assert guess == Judged((), (), ())
    assert neither == Judged((), (), ("r: not applied, since `when` failed: there is no 'kind'",))


async def test_a_warning_is_no_error():
    rules = [
        {"name": "soft", "expr": "a > 3", "error": "only {a}", "level": "warning"},
        {"name": "lost", "expr": "b > 3", "error": "no", "level": "warning"},
        {"name": "hard", "expr": "a > 1", "error": "too few"},
    ]
    few, fewer = await judge(rules, {"a": 2}, {"a": 1})
    lost = Error("$", "lost", "no (expression error: there is no 'b')")
    assert few == Judged((), (Error("$", "soft", "only 2"), lost), ())
    assert fewer.errors == (Error("$", "hard", "too few"),)
    assert fewer.warnings[0].message == "only 1"


async def test_a_name_with_an_underscore_does_not_leak_into_the_next_unit():
    """The original's R18: `_x == 1` held for a unit that had no `_x`."""
    first, second = await judge([{"expr": "_x == 1", "error": "no"}], {"_x": 1}, {})
    assert first == Judged((), (), ())
    assert second.errors[0].message == "no (expression error: there is no '_x')"


@pytest.mark.parametrize("name", ["len", "random", "str", "isinstance", "__said", "json", "v_a"])
async def test_a_field_named_like_a_function_breaks_neither_its_unit_nor_those_after_it(name):
    rule = {"expr": "len(str(a)) == 1 and isinstance(a, int)", "error": "no"}
    holds = Judged((), (), ())
    assert await judge([rule], {"a": 1, name: 3}, {"a": 2}) == [holds, holds]


async def test_a_rule_that_does_not_end_is_named_and_fails_its_unit_alone():
    rules = [
        {"name": "quick", "expr": "n >= 0"},
        {"name": "slow", "expr": "sum(range(10 ** n)) >= 0"},
    ]
    good, bad = await judge(rules, {"n": 1}, {"n": 12}, seconds=0.2)
    assert good == Judged((), (), ())
    assert bad.errors == (Error("$", "slow", "the rules were stopped: it took longer than 0.2 s"),)


async def test_many_units_are_judged_in_order():
    rules = [{"expr": "n % 7", "error": "{n}"}]
    judged = await judge(rules, *({"n": n} for n in range(900)))
    said = [int(one.errors[0].message) for one in judged if one.errors]
    assert said == list(range(0, 900, 7))
