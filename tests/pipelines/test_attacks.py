"""Nothing that is written as an expression reaches the machine, takes it over or harms a neighbour.

Two layers stand in the way, and each is tried alone: the language, and the sandbox that is handed
what the language would refuse.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.computing import Computation, Computed, Fault
from pipelines.errors import SandboxError
from pipelines.expressions import ExpressionError
from pipelines.sandbox import Sandbox, Stopped
from tests.pipelines.attacks import RESOURCES, TOO_LARGE_TO_KEEP, raw

ROOT = Path(__file__).parents[2]
CANARY = "the text of a file on this machine"

ESCAPES = {
    "class, mro, subclasses": "().__class__.__mro__[1].__subclasses__()",
    "str.format, attribute": "'{0.__class__.__mro__}'.format(x)",
    "format_map, attribute": "'{x.__class__}'.format_map({'x': x})",
    "str.format through the class": "str.format('{0.__class__}', x)",
    "format as a callback": "list(map('{0.__class__.__mro__}'.format, [x]))",
    "f-string, attribute": "f'{x.__class__.__mro__}'",
    "f-string, nested": "f'{x:{x.__class__}}'",
    "frame of a generator": "(i for i in [1]).gi_frame.f_globals",
    "chain of frames": "[g.gi_frame.f_back.f_back.f_builtins for g in [(i for i in [1])]]",
    "code of a generator": "(i for i in [1]).gi_code.co_consts",
    "type of a value": "type(x)",
    "type made anew": "type('T', (object,), {'__del__': open})()",
    "getattr": "getattr(x, '__cla' + 'ss__')",
    "hasattr, dir, vars": "[hasattr(x, '__class__'), dir(x), vars()]",
    "__import__": "__import__('subprocess').getoutput('touch MARK')",
    "eval": 'eval(\'__import__("pathlib").Path("MARK").touch()\')',
    "exec": "exec('import os; os.mkdir(\"MARK\")')",
    "open": "open('CANARY').read()",
    "open to write": "open('MARK', 'w').write('x')",
    "numpy": "[loadtxt('CANARY', dtype=str), fromfile('CANARY', dtype='u1')]",
    "random, its modules": "random._os.listdir('.')",
    "random, its generator": "random._inst.__reduce__()",
    "random, method of an object": "random.random.__self__",
    "random, globals of a method": "random.choice.__func__.__globals__",
    "module of a function": "len.__self__.open('CANARY').read()",
    "globals of a lambda": "(lambda: 1).__globals__['__builtins__']['open']('CANARY').read()",
    "attrgetter": "__import__('operator').attrgetter('_' + '_class_' + '_')(x)",
    "traceback of an exception": "[e.__traceback__.tb_frame for e in [ValueError()]]",
    "helper bound anew by walrus": "[(len := open), len('CANARY').read()]",
    "random bound anew": "[random('CANARY').read() for random in [open]]",
    "mro by its plain name": "str.mro()[-1].__subclasses__()",
    "fromkeys of a class": "dict.fromkeys(['CANARY'], open)['CANARY']('CANARY').read()",
    "SystemExit as a value": "[SystemExit, KeyboardInterrupt, GeneratorExit][0](1)",
    "yield": "(yield open('CANARY').read())",
    "await": "[await i for i in [open('CANARY').read()]]",
    "pathlib": "__import__('pathlib').Path('CANARY').read_text()",
    "environment": "__import__('os').environ",
    "breakpoint": "breakpoint()",
    "input": "input()",
    "print to a file": "print('x', file=open('MARK', 'w'))",
    "the program's own names": "[__at, __unit, __json]",
}

STATEMENTS = {
    "import": "import os\n    return os.listdir('/')",
    "raise SystemExit": "raise SystemExit(3)",
    "raise KeyboardInterrupt": "raise KeyboardInterrupt()",
    "traceback": "try:\n        1 / 0\n    except Exception as e:\n        return e.__traceback__",
    "read through a context": "with open('CANARY') as file:\n        return file.read()",
    "mount": "from pathlib import Path\n    return Path('CANARY').read_text()",
    "subprocess": "import subprocess\n    return subprocess.getoutput('touch MARK')",
    "socket": "import socket\n    return socket.create_connection(('127.0.0.1', 22))",
    "ctypes": "import ctypes\n    return ctypes.CDLL(None)",
    "global": "global __builtins__\n    return __builtins__",
}


def named(attacks):
    return pytest.mark.parametrize("attack", attacks.values(), ids=attacks.keys())


@pytest.fixture
def planted(tmp_path):
    """Put names of real files into an attack: one that can be read, and one to be made."""
    canary = tmp_path / "canary"
    canary.write_text(CANARY)

    def plant(attack):
        return attack.replace("CANARY", str(canary)).replace("MARK", str(tmp_path / "mark"))

    yield plant
    assert not (tmp_path / "mark").exists()


@named(ESCAPES)
async def test_an_expression_is_no_way_out(attack, planted):
    """It is refused, or what it means here reaches nothing: `x.gi_frame` is a field of x."""
    try:
        computation = Computation.compile({"v": planted(attack)})
    except ExpressionError:
        return
    async with Sandbox() as sandbox:
        (answer,) = await computation.run([({"x": "text"}, 1)], sandbox)
    assert isinstance(answer, Fault), answer


def contained(answer):
    """Whether an answer is made of nothing but what the sandbox itself has."""
    if isinstance(answer, list | tuple | set):
        return all(contained(part) for part in answer)
    if isinstance(answer, dict):
        return all(contained(part) for part in (*answer.keys(), *answer.values()))
    if isinstance(answer, str):
        return CANARY not in answer
    if isinstance(answer, type):
        return answer in {bool, dict, float, int, list, object, str, tuple}
    plain = bool | int | float | None | Stopped
    return isinstance(answer, plain) or type(answer).__module__.startswith("pydantic_monty")


async def _reaches_nothing(program):
    async with Sandbox() as sandbox:
        try:
            first, bad, last = await sandbox.run(program, ["good", "bad", "good"])
        except SandboxError:  # the worker does not even take it for a program
            return
    assert (first, last) == ("good", "good")
    assert contained(bad), bad


@named(ESCAPES)
async def test_the_sandbox_alone_lets_nothing_out(attack, planted):
    await _reaches_nothing(raw(planted(attack)))


@named(STATEMENTS)
async def test_the_sandbox_alone_stands_statements(attack, planted):
    await _reaches_nothing(raw(planted(attack), body=True))


@pytest.fixture(scope="module")
def trial():
    """All attacks on the sandbox alone, in a process that has no other children."""
    command = [sys.executable, str(ROOT / "tests" / "pipelines" / "attacks.py")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr  # its exit code is Monty's: it may abort when Python ends
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [name for name in RESOURCES if name != "deep source"])
def test_the_sandbox_alone_ends_what_takes_time_or_memory(trial, name):
    """In 2 s; CPU time counts, since the machine may be busy with something else."""
    result = trial["results"][name]
    assert result["unharmed"]
    assert result["ended"]
    assert result["cpu"] < 2


def test_no_worker_grows_large(trial):
    assert trial["peak_bytes"] < 300 * 2**20


@named(RESOURCES)
async def test_an_expression_that_takes_time_or_memory_fails_its_unit_alone(attack):
    try:
        computation = Computation.compile({"v": f"({attack}) if bad else 0"})
    except ExpressionError:
        return
    units = [({"bad": bad, "s": "ba" * 500}, 1) for bad in (False, True, False)]
    async with Sandbox(seconds=0.3) as sandbox:
        first, bad, last = await computation.run(units, sandbox)
    assert first == last == Computed({"v": 0}, None, timed_out=False)
    assert isinstance(bad, Fault)
    assert bad.expression == "v"


@named(TOO_LARGE_TO_KEEP)
async def test_a_value_too_large_to_keep_fails_its_unit_alone(attack):
    computation = Computation.compile({"small": "1", "v": f"{attack} if bad else 0"})
    async with Sandbox() as sandbox:
        good, bad = await computation.run([({"bad": bad}, 1) for bad in (False, True)], sandbox)
    assert isinstance(good, Computed)
    assert isinstance(bad, Fault)
    assert bad.expression in {"v", "expressions"}


async def test_a_list_that_doubles_fails_its_unit_alone():
    computation = Computation.compile(
        {"x": "x + x if bad else x"}, init={"x": "[1]"}, loop_until="False", max_iterations=60
    )
    async with Sandbox() as sandbox:
        good, bad = await computation.run([({"bad": bad}, 1) for bad in (False, True)], sandbox)
    assert good == Computed({"x": [1]}, 60, timed_out=True)
    assert bad == Fault("x", "it took more than 128 MB of memory")


async def test_one_endless_unit_among_200_costs_two_limits():
    """Not 200, and not one for each halving."""
    computation = Computation.compile({"v": "sum(range(10**12 if bad else 10))"})
    units = [({"bad": n == 77}, n) for n in range(200)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    async with Sandbox() as sandbox:
        answers = await computation.run(units, sandbox)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Fault)] == [77]
    assert answers[77] == Fault("v", "it took longer than 0.75 s")
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 3 * 0.75
