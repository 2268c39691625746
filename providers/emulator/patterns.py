"""Text that matches a regular expression, for the `pattern` keyword."""

import re
from functools import lru_cache
from importlib import import_module
from random import Random
from typing import Any

__all__ = ["NoText", "matching"]

# The parser of `re` has no public name; what it returns has been stable since Python 2.
_parse: Any = lru_cache(maxsize=256)(import_module("re._parser").parse)

REPEATS_UNASKED = 4
PRINTABLE = [chr(code) for code in range(32, 127)]
CATEGORIES = {
    f"CATEGORY_{name}": "".join(re.findall(escape, "".join(PRINTABLE)))
    for name, escape in {
        "DIGIT": r"\d",
        "NOT_DIGIT": r"\D",
        "WORD": r"\w",
        "NOT_WORD": r"\W",
        "SPACE": r"\s",
        "NOT_SPACE": r"\S",
    }.items()
}


class NoText(Exception):
    """The pattern looks around or back: nothing is made up for it."""


def matching(pattern: str, chance: Random) -> str:
    """Return text that matches the pattern from its first character to its last.

    Raises:
        NoText: the pattern uses what is not supported here.
    """
    return "".join(_text(part, chance) for part in _parse(pattern))


def _text(part: tuple[Any, Any], chance: Random) -> str:
    operation, argument = str(part[0]), part[1]
    match operation:
        case "LITERAL":
            return chr(argument)
        case "AT":
            return ""
        case "ANY":
            return chance.choice(PRINTABLE)
        case "NOT_LITERAL":
            return chance.choice([c for c in PRINTABLE if c != chr(argument)])
        case "IN":
            return chance.choice(_members(argument))
        case "BRANCH":
            return "".join(_text(inner, chance) for inner in chance.choice(argument[1]))
        case "SUBPATTERN":
            return "".join(_text(inner, chance) for inner in argument[-1])
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = argument
            times = chance.randint(least, min(int(most), least + REPEATS_UNASKED))
            return "".join(_text(part, chance) for _ in range(times) for part in inner)
        case _:
            raise NoText(operation)


def _members(parts: list[tuple[Any, Any]]) -> list[str]:
    negated = str(parts[0][0]) == "NEGATE"
    members = "".join(_range(part) for part in parts)
    if negated:
        return [character for character in PRINTABLE if character not in members]
    return list(members)


def _range(part: tuple[Any, Any]) -> str:
    operation, argument = str(part[0]), part[1]
    match operation:
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            return "".join(map(chr, range(argument[0], argument[1] + 1)))
        case "NEGATE":
            return ""
        case _:
            return CATEGORIES[str(argument)]
