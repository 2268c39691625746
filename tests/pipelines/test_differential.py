"""What the sandbox makes of an expression is what Python makes of it."""

import json
import pickle
import re
import struct
import subprocess
import sys
from math import isfinite
from random import Random

from pipelines.computing import Computation, Fault
from pipelines.language import FUNCTIONS, METHODS, RANDOM
from pipelines.programs import PRELUDE
from pipelines.sandbox import Program, Sandbox
from tests.pipelines.random_expressions import UNITS, Maker

EXPRESSIONS = 10_000
AT_ONCE = 200
ROWS = [(unit, 7 + place) for place, unit in enumerate(UNITS)]

PYTHON = """
import builtins, pickle, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
programs, rows = pickle.load(sys.stdin.buffer)


def listed(name):
    return lambda *args, **kwargs: list(getattr(builtins, name)(*args, **kwargs))


answers = []
for source, entry in programs:
    names = {name: listed(name) for name in ("enumerate", "reversed", "zip")}
    exec(source, names)
    answers.append([names[entry](list(row)) for row in rows])
sys.stdout.buffer.write(pickle.dumps(answers))
"""


def together(computations, number):
    """Return one program that says what each of `computations` makes of a row."""
    parts = [computation.program.source.removeprefix(PRELUDE) for computation in computations]
    calls = ", ".join(f"{computation.program.entry}(row)" for computation in computations)
    source = f"{PRELUDE}{''.join(parts)}\ndef all_{number}(row):\n    return [{calls}]\n"
    return Program(source, f"all_{number}")


def in_python(programs):
    """Return what the same code says in a Python of its own."""
    told = pickle.dumps(([tuple(program) for program in programs], ROWS))
    command = [sys.executable, "-I", "-W", "ignore", "-c", PYTHON]
    child = subprocess.run(command, input=told, capture_output=True, check=True)
    return pickle.loads(child.stdout)


def meaning(answer):
    """Return the values, or that there are none: errors are worded differently."""
    return json.loads(answer) if isinstance(answer, str) else "an error"


async def differences(sources):
    """Return where the two differ, and how often both go wrong."""
    computations = [Computation.compile({"v": source}) for source in sources]
    programs = [
        together(computations[first : first + AT_ONCE], first)
        for first in range(0, len(computations), AT_ONCE)
    ]
    async with Sandbox(seconds=30, memory_bytes=2**29) as sandbox:
        ours = [await sandbox.run(program, ROWS) for program in programs]
    different, errors = [], 0
    for place, (said, expected) in enumerate(zip(ours, in_python(programs), strict=True)):
        for row, row_expected in zip(said, expected, strict=True):
            for number, (one, other) in enumerate(zip(row, row_expected, strict=True)):
                errors += meaning(one) == "an error"
                if meaning(one) != meaning(other):
                    different.append((sources[place * AT_ONCE + number], one, other))
    return different, errors


async def test_ten_thousand_random_expressions_mean_what_they_mean_in_python():
    maker = Maker(2026)
    sources = [maker.make() for _ in range(EXPRESSIONS)]
    different, errors = await differences(sources)
    assert not different
    share = errors / (EXPRESSIONS * len(UNITS))
    assert share < 0.4, "most of them mean something"


async def test_every_function_and_method_means_what_it_means_in_python():
    words = set(re.findall(r"\w+", " ".join(EVERYTHING)))
    assert words >= {*FUNCTIONS, *METHODS, *RANDOM}
    different, errors = await differences(EVERYTHING)
    assert not different
    assert errors == 0


EVERYTHING = [
    "[abs(-n), all(xs), any(xs), bool(n), ceil(x), floor(x), chr(65), ord('é')]",
    "[dict([['a', 1]]), divmod(7, 2), enumerate('ab', start=1), exp(1), log(8), log(8, 2)]",
    "[float('1.5'), int('7'), isinstance(n, (int, str)), len(s), list('ab'), log10(1000)]",
    "[max(3, 1), min([3, 1]), max([], default=0), pow(2, 5), list(range(1, 9, 3))]",
    "[reversed([1, 2]), round(2.5), round(2.675, 2), round(155.0, -1), sorted(set([2, 1]))]",
    "[sqrt(2), str(n), sum([0.1] * 3), sum([1], start=2), tuple(xs), zip([1], [2], strict=True)]",
    "sorted(['b', 'A', 'aa'], key=len, reverse=True) + sorted(xs, key=str)",
    "[w.capitalize() + w.casefold() + w.center(9) + w.ljust(5) + w.rjust(5) for w in ws + [s]]",
    "[s.count('a'), s.find('b'), s.rfind('a'), s.endswith('x'), s.startswith('B')]",
    "[s.isalnum(), s.isalpha(), s.isdecimal(), s.isdigit(), s.islower(), s.isnumeric()]",
    "[s.isspace(), 'ab'.index('b'), s.istitle(), s.isupper(), '-'.join(ws), s.lower()]",
    "[s.upper(), s.title(), s.swapcase()]",
    "[s.strip(), s.lstrip('B'), s.rstrip('x'), s.partition('a'), s.rpartition('a'), '7'.zfill(3)]",
    "[s.removeprefix('B'), s.removesuffix('x'), s.replace('a', 'o'), s.split(), s.rsplit('a', 1)]",
    "[s.splitlines(), d.get('a', 0), list(d.items()), list(d.keys()), list(d.values())]",
    "[sorted(set([1, 2]).union([3])), sorted(set([1, 2]).intersection([2])), xs.count(1)]",
    "[sorted(set([1, 2]).difference([2])), set([1]).issubset([1]), set([1]).issuperset([])]",
    "[set([1]).isdisjoint([2]), {1, 2} == {2, 1}, sorted({1, 2} ^ {2, 3}), [1, 2].index(2)]",
    "[random.choice('abc'), random.choices([1, 2], k=3), random.gauss(0, 1), random.gauss(5, 2)]",
    "[random.choices('ab', weights=[1, 9], k=9), random.choices('ab', cum_weights=[1, 9], k=9)]",
    "[random.randint(1, 6), random.random(), random.randrange(9), random.sample(range(99), 9)]",
    "[random.uniform(1, 2), random.shuffle([1, 2]), random.sample('abcdef', 6)]",
    "f'{n:>5}|{x:.3f}|{s!r}|{n:,}|{x:e}|{x:g}|{n:x}|{n:08b}|{flag}|{none}|{xs}|{d}'",
    "[[a, b] for a in range(3) for b in range(a) if b]",
    "{k + str(v): v for k, v in d.items()}",
]


async def made(expression, unit=None):
    async with Sandbox() as sandbox:
        (answer,) = await Computation.compile({"v": expression}).run([(unit or {}, 1)], sandbox)
    return answer if isinstance(answer, Fault) else answer.fields["v"]


async def test_numbers_are_rounded_as_in_python():
    """Unlike by the sandbox's own `round`."""
    random = Random(1)
    near = [
        (random.randrange(-(10**6), 10**6) / 1000, random.randrange(-4, 4)) for _ in range(5000)
    ]
    halves = [(random.randrange(-(10**6), 10**6) / 8, random.randrange(-6, 3)) for _ in range(5000)]
    bits = [struct.unpack("d", random.randbytes(8))[0] for _ in range(5000)]
    wild = [(number, random.randrange(-300, 330)) for number in bits if isfinite(number)]
    pairs = near + halves + wild
    rounded = await made("[round(x, n) for x, n in pairs]", {"pairs": pairs})
    assert str(rounded) == str([round(number, digits) for number, digits in pairs])


async def test_any_and_all_look_at_every_element():
    """In Python the second is never divided by: a generator stops at the first."""
    assert await made("any(1 / x for x in xs)", {"xs": [1, 0]}) == Fault(
        "v", "ZeroDivisionError: division by zero"
    )


async def test_zip_enumerate_and_reversed_are_lists():
    assert await made("[zip('a', 'b'), enumerate('a'), reversed('ab')]") == [
        [["a", "b"]],
        [[0, "a"]],
        ["b", "a"],
    ]


async def test_a_set_is_gone_through_in_the_order_in_which_it_was_filled():
    """In Python the order of texts differs from process to process."""
    assert await made("[x for x in set('hello')]") == ["h", "e", "l", "o"]


async def test_digits_are_ascii():
    assert isinstance(await made("int('١٢')"), Fault)


async def test_none_and_lists_can_be_padded():
    """Python has no widths for them."""
    assert await made("f'{None:>5}{[1]:>4}'") == " None [1]"


async def test_a_count_begins_within_64_bits():
    assert isinstance(await made("enumerate('a', start=10**30)"), Fault)


async def test_a_number_halfway_between_two_shortest_texts_may_be_written_as_the_other():
    """The number is the same."""
    assert await made("str(-121249999999999.625)") == "-121249999999999.63"
    assert str(-121249999999999.625) == "-121249999999999.62"
    assert await made("-121249999999999.625") == -121249999999999.625
