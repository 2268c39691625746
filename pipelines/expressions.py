"""The language of rules: one Python expression over a unit's fields, of what is listed here.

Reading an expression never runs it. What comes out refers to fields only as `__unit["name"]`, so no
field can pass for a function and nothing of one unit is seen by the next.
"""

import ast
from dataclasses import dataclass

from pipelines.nearest import did_you_mean

__all__ = ["UNIT", "Expression", "ExpressionError", "parse"]

UNIT = "__unit"
"""The name under which code that is made from expressions finds the unit."""

# fmt: off
FUNCTIONS = frozenset({
    "abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len",
    "list", "max", "min", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple",
    "zip",
})
METHODS = frozenset({
    "capitalize", "casefold", "count", "endswith", "find", "get", "index", "isalnum", "isalpha",
    "isdecimal", "isdigit", "islower", "isspace", "istitle", "isupper", "items", "join", "keys",
    "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind",
    "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title",
    "upper", "values",
})
# fmt: on
KEYWORDS = frozenset({"default", "key", "reverse", "start", "strict"})
MAX_CHARS = 10_000

_ALLOWED: tuple[type[ast.AST], ...] = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.Compare, ast.cmpop, ast.IfExp, ast.Constant),
    *(
        ast.Name,
        ast.Load,
        ast.Store,
        ast.Attribute,
        ast.Subscript,
        ast.Slice,
        ast.Call,
        ast.keyword,
    ),
    *(ast.List, ast.Tuple, ast.Set, ast.Dict, ast.JoinedStr, ast.FormattedValue),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
)


class ExpressionError(ValueError):
    """An expression that is not in the language."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message, column)
        self.message = message
        self.column = column

    def __str__(self) -> str:
        return self.message if self.column is None else f"{self.message} (column {self.column})"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that may be run in the sandbox."""

    source: str
    names: frozenset[str]
    """The fields it reads."""
    code: str
    """The same, with each field as `__unit["name"]`."""
    left: str | None
    """The code before its comparison: what was compared."""


def parse(source: str) -> Expression:
    """Read `source`.

    Raises:
        ExpressionError: it is no Python expression, or uses what is not allowed here.
    """
    if len(source) > MAX_CHARS:
        raise ExpressionError(f"the expression is longer than {MAX_CHARS:,} characters")
    fields = _Fields()
    try:
        body = fields.visit(ast.parse(source.strip(), mode="eval").body)
        left = ast.unparse(body.left) if isinstance(body, ast.Compare) else None
        return Expression(source, frozenset(fields.names), ast.unparse(body), left)
    except SyntaxError as error:
        raise ExpressionError(f"not an expression: {error.msg}", error.offset or None) from error
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("the expression is nested too deeply") from error
    except ExpressionError:
        raise
    except ValueError as error:
        raise ExpressionError(f"not an expression: {error}") from error


class _Fields(ast.NodeTransformer):
    """Refuses what is not allowed, and writes fields as what they are: entries of the unit."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.bound: list[str] = []

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _ALLOWED):
            raise _refused(node, f"{_WORDS.get(type(node), type(node).__name__)} is not allowed")
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id.startswith("__"):
            raise _refused(node, f"the name {node.id!r} is not allowed")
        if node.id in self.bound or node.id in FUNCTIONS:
            return node
        self.names.add(node.id)
        return _entry(ast.Name(UNIT, ast.Load()), node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr.startswith("_"):
            raise _refused(node, f"the name {node.attr!r} is not allowed")
        return _entry(self.visit(node.value), node.attr)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in METHODS:
            function.value = self._expression(function.value)
        elif isinstance(function, ast.Attribute):
            known = did_you_mean(function.attr, METHODS)
            raise _refused(function, f"the method {function.attr!r} is not allowed{known}")
        elif not isinstance(function, ast.Name) or function.id not in FUNCTIONS - {*self.bound}:
            name = function.id if isinstance(function, ast.Name) else "this"
            raise _refused(
                function, f"{name!r} is not a function here{did_you_mean(name, FUNCTIONS)}"
            )
        for keyword in node.keywords:
            if keyword.arg not in KEYWORDS:
                raise _refused(node, f"the argument {keyword.arg or '**'!r} is not allowed")
            keyword.value = self._expression(keyword.value)
        node.args = [self._expression(argument) for argument in node.args]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        return self.generic_visit(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> ast.AST:
        outside = len(self.bound)
        for part in node.generators:
            if part.is_async:
                raise _refused(node, "async is not allowed")
            part.iter = self._expression(part.iter)
            self._bind(part.target)
            part.ifs = [self._expression(condition) for condition in part.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self._expression(node.key), self._expression(node.value)
        else:
            node.elt = self._expression(node.elt)
        del self.bound[outside:]
        return node

    def _bind(self, target: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part)
        elif not isinstance(target, ast.Name):
            raise _refused(target, "only names can follow `for`")
        elif target.id in FUNCTIONS or target.id.startswith("__"):
            raise _refused(target, f"{target.id!r} cannot be used as a name here")
        else:
            self.bound.append(target.id)

    def _expression(self, node: ast.expr) -> ast.expr:
        visited = self.visit(node)
        assert isinstance(visited, ast.expr)
        return visited


def _entry(mapping: ast.AST, key: str) -> ast.Subscript:
    assert isinstance(mapping, ast.expr)
    return ast.Subscript(mapping, ast.Constant(key), ast.Load())


def _refused(node: ast.AST, message: str) -> ExpressionError:
    column = getattr(node, "col_offset", None)
    return ExpressionError(message, None if column is None else column + 1)


_WORDS: dict[type[ast.AST], str] = {
    ast.Await: "await",
    ast.Lambda: "lambda",
    ast.LShift: "<<",
    ast.MatMult: "@",
    ast.NamedExpr: ":=",
    ast.RShift: ">>",
    ast.Starred: "*",
    ast.Yield: "yield",
}
