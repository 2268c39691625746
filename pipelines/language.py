"""What expressions may consist of: functions, methods, dice and syntax; nothing else is known."""

import ast
from collections.abc import Mapping

__all__ = ["FUNCTIONS", "KEYWORDS", "METHODS", "RANDOM", "RESERVED", "SYNTAX", "TYPES", "WORDS"]

FUNCTIONS: Mapping[str, str] = {
    "abs": "a number without its sign",
    "all": "whether all elements are true; unlike Python's it looks at each of them",
    "any": "whether one element is true; unlike Python's it looks at each of them",
    "bool": "true or false",
    "ceil": "the next whole number above",
    "chr": "the character of a code point",
    "dict": "a mapping of pairs",
    "divmod": "quotient and remainder",
    "enumerate": "a list of (place, element)",
    "exp": "e to the power",
    "float": "a number with a fraction",
    "floor": "the next whole number below",
    "int": "a whole number; digits are 0 to 9",
    "isinstance": "whether a value is of a type, or of one of several in brackets",
    "len": "how many elements or characters",
    "list": "a list of the elements",
    "log": "the natural logarithm, or to the base that comes second",
    "log10": "the logarithm to base 10",
    "max": "the greatest; key=, default=",
    "min": "the least; key=, default=",
    "ord": "the code point of a character",
    "pow": "the first to the power of the second",
    "range": "whole numbers from, to but without, in steps of",
    "reversed": "a list of the elements, last first",
    "round": "to so many decimals; half goes to the even digit",
    "set": "each element once, in the order in which they come",
    "sorted": "a list in order; key=, reverse=",
    "sqrt": "the square root",
    "str": "as text",
    "sum": "the sum; start=",
    "tuple": "a tuple of the elements",
    "zip": "a list of tuples, one element of each; strict=",
}
"""Each with what it gives. A name is a function only where it is called: fields keep theirs."""

TYPES = frozenset({"bool", "dict", "float", "int", "list", "set", "str", "tuple"})
"""What `isinstance` may be asked for."""

RANDOM: Mapping[str, str] = {
    "choice": "one element",
    "choices": "k= elements, each from all; weights=, cum_weights=",
    "gauss": "a number around the first, with the second as standard deviation",
    "randint": "a whole number from the first to the second, both included",
    "random": "a number from 0 to just below 1",
    "randrange": "an element of a range",
    "sample": "so many different elements",
    "shuffle": "nothing; the list itself is shuffled",
    "uniform": "a number between two",
}
"""The methods of `random`, which is seeded for each unit and step."""

# fmt: off
METHODS = frozenset({
    "capitalize", "casefold", "center", "count", "difference", "endswith", "find", "get", "index",
    "intersection", "isalnum", "isalpha", "isdecimal", "isdigit", "isdisjoint", "islower",
    "isnumeric", "isspace", "issubset", "issuperset", "istitle", "isupper", "items", "join",
    "keys", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace",
    "rfind", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
    "strip", "swapcase", "title", "union", "upper", "values", "zfill",
})
"""Methods of text, lists, mappings and sets; none changes what it is called on."""
KEYWORDS = frozenset({
    "cum_weights", "default", "k", "key", "reverse", "start", "strict", "weights",
})
# fmt: on

RESERVED = frozenset({*FUNCTIONS, "random", "unit_id", "_metadata"})
"""What no expression may be called."""

SYNTAX: tuple[type[ast.AST], ...] = (
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp, ast.Add),
    *(ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.BitAnd, ast.BitOr),
    *(ast.BitXor, ast.Compare, ast.cmpop, ast.IfExp, ast.Constant, ast.Name, ast.Load, ast.Store),
    *(ast.Attribute, ast.Subscript, ast.Slice, ast.Call, ast.keyword, ast.List, ast.Tuple),
    *(ast.Set, ast.Dict, ast.JoinedStr, ast.FormattedValue, ast.ListComp, ast.SetComp),
    *(ast.DictComp, ast.GeneratorExp, ast.comprehension),
)

WORDS: Mapping[type[ast.AST], str] = {
    ast.Await: "await",
    ast.Invert: "~",
    ast.Lambda: "lambda",
    ast.LShift: "<<",
    ast.MatMult: "@",
    ast.NamedExpr: ":=",
    ast.RShift: ">>",
    ast.Starred: "*",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}
"""What people call the syntax that is refused."""
