"""One row that breaks a limit harms no other, and the sandbox goes on."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys

import psutil
import pytest

from pipelines.errors import SandboxError
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


PLACED = Program(
    "__at = 0\ndef placed(row):\n    global __at\n    __at = row\n"
    "    while row == 7:\n        pass\n    return 'a' * row\n",
    "placed",
)


async def test_what_a_stopped_program_was_at_is_known():
    async with Sandbox(seconds=0.2) as sandbox:
        first, endless, vast = await sandbox.run(PLACED, [1, 7, 10**10])
    assert first == "a"
    assert endless == Stopped("it took longer than 0.2 s", 7)
    assert vast == Stopped("it took more than 128 MB of memory", 10**10)


LEAP = Program("def leap(row):\n    return len(dict(zip(range(row), range(row))))\n", "leap")


async def test_a_row_at_which_the_worker_kills_itself_for_want_of_memory_is_stopped_alone():
    async with Sandbox() as sandbox:
        assert await sandbox.run(LEAP, [1, 10**7, 2]) == [
            1,
            Stopped("it took more than 128 MB of memory"),
            2,
        ]


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


WATCHDOG = Program("def dig(row):\n    return len(str(10 ** row['x']))\n", "dig")


def workers():
    return {child.pid for child in psutil.Process().children() if child.name() == "monty"}


async def kill_next_call(sandbox, *, kill=signal.SIGKILL):
    """Let a call begin that does not end, and kill the worker under it."""
    call = asyncio.create_task(sandbox.run(SPIN, [{"x": "spin"}]))
    await asyncio.sleep(0.1)
    for worker in workers():
        os.kill(worker, kill)
    return call


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_that_dies_alone_with_a_row_says_nothing_of_it(kind):
    """Its reply was good, and is paid."""
    async with Sandbox() as sandbox:
        assert await sandbox.run(DOUBLE, [{"x": 1}]) == [2]
        for worker in workers():
            os.kill(worker, kind)
        assert await sandbox.run(DOUBLE, [{"x": 2}]) == [4]


async def test_a_worker_that_dies_before_it_learns_a_program_is_replaced():
    async with Sandbox() as sandbox:
        assert await sandbox.run(DOUBLE, [{"x": 1}]) == [2]
        for worker in workers():
            os.kill(worker, signal.SIGKILL)
        assert await sandbox.run(SPIN, [{"x": 2}]) == [2]


async def test_a_worker_that_dies_again_is_no_verdict():
    """The caller hears of it, and the sandbox goes on."""
    async with Sandbox(seconds=30) as sandbox:
        call = await kill_next_call(sandbox)
        await asyncio.sleep(0.1)
        while not call.done():
            for worker in workers():
                os.kill(worker, signal.SIGKILL)
            await asyncio.sleep(0.1)
        with pytest.raises(SandboxError, match="twice") as caught:
            await call
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        assert await sandbox.run(DOUBLE, [{"x": 2}]) == [4]


async def test_a_row_for_which_the_watchdog_kills_the_worker_is_stopped_alone():
    """It is the limit that ended it, whoever carried that out."""
    async with Sandbox(seconds=0.3) as sandbox:
        short, long = await sandbox.run(WATCHDOG, [{"x": 2}, {"x": 10**7}])
    assert short == 3
    assert isinstance(long, Stopped)


async def test_a_program_that_cannot_be_defined_is_no_verdict():
    async with Sandbox() as sandbox:
        with pytest.raises(SandboxError, match="twice: unexpected EOF"):
            await sandbox.run(Program("nonsense(", "nonsense"), [{"x": 1}])
        assert await sandbox.run(DOUBLE, [{"x": 2}]) == [4]


INTERRUPTED = """
import asyncio, os, signal, sys
import psutil
from pipelines.sandbox import Program, Sandbox

heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(True))
mine = signal.getsignal(signal.SIGINT)
LENGTH = Program("def length(row):\\n    return len(row['x'])\\n", "length")


def workers():
    return {child.pid for child in psutil.Process().children()}


async def main():
    async with Sandbox() as one, Sandbox() as two:
        both = one.run(LENGTH, [{"x": "a"}]), two.run(LENGTH, [{"x": "b"}])
        assert await asyncio.gather(*both) == [[1], [1]]
        assert signal.getsignal(signal.SIGINT) is mine
        for victim in workers():  # those that replace them must be deaf, too
            os.kill(victim, signal.SIGKILL)
        both = one.run(LENGTH, [{"x": "a"}]), two.run(LENGTH, [{"x": "b"}])
        assert await asyncio.gather(*both) == [[1], [1]]
        assert signal.getsignal(signal.SIGINT) is mine
        before = workers()
        print("ready", flush=True)
        while not heard:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert workers() == before and len(before) == 2
        assert all(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in before)
        assert await one.run(LENGTH, [{"x": "abc"}]) == [3]
        print("alive", flush=True)


asyncio.run(main())
# Two pools in one process make pydantic-monty 1.4 abort now and then while Python shuts down.
os._exit(0)
"""


def test_ctrl_c_does_not_reach_the_worker():
    """A terminal sends it to the whole process group, where it is ours to hear."""
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.read() == "alive\n"
    assert process.returncode == 0


async def test_a_sandbox_works_outside_the_main_thread():
    """Where no handler may be set."""

    async def double():
        async with Sandbox() as sandbox:
            return await sandbox.run(DOUBLE, [{"x": 2}])

    assert await asyncio.to_thread(lambda: asyncio.run(double())) == [4]


COUNT = Program(
    "def count(row):\n    n = 0\n    while n < row:\n        n += 1\n    return n\n", "count"
)


async def test_a_row_that_was_alone_on_a_machine_standing_still_is_asked_again():
    """As after Ctrl-Z: the clock is the wall's."""
    async with Sandbox(seconds=1) as sandbox:
        assert await sandbox.run(COUNT, [1]) == [1]
        call = asyncio.create_task(sandbox.run(COUNT, [1_000_000]))
        await asyncio.sleep(0.02)
        (worker,) = workers()
        os.kill(worker, signal.SIGSTOP)
        await asyncio.sleep(1.1)
        os.kill(worker, signal.SIGCONT)
        assert await call == [1_000_000]


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
