"""Jinja2's filters, methods and operators, held to what a prompt needs of them.

Each that can make much out of little says how much before it does (an estimate, upwards). What no
prompt needs and what cannot be estimated is refused.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from jinja2.filters import FILTERS as _FILTERS
from jinja2.nodes import EvalContext
from jinja2.utils import Namespace, pass_eval_context

from pipelines.metering import MAX_BITS, Excess, counted, made, spend, weight

__all__ = [
    "METHODS",
    "NamedValues",
    "concatenated",
    "estimate_call",
    "estimate_operation",
    "filters",
]

MAX_COSTLY = 20_000
"""Characters that a filter is given whose time grows with the square of them."""
MAX_COUNT = 10_000
"""Of columns, of blanks, of parts: what a filter is asked for by number."""

FILTERS: Mapping[str, Callable[..., Any]] = _FILTERS
_LETTER = 100
"""Bytes that a letter takes which is a text of its own."""
_NUMBER = re.compile(r"\d+")
_COMPUTED_WIDTH = re.compile(r"%[^a-zA-Z%]*\*|\{[^{}]*\{")

METHODS = frozenset(
    """
    capitalize casefold center count endswith find format format_map index isalnum isalpha isascii
    isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust
    lower lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit
    rstrip split splitlines startswith strip swapcase title upper zfill
    """.split()  # noqa: SIM905 - forty quotes help nobody
)
"""What a text may be asked for; a number has nothing to ask for."""


class NamedValues(Namespace):
    """Jinja's `namespace`, that does not show what it holds: it may hold itself many times."""

    def __repr__(self) -> str:
        return "<namespace>"


def concatenated(parts: Iterable[Any]) -> str:
    """Return `parts` as one text."""
    texts = [str(part) for part in parts]
    spend(sum(map(len, texts)))
    return "".join(texts)


def estimate_operation(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be huge.

    Raises:
        Excess: it would.
    """
    if operator == "*":
        for one, other in ((left, right), (right, left)):
            if isinstance(one, int) and isinstance(other, str | list | tuple):
                spend(weight(other) * max(one, 0))
    elif operator == "%" and isinstance(left, str):
        spend(_format(left, right))
    elif operator == "**":
        whole = isinstance(left, int) and isinstance(right, int)
        if whole and left.bit_length() * right > MAX_BITS:
            raise Excess(f"makes a number of more than {MAX_BITS} bits")


def _at_most(number: Any, most: int = MAX_COUNT) -> Any:
    if not -most <= number <= most:
        raise Excess(f"asks for {number}, more than {most:,}")
    return number


def _letters(value: Any, *_: Any, **__: Any) -> int:
    return _LETTER * len(value) if isinstance(value, str) else 0


def _costly(value: Any, *_: Any, **__: Any) -> int:
    size = weight(value)
    if size > MAX_COSTLY:
        raise Excess(f"gives a filter more than {MAX_COSTLY:,} characters that takes long")
    return size


def _center(value: Any, width: int = 80) -> int:
    return weight(value) + max(width, 0)


def _padded(value: str, width: int, _fill: str = " ") -> int:
    return len(value) + max(width, 0)


def _format(text: Any, *args: Any, **kwargs: Any) -> int:
    text = str(text)
    if _COMPUTED_WIDTH.search(text):
        raise Excess("formats with a width that is computed")
    widths = sum(_at_most(int(number[:9])) for number in _NUMBER.findall(text))
    places = text.count("%") + text.count("{")
    return len(text) + widths + places * (weight(args) + weight(kwargs))


def _indent(value: Any, width: int | str = 4, *_: Any, **__: Any) -> int:
    text = str(value)
    wide = len(width) if isinstance(width, str) else _at_most(width)
    return len(text) + (len(text.splitlines()) + 2) * wide


def _join(separator: str, parts: Any) -> int:
    return weight(parts) + len(separator) * len(parts)


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> int:
    text, old, new = str(value), str(old), str(new)
    found = text.count(old)
    times = found if count is None or count < 0 else min(found, count)
    return len(text) + times * len(new)


def _round(_value: Any, precision: int = 0, *_: Any, **__: Any) -> int:
    return abs(_at_most(precision, 100))


def _batch(value: Any, linecount: int, *_: Any, **__: Any) -> int:
    return _letters(value) + _at_most(linecount)


def _slice(value: Any, slices: int, *_: Any, **__: Any) -> int:
    return _letters(value) + _at_most(slices)


def _sum(_value: Any, attribute: Any = None, start: Any = 0) -> int:  # noqa: ARG001 - Jinja's names
    if not isinstance(start, int | float):
        raise Excess("sums up what are no numbers")
    return 0


def _wordwrap(
    value: Any,
    width: int = 79,  # noqa: ARG001 - Jinja's names
    break_long_words: bool = True,  # noqa: ARG001
    wrapstring: str | None = None,
    **_: Any,
) -> int:
    return (_costly(value) + 1) * (len(wrapstring or "\n") + 1)


_ESTIMATES: Mapping[str, Callable[..., int]] = {
    "batch": _batch,
    "center": _center,
    "format": _format,
    "indent": _indent,
    "list": _letters,
    "pprint": _costly,
    "replace": _replace,
    "round": _round,
    "slice": _slice,
    "sort": _letters,
    "striptags": _costly,
    "sum": _sum,
    "unique": _letters,
    "urlize": _costly,
    "wordwrap": _wordwrap,
    "xmlattr": _costly,
}
_METHOD_ESTIMATES: Mapping[str, Callable[..., int]] = {
    "center": _padded,
    "format": _format,
    "format_map": _format,
    "join": _join,
    "ljust": _padded,
    "replace": _replace,
    "rjust": _padded,
    "zfill": _padded,
}


def estimate_call(
    function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Count what a method of a text is about to make; return `args`, generators gone through."""
    # Jinja wraps `format` to keep it from attributes.
    method = getattr(function, "__wrapped__", function)
    owner = getattr(method, "__self__", None)
    estimate = _METHOD_ESTIMATES.get(getattr(method, "__name__", ""))
    if estimate is None or not isinstance(owner, str):
        spend(1)
        return args
    if estimate is _join:
        args = tuple(arg if isinstance(arg, list | tuple) else list(arg) for arg in args)
    spend(estimate(owner, *args, **kwargs))
    return args


def filters() -> dict[str, Callable[..., Any]]:
    """Return Jinja's filters, bounded."""
    bounded = {name: _bounded(each, _ESTIMATES.get(name)) for name, each in FILTERS.items()}
    return {
        **bounded,
        "join": _joined,
        "tojson": _json,
        "_concatenated": concatenated,
        "_counted": counted,
        "_made": made,
    }


def _bounded(
    function: Callable[..., Any], estimate: Callable[..., int] | None
) -> Callable[..., Any]:
    # Jinja hands itself to some, in front of the value.
    first = int(hasattr(function, "jinja_pass_arg"))

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        if estimate is not None:
            spend(estimate(*args[first:], **kwargs))
        return made(function(*args, **kwargs))

    return bounded


@pass_eval_context
def _joined(context: EvalContext, value: Any, d: str = "", attribute: Any = None) -> Any:
    parts = list(value)
    spend(len(str(d)) * len(parts))
    return made(FILTERS["join"](context, parts, d, attribute))


def _json(value: Any, indent: int | None = None) -> str:
    # Jinja's own writes ' and & as \\u escapes, for the sake of HTML.
    if indent is not None:
        spend(weight(value) * _at_most(indent, 16))
    return made(json.dumps(value, ensure_ascii=False, indent=indent))
