"""Random expressions of the whole language, typed so that most of them mean something."""

import re
from collections.abc import Mapping
from random import Random

__all__ = ["UNITS", "Maker"]

# fmt: off
UNITS = (
    {"n": 3, "m": -7, "x": 2.5, "y": 0.1, "s": "Banana bread", "t": "", "flag": True,
     "none": None, "xs": [3, 1, 2], "ws": ["b", "aa", ""], "d": {"a": 1, "b": 2},
     "npc": {"name": "Ann", "age": 41}},
    {"n": 0, "m": 10**12, "x": -0.0, "y": 1e300, "s": "äöß Ünïcode\tx", "t": " 12 ",
     "flag": False, "none": None, "xs": [], "ws": ["x"], "d": {},
     "npc": {"name": "", "age": 2.675}},
    {"n": 21, "m": 2, "x": 1 / 3, "y": 2.675, "s": "a,b;c", "t": "7", "flag": True,
     "none": None, "xs": [5, 5, -1, 8], "ws": ["Ab", "ab", "AB"], "d": {"z": 9},
     "npc": {"name": "b c", "age": -1}},
)
"""No unit has a field called `missing`."""

LEAVES: Mapping[str, tuple[str, ...]] = {
    "INT": ("n", "m", "0", "1", "2", "7", "-3", "100", "len(xs)", "npc.age"),
    "NUM": ("n", "m", "x", "y", "0.5", "1e-3", "2.675", "-1.25", "3"),
    "STR": ("s", "t", "npc.name", "'a'", "'Mix Of Case'", "'12'", "''", "'é ß'", "'x,y'"),
    "BOOL": ("flag", "True", "False", "none is None", "n > 2"),
    "LIST": ("xs", "[n, m, 4]", "[]", "[1, 2, 2, 3]", "list(range(5))"),
    "WORDS": ("ws", "s.split()", "['c', 'A', 'b']", "list(s)"),
    "DICT": ("d", "npc", "{}", "{'k': n, 's': s}"),
    "SET": ("set(xs)", "set(ws)", "{1, 2, 3}", "{'a', s}"),
}
FORMS: Mapping[str, tuple[str, ...]] = {
    "INT": (
        "INT + INT", "INT - INT", "INT * SMALL", "INT // INT", "INT % INT", "-INT", "+INT",
        "INT ** SMALL", "INT & INT", "INT | INT", "INT ^ INT", "abs(INT)", "int(NUM)",
        "int(STR)", "len(STR)", "len(LIST)", "len(SET)", "sum(LIST)", "max(LIST)",
        "min(INT, INT)", "round(NUM)", "LIST[INT]", "STR.count(STR)", "STR.find(STR)",
        "LIST.count(INT)", "LIST.index(INT)", "floor(NUM)", "ceil(NUM)", "ord(STR[SMALL])",
        "INT if BOOL else INT", "DICT.get('a', INT)", "DICT['k']", "max(LIST, default=INT)",
        "sum($ for $ in LIST if $ > INT)", "sum(SET & SET)", "divmod(INT, INT)[SMALL]",
        "random.randint(1, 6)", "random.choice(LIST)", "random.randrange(3, 90, 4)",
        "min(WORDS, key=len).count(STR)", "len(DICT)", "STR.rfind(STR)", "INT and INT",
    ),
    "NUM": (
        "NUM + NUM", "NUM - NUM", "NUM * NUM", "NUM / NUM", "NUM // NUM", "NUM % NUM",
        "NUM ** SMALL", "-NUM", "abs(NUM)", "float(STR)", "float(INT)", "round(NUM, SMALL)",
        "sum([NUM, NUM, NUM])", "max(NUM, NUM)", "sqrt(INT)", "log(NUM)", "log10(NUM)",
        "exp(SMALL)", "NUM if BOOL else INT", "INT", "INT / INT", "random.random()",
        "random.uniform(NUM, NUM)", "random.gauss(0, 1)", "pow(NUM, SMALL)",
        "sum($ / 2 for $ in LIST)", "round(NUM, -SMALL)", "NUM or NUM", "float(NUM)",
        "sum([0.1] * SMALL)", "divmod(NUM, NUM)[0]",
    ),
    "STR": (
        "STR + STR", "STR * SMALL", "STR[INT]", "STR[SMALL:INT]", "STR[::-1]", "str(INT)",
        "str(NUM)", "str(LIST)", "str(DICT)", "str(BOOL)", "STR.upper()", "STR.lower()",
        "STR.title()", "STR.strip()", "STR.capitalize()", "STR.casefold()", "STR.swapcase()",
        "STR.replace(STR, STR)", "', '.join(WORDS)", "STR.join(WORDS)", "WORDS[SMALL]",
        "STR.center(SMALL)", "STR.ljust(9, '.')", "STR.zfill(SMALL)", "STR.lstrip(STR)",
        "STR.removeprefix(STR)", "STR.partition(STR)[SMALL]", "f'{INT}:{STR}'",
        "f'{NUM:.2f}'", "f'{NUM:10.3e}|{INT:>5}|{STR!r}'", "f'{INT:05d}{INT:,}{NUM:g}'",
        "f'{STR:>{SMALL}}{STR:*^9}'", "f'{NUM}{LIST}{DICT}'", "STR if BOOL else STR",
        "chr(SMALL + 65)", "'%s-%d' % (STR, INT)", "'%.1f%%' % NUM", "random.choice(WORDS)",
        "''.join(sorted(STR))", "''.join($ for $ in STR if $ in STR)", "max(WORDS)",
        "min(WORDS, key=len)", "f'{NUM:.0%}{INT:x}{INT:b}'", "STR or STR", "f'{BOOL}{none}'",
        "STR.rstrip()", "STR.rpartition(STR)[0]", "DICT['name']", "f'{INT:+d}{NUM:8}'",
    ),
    "BOOL": (
        "INT < INT", "NUM <= NUM", "INT == NUM", "STR != STR", "STR in STR", "INT in LIST",
        "INT not in SET", "not BOOL", "BOOL and BOOL", "BOOL or BOOL", "bool(LIST)",
        "0 < INT <= NUM", "STR < STR", "LIST < LIST", "LIST == LIST", "SET == SET",
        "SET <= SET", "isinstance(ANY, (int, float))", "isinstance(ANY, str)", "STR.isdigit()",
        "isinstance(ANY, list)", "STR.startswith(STR)", "STR.endswith(('a', STR))",
        "STR.isalpha()", "STR.isupper()", "STR.istitle()", "STR.isspace()", "STR.isalnum()",
        "any($ > INT for $ in LIST)", "all($ for $ in WORDS)", "STR in DICT", "ANY is None",
        "random.random() < 0.5", "SET.issubset(SET)", "SET.isdisjoint(SET)", "ANY == ANY",
        "DICT == DICT", "bool(ANY)", "BOOL == BOOL",
    ),
    "LIST": (
        "LIST + LIST", "LIST * SMALL", "LIST[SMALL:]", "LIST[::-1]", "LIST[INT:INT:2]",
        "sorted(LIST)", "sorted(LIST, reverse=True)", "sorted(SET & SET)", "[INT, INT]",
        "[$ * 2 for $ in LIST if $ != INT]", "[$ + $b for $ in LIST for $b in LIST[:SMALL]]",
        "list(range(SMALL))", "list(range(SMALL, INT % 50, 3))", "list(LIST)",
        "random.sample(LIST, SMALL)", "random.choices(LIST, k=SMALL)", "[INT] * SMALL",
        "random.choices([1, 2, 3], weights=[1, INT, 3], k=SMALL)", "LIST if BOOL else LIST",
        "[len($) for $ in WORDS]", "list(reversed(LIST))", "[random.random() for $ in LIST]",
        "[[$, $b] for $, $b in zip(LIST, LIST)]", "[[$b for $b in LIST[:$ % 3]] for $ in LIST]",
        "list(zip(LIST, WORDS))", "list(enumerate(WORDS, start=SMALL))", "sorted(SET | SET)",
        "list(DICT.values())", "sorted(SET - SET)", "sorted(LIST, key=abs)",
    ),
    "WORDS": (
        "WORDS + WORDS", "WORDS[SMALL:]", "sorted(WORDS)", "sorted(WORDS, key=len)",
        "STR.split()", "STR.split(',')", "STR.splitlines()", "list(STR)", "[STR, STR]",
        "[$.upper() for $ in WORDS]", "[f'{$}-{$b}' for $b, $ in enumerate(WORDS)]",
        "random.sample(WORDS, SMALL)", "sorted(DICT)", "list(DICT.keys())", "WORDS * SMALL",
        "STR.rsplit(STR, SMALL)", "[$ for $ in WORDS if $ and STR in $]", "tuple(WORDS)",
        "[str($) for $ in LIST]",
    ),
    "DICT": (
        "{'a': ANY, 'b': ANY}", "{$: len($) for $ in WORDS}", "dict(zip(WORDS, LIST))",
        "{$: $b for $, $b in DICT.items()}", "DICT | DICT", "dict([('k', INT)])",
        "DICT if BOOL else DICT", "{str($): $b for $b, $ in enumerate(LIST)}",
    ),
    "SET": (
        "{INT, INT}", "set(LIST)", "{$ % 3 for $ in LIST}", "SET | SET", "SET & SET",
        "SET ^ SET", "set(WORDS)", "SET.union(LIST)", "SET.difference(SET)",
    ),
}
# fmt: on
KINDS = ("INT", "NUM", "STR", "BOOL", "LIST", "WORDS", "DICT")
"""What an expression may end in: a set has no order."""
_HOLE = re.compile(r"\b(INT|NUM|STR|BOOL|LIST|WORDS|DICT|SET|SMALL|ANY)\b")


class Maker:
    """Makes expressions, the same from the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.variables = 0

    def make(self, kind: str = "ANY", depth: int = 4) -> str:
        """Return an expression of this kind, now and then of another."""
        rolled = self.random.random()
        if kind == "SMALL":
            return str(self.random.randrange(6))
        if kind == "ANY" or rolled < 0.02:
            kind = self.random.choice(KINDS)
        if rolled > 0.995:
            return "missing"
        if depth == 0 or rolled > 0.85:
            return self.random.choice(LEAVES[kind])
        self.variables += 1
        form = self.random.choice(FORMS[kind]).replace("$", f"v{self.variables}")
        quoted = form.startswith("f'")
        return _HOLE.sub(lambda hole: self._part(hole[1], depth, quoted=quoted), form)

    def _part(self, kind: str, depth: int, *, quoted: bool) -> str:
        if quoted and kind != "SMALL":  # no quotes inside an f-string's braces
            return self.random.choice(
                [leaf for leaf in LEAVES.get(kind, ("n",)) if "'" not in leaf and "{" not in leaf]
            )
        part = self.make(kind, depth - 1)
        return part if part.isidentifier() else f"({part})"
