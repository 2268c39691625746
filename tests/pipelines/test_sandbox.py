"""One row that breaks a limit harms no other, and the sandbox goes on."""

import asyncio
import os
import signal

import psutil
import pytest

from pipelines.expressions import UNIT, parse
from pipelines.sandbox import Program, Sandbox, Stopped

DOUBLE = Program("def double(row):\n    return row['x'] * 2\n", "double")
SPIN = Program(
    "def spin(row):\n    while row['x'] == 'spin':\n        pass\n    return row['x']\n", "spin"
)
GROW = Program("def grow(row):\n    return len('a' * row['x'])\n", "grow")


async def test_rows_are_answered_in_order():
    async with Sandbox() as sandbox:
        assert await sandbox.run(DOUBLE, [{"x": n} for n in range(300)]) == list(range(0, 600, 2))
        assert await sandbox.run(DOUBLE, []) == []


async def test_nothing_is_started_before_it_is_needed():
    before = len(psutil.Process().children())
    async with Sandbox():
        assert len(psutil.Process().children()) == before


async def test_a_row_that_never_ends_is_stopped_alone():
    async with Sandbox(seconds=0.3) as sandbox:
        first, second, third = await sandbox.run(SPIN, [{"x": 1}, {"x": "spin"}, {"x": 3}])
        assert (first, third) == (1, 3)
        assert isinstance(second, Stopped)
        assert await sandbox.run(DOUBLE, [{"x": 2}]) == [4]


async def test_a_row_that_takes_all_memory_is_stopped_alone():
    async with Sandbox() as sandbox:
        answers = await sandbox.run(GROW, [{"x": 10}, {"x": 10**10}])
    assert answers[0] == 10
    assert "memory" in answers[1].reason


async def test_a_row_that_cannot_go_in_is_stopped_alone():
    async with Sandbox() as sandbox:
        answers = await sandbox.run(DOUBLE, [{"x": "\ud800"}, {"x": "a"}])
    assert isinstance(answers[0], Stopped)
    assert answers[1] == "aa"


async def test_a_worker_that_dies_is_replaced():
    async with Sandbox() as sandbox:
        before = {child.pid for child in psutil.Process().children()}
        assert await sandbox.run(DOUBLE, [{"x": 1}]) == [2]
        (worker,) = {child.pid for child in psutil.Process().children()} - before
        os.kill(worker, signal.SIGKILL)
        assert await sandbox.run(DOUBLE, [{"x": 1}, {"x": 2}]) == [2, 4]


async def test_a_cancelled_call_leaves_a_working_sandbox():
    async with Sandbox(seconds=30) as sandbox:
        call = asyncio.create_task(sandbox.run(SPIN, [{"x": "spin"}]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.2)
        assert await sandbox.run(DOUBLE, [{"x": 2}]) == [4]


async def test_calls_at_the_same_time_do_not_mix():
    async with Sandbox() as sandbox:
        answers = await asyncio.gather(
            *(sandbox.run(program, [{"x": n}]) for n in range(20) for program in (DOUBLE, SPIN))
        )
    assert answers == [[n * factor] for n in range(20) for factor in (2, 1)]


AGREED = [
    "a > b or a == b and not c",
    "a if c else b",
    "round(a / (b + 1), 2) + a // 3 - a % 4 + abs(-b) ** 2",
    "len(text) + text.count('a') + text.find('n')",
    "text.strip().lower().replace('a', 'o').split()",
    "f'{text!r:>12}|{a:05.1f}|{b}'",
    "sorted(xs, reverse=True)[0:2] + xs[::-1]",
    "sum(x * 2 for x in xs if x > 1)",
    "{k: v for k, v in enumerate(xs)}",
    "{x % 2 for x in xs} == {0, 1}",
    "max(xs, default=0) - min(xs, default=0)",
    "any(x > a for x in xs) and all(x < 99 for x in xs)",
    "[x for row in [xs, xs] for x in row]",
    "list(zip(xs, reversed(xs)))",
    "npc.get('name', '') in text or npc['name'] == text",
    "isinstance(a, (int, float)) and isinstance(text, str)",
    "', '.join(str(x) for x in xs).title()",
    "list(map)",
    "text[a]",
    "a / b",
    "npc.nothing",
]
UNITS = [
    {"a": a, "b": b, "c": c, "xs": xs, "text": text, "npc": {"name": text}, "map": "ab"}
    for a, b, c, xs, text in [
        (3, 2, True, [3, 1, 2], "Banana"),
        (0, 0, False, [], " nan "),
        (2.5, 7, True, [5], "äé and"),
    ]
]


def _python(code, unit):
    try:
        return repr(eval(code, {UNIT: unit}))
    except Exception as error:  # noqa: BLE001 - whatever Python raises is the answer
        return type(error).__name__


@pytest.mark.parametrize("source", AGREED)
async def test_an_expression_means_what_it_means_in_python(source):
    code = parse(source).code
    program = Program(
        f"def run({UNIT}):\n    try:\n        return repr({code})\n"
        "    except Exception as error:\n        return type(error).__name__\n",
        "run",
    )
    async with Sandbox() as sandbox:
        assert await sandbox.run(program, UNITS) == [_python(code, unit) for unit in UNITS]
