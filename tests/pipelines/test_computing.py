"""Expressions make fields of a unit: seeded, in order, and each unit for itself."""

import re
import subprocess
import sys
from typing import Any

import orjson
import pytest

from pipelines.computing import Computation, Computed, Fault
from pipelines.expressions import ExpressionError
from pipelines.readings import read
from pipelines.sandbox import Sandbox


async def run(computation, *units):
    """Return what is made of units, each a mapping or a pair of mapping and seed."""
    pairs = [unit if isinstance(unit, tuple) else (unit, 1) for unit in units]
    async with Sandbox() as sandbox:
        return await computation.run(pairs, sandbox)


async def value(source, unit=None, *, seed=1):
    (answer,) = await run(Computation.compile({"v": source}), (unit or {}, seed))
    return answer if isinstance(answer, Fault) else answer.fields["v"]


async def test_the_originals_seeds_give_the_originals_values():
    """Row 24 of the examples that were run."""
    dice = Computation.compile({"x": "random.randint(1, 6)", "y": "x*2"})
    assert await run(dice, ({}, 42)) == [Computed({"x": 6, "y": 12}, None, timed_out=False)]
    assert await value("random.choice(['A', 'K'])", seed=7) == "K"
    assert await value("random.sample(range(10), 3)", seed=1) == [2, 1, 4]


async def test_later_expressions_see_earlier_ones_and_may_give_names_anew():
    computation = Computation.compile(
        {"total": "total + step", "_twice": "total * 2", "name": "name.upper()"},
        init={"total": "start", "step": "1"},
    )
    assert computation.names == {"start", "name"}
    assert computation.makes == ("total", "step", "_twice", "name")
    (answer,) = await run(computation, {"start": 4, "name": "a", "other": None})
    assert answer.fields == {"total": 5, "step": 1, "_twice": 10, "name": "A"}


WALK: dict[str, Any] = {
    "init": {"position": "5", "path": "[5]"},
    "expressions": {
        "_step": "random.choice([-1, 1])",
        "position": "position + _step",
        "path": "path + [position]",
    },
    "loop_until": "position in (0, 10)",
}


def walk(**changes):
    return Computation.compile(**{**WALK, **changes})


async def test_a_loop_ends_with_the_first_round_after_which_its_condition_holds():
    (answer,) = await run(walk(), ({}, 3))
    assert answer.fields["position"] in (0, 10)
    assert answer.iterations == len(answer.fields["path"]) - 1
    assert not {0, 10} & {*answer.fields["path"][:-1]}
    assert not answer.timed_out


async def test_a_loop_that_went_round_often_enough_keeps_its_unit():
    (answer,) = await run(walk(max_iterations=3), ({}, 3))
    assert len(answer.fields["path"]) == 4
    assert (answer.iterations, answer.timed_out) == (3, True)


async def test_a_loop_whose_condition_holds_in_its_last_round_has_not_timed_out():
    count = Computation.compile(
        {"n": "n + 1"}, init={"n": "0"}, loop_until="n == 3", max_iterations=3
    )
    assert await run(count, {}) == [Computed({"n": 3}, 3, timed_out=False)]


async def test_init_body_and_condition_draw_from_one_stream():
    computation = Computation.compile(
        {"b": "random.random()"},
        init={"a": "random.random()"},
        loop_until="random.random() < 0 or random.random() < 1",
    )
    drawn = Computation.compile({"drawn": "[random.random() for i in range(4)]"})
    (looped,), (once,) = await run(computation, ({}, 9)), await run(drawn, ({}, 9))
    assert [looped.fields["a"], looped.fields["b"]] == once.fields["drawn"][:2]


async def test_a_unit_draws_the_same_beside_any_others():
    gauss = Computation.compile({"v": "[random.gauss(0, 1)]"})
    together = await run(gauss, *[({}, seed) for seed in range(450)])
    assert together[449:] == await run(gauss, ({}, 449))
    assert len({answer.fields["v"][0] for answer in together}) == 450


ANOTHER_PROCESS = """
import asyncio, os, sys
import orjson
from pipelines.computing import Computation
from pipelines.readings import read
from pipelines.sandbox import Sandbox

async def main():
    computation = Computation.compile(**orjson.loads(sys.argv[1]))
    async with Sandbox() as sandbox:
        answers = await computation.run([({}, 2**64 - n) for n in range(1, 50)], sandbox)
    sys.stdout.buffer.write(orjson.dumps([answer.fields for answer in answers]))
    sys.stdout.flush()
    os._exit(0)

asyncio.run(main())
"""


def test_another_process_makes_the_same_bytes():
    told = orjson.dumps({**WALK, "init": {**WALK["init"], "letters": "list(set('hello'))"}})
    command = [sys.executable, "-c", ANOTHER_PROCESS, told.decode()]
    first, second = (subprocess.run(command, capture_output=True, check=True) for _ in range(2))
    assert first.stdout == second.stdout
    assert len(orjson.loads(first.stdout)) == 49


async def test_a_fault_names_its_expression_and_fails_its_unit_alone():
    computation = Computation.compile(
        {"half": "10 / n", "first": "xs[0]"}, init={"ok": "1"}, loop_until="n > 0"
    )
    answers = await run(
        computation,
        {"n": 5, "xs": [1]},
        {"n": 0, "xs": [1]},
        {"n": 5, "xs": []},
        {"n": 5},
        {"n": "5", "xs": [1]},
        {"n": 2, "xs": ["z"]},
    )
    assert answers == [
        Computed({"ok": 1, "half": 2.0, "first": 1}, 1, timed_out=False),
        Fault("half", "ZeroDivisionError: division by zero"),
        Fault("first", "IndexError: list index out of range"),
        Fault("first", "there is no 'xs'"),
        Fault("half", "TypeError: unsupported operand type(s) for /: 'int' and 'str'"),
        Computed({"ok": 1, "half": 5.0, "first": "z"}, 1, timed_out=False),
    ]


async def test_a_condition_that_fails_is_named():
    computation = Computation.compile({"a": "1"}, loop_until="b > 1")
    assert await run(computation, {}) == [Fault("loop_until", "there is no 'b'")]


async def test_a_field_that_is_not_looked_at_need_not_be_there():
    computation = Computation.compile({"v": "reply if asked else 'none'"})
    assert await run(computation, {"asked": False}) == [
        Computed({"v": "none"}, None, timed_out=False)
    ]


async def test_nothing_of_one_unit_is_seen_by_the_next():
    """The original's R18: `_x` of a record leaked into those after it, and `len` broke them all."""
    computation = Computation.compile({"v": "_x + len(name)"})
    first, second, third = await run(
        computation, {"_x": 1, "name": "ab", "len": 3}, {"name": "ab"}, {"_x": 2, "name": ""}
    )
    assert (first.fields, third.fields) == ({"v": 3}, {"v": 2})
    assert second == Fault("v", "there is no '_x'")


HOSTILE_FIELDS = [
    "len",
    "random",
    "str",
    "json",
    "sum",
    "__at",
    "__builtins__",
    "v_x",
    "error",
    "open",
]


@pytest.mark.parametrize("name", HOSTILE_FIELDS)
async def test_a_fields_name_changes_nothing(name):
    computation = Computation.compile({"v": "[len(x), random.randint(1, 1), str(sum(x))]"})
    plain, hostile = await run(computation, {"x": [1]}, {"x": [1], name: "hostile"})
    assert plain == hostile == Computed({"v": [1, 1, "1"]}, None, timed_out=False)


async def test_a_field_may_have_the_name_of_a_function():
    assert await value("len + list[0]", {"len": 3, "list": [4]}) == 7


async def test_a_list_that_is_shuffled_is_the_units_own():
    """Units of one item may share it."""
    cards = [1, 2, 3, 4, 5, 6, 7, 8]
    computation = Computation.compile({"_": "random.shuffle(deck.cards)", "top": "deck.cards[:]"})
    unit = {"deck": {"cards": cards}}
    first, second, third = await run(computation, (unit, 4), (unit, 5), (unit, 4))
    assert first == third != second
    assert cards == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("{3, 1, 2}", [1, 2, 3]),
        ("{'k': {'b', 'a'}}", {"k": ["a", "b"]}),
        ("(1, (2, 3))", [1, [2, 3]]),
        ("[zip('ab', (1, 2))]", [[["a", 1], ["b", 2]]]),
        ("[2**64 - 1, -2**63]", [2**64 - 1, -(2**63)]),
        ("[0.1 + 0.2, 1e300, -0.0]", [0.30000000000000004, 1e300, -0.0]),
        ("'{\"é\\n' + '9' * 30", '{"é\n' + "9" * 30),
        ("[None, True]", [None, True]),
        ("list({'a': 1}.items())", [["a", 1]]),
        ("{}", {}),
    ],
)
async def test_what_is_kept_is_json(source, kept):
    assert await value(source) == kept


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("float('nan')", "nan"),
        ("[1e308 * 10]", "inf"),
        ("2**64", "beyond 64 bits"),
        ("[-2**63 - 1]", "beyond 64 bits"),
        ("10**5000", "4300 digits"),
        ("{1: 2}", "the key 1 is no text"),
        ("[{(1, 2): 3}]", "is no text"),
        ("{1, 'a'}", "not supported between"),
        ("(-8) ** 0.5", "complex is no JSON value"),
        ("range(3)", "range is no JSON value"),
        ("{'a': 1}.keys()", "dict_keys is no JSON value"),
        ("['a'] * 400000", "larger than 1,000,000 bytes"),
        ("[[1] * 2000] * 2000", "memory|larger"),
    ],
)
async def test_what_is_no_json_is_a_fault(source, reason):
    computation = Computation.compile({"before": "1", "v": source, "after": "2"})
    (answer,) = await run(computation, {})
    assert isinstance(answer, Fault), answer
    assert answer.expression == "v"
    assert re.search(reason, answer.reason), answer


async def test_a_value_nested_too_deeply_is_a_fault():
    nest = Computation.compile(
        {"x": "[x]"}, init={"x": "0"}, loop_until="False", max_iterations=100
    )
    deeper = Computation.compile(
        {"x": "[x]"}, init={"x": "0"}, loop_until="False", max_iterations=5000
    )
    ((fine,), (deep,)) = await run(nest, {}), await run(deeper, {})
    assert isinstance(fine, Computed)
    assert deep.expression == "x"


async def test_a_condition_is_true_or_false():
    condition = Computation.condition("score > 3 and name")
    assert condition.names == {"score", "name"}
    answers = await run(
        condition, {"score": 4, "name": "a"}, {"score": 4, "name": ""}, {"score": 4}
    )
    assert [getattr(answer, "fields", None) for answer in answers] == [
        {"when": True},
        {"when": False},
        None,
    ]
    assert answers[2] == Fault("when", "there is no 'name'")
    with pytest.raises(ExpressionError, match="must not be drawn by lot"):
        Computation.condition("random.random() < 0.5")


async def test_a_step_may_have_hundreds_of_expressions():
    many = Computation.compile({f"v{n}": str(n) for n in range(600)})
    (answer,) = await run(many, {})
    assert answer.fields["v599"] == 599


@pytest.mark.parametrize(
    "name",
    [
        "__x",
        "len",
        "random",
        "unit_id",
        "_metadata",
        "a b",
        "1a",
        "",
        "if",
        "None",
        "a.b",
        "a)+(b",
        "ﬁ",
    ],
)
def test_an_expression_cannot_be_called_just_anything(name):
    with pytest.raises(ExpressionError, match="name"):
        Computation.compile({name: "1"})


def test_what_each_expression_needs_and_what_is_wrong_is_known_without_running():
    readings = read(
        {"a": "start + b", "bad": "lenn(a)", "c": "a + bad + d"},
        init={"b": "seed"},
        loop_until="c > limit",
    )
    assert [reading.keys for reading in readings] == [
        ("init", "b"),
        ("expressions", "a"),
        ("expressions", "bad"),
        ("expressions", "c"),
        ("loop_until",),
    ]
    needs = [reading.needs for reading in readings]
    assert needs == [{"seed"}, {"start"}, set(), {"d"}, {"limit"}]
    refused = [
        reading.name for reading in readings if isinstance(reading.expression, ExpressionError)
    ]
    assert refused == ["bad"]


LARGEST = {
    "many elements": f"[{', '.join('x' * 1900)}]",
    "many arguments": f"max({', '.join('x' * 100)})",
    "many terms": " + ".join("x" * 98),
    "many conditions": " or ".join("x" * 100),
    "many comparisons": "x" + " < y" * 100,
    "many names": f"[1 for {', '.join(f'a{n}' for n in range(100))} in [range(100)]]",
    "many loops": f"[1{' for i in [x]' * 10}]",
    "many brackets": "[" * 97 + "x" + "]" * 97,
    "many branches": "x if y else " * 97 + "y",
    "many comprehensions": "[" * 48 + "x" + " for i in [x]]" * 48,
}


@pytest.mark.parametrize("source", LARGEST.values(), ids=LARGEST.keys())
async def test_what_the_language_allows_the_sandbox_takes(source):
    """What it does not take would stop the run, and nobody could be told the line."""
    computation = Computation.compile(
        {f"v{n}": source for n in range(3)}, init={"w": source}, loop_until=f"not ({source})"
    )
    (answer,) = await run(computation, {"x": 1, "y": 2})
    assert isinstance(answer, Computed | Fault)


def test_a_step_whose_expressions_are_too_long_together_is_refused():
    long = "[" + "x, " * 3000 + "]"
    *fine, refused = read({f"v{n}": long for n in range(4)})
    assert all(not isinstance(reading.expression, ExpressionError) for reading in fine)
    assert isinstance(refused.expression, ExpressionError)


async def test_no_units_cost_nothing():
    assert await run(Computation.compile({"v": "1"})) == []
