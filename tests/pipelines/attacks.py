"""Attacks on time and memory, tried on the sandbox in a process of their own.

Only there the largest of the workers is known: the system counts every child that a process had.
"""

import asyncio
import json
import resource
import sys

from pipelines.sandbox import Program, Sandbox, Stopped

RESOURCES = {
    "long text": "'a' * 10**10",
    "tower of powers": "9**9**9",
    "shifted power": "(2**10**8) >> 1",
    "endless comprehension": "[a for a in range(10**9) for b in range(10**9)]",
    "nested loops": "[1 for a in range(10**5) for b in range(10**5) if a == -1]",
    "sum of a range": "sum(range(10**12))",
    "list of a range": "list(range(10**10))",
    "max of a range": "max(range(10**12))",
    "f-string, width": "f'{1:{10**9}}'",
    "%, width": "'%1000000000d' % 1",
    "zfill": "'a'.zfill(10**10)",
    "ljust": "'a'.ljust(10**10)",
    "replace": "('a' * 10**5).replace('a', 'b' * 10**6)",
    "join": "('x' * 10**6).join(['y'] * 10**5)",
    "deep source": "(" * 5000 + "1" + ")" * 5000,
    "recursion": "(lambda f: f(f))(lambda f: f(f))",
    "sample of a range": "random.sample(range(10**9), 10**8)",
    "digits": "int('9' * 10**7)",
    "splits": "[s.split('a') for i in range(900000)]",
    "choices": "random.choices([1], k=10**9)",
    "samples": "[random.sample(range(1000), 1000) for i in range(10**5)]",
    "shared lists, as text": "str([[[1] * 1000] * 1000] * 1000)",
    "shared lists, compared": "[[[1]*1000]*1000]*1000 == [[[1]*1000]*1000]*1000",
    "sum of lists": "sum([[1] * 1000] * 10**5, [])",
    "digits of a power": "len(str(10**10**7))",
    "rest of a power": "10**10**7 % 7",
    "power of digits": "int('1' * 4300) ** 4300",
    "set of a range": "set(range(10**8))",
    "texts of a range": "max([str(i) for i in range(10**9)])",
    "shuffle": "random.shuffle(list(range(10**8)))",
    "search": "[('a' * 10**6).count('a' * 1000 + 'b') for i in range(10**4)]",
    "mapping of pairs": "dict(zip(range(10**7), range(10**7)))",
    "list of pairs": "list(enumerate('a' * 10**8))",
    "precision": "f'{10**300:.{10**9}f}'",
    "sorting": "[sorted(range(10**5)) for i in range(10**5)]",
    "numbers": "[10**4000 * i for i in range(10**6)]",
    "lines": "'\\n'.join(['a' * 100] * 10**6).splitlines()",
}
TOO_LARGE_TO_KEEP = {
    "shared lists": "[[[1] * 1000] * 1000] * 1000",
    "shared lists with a set": "[[[{1}] * 1000] * 1000] * 1000",
    "shared lists in mappings": "{'a': [{'b': [1] * 1000}] * 1000}",
    "text": "'a' * 10**7",
    "number": "10**4000",
    "many": "['a'] * 10**6",
}
RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def raw(attack, *, body=False):
    """Return a program that is the attack itself, as if the language had let it through."""
    inside = attack if body else f"return {attack}"
    source = (
        f"import random\n__at = 0\ndef attack(row):\n    x = row\n    s = row * 500\n    {inside}\n"
    )
    return Program(
        f"{source}\ndef tried(row):\n    if row == 'good': return row\n    return attack(row)\n",
        "tried",
    )


async def tried(attack):
    """Return what became of an attack between two good rows, and the CPU seconds it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    async with Sandbox() as sandbox:
        first, bad, last = await sandbox.run(raw(attack), ["good", "ba", "good"])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A text for which there was no time ends in `[timeout]`.
    ended = isinstance(bad, Stopped | bool | int) or bad.endswith("...[timeout]]")
    return {
        "unharmed": (first, last) == ("good", "good"),
        "ended": ended,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


async def main():
    names = [name for name in RESOURCES if name != "deep source"]
    results = {name: await tried(RESOURCES[name]) for name in names}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * RSS_UNIT_BYTES
    sys.stdout.write(json.dumps({"results": results, "peak_bytes": peak}))


if __name__ == "__main__":
    asyncio.run(main())
