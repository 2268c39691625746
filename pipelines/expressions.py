"""Read an expression of the pipeline's language: which fields it needs, and the code that it is.

Reading never runs anything. In the code every field and variable is called `v_<name>`: none can
pass for a function, and what a unit does not have is simply not there.
"""

import ast
import warnings
from dataclasses import dataclass

from pipelines.language import FUNCTIONS, KEYWORDS, METHODS, RANDOM, SYNTAX, TYPES, WORDS
from pipelines.nearest import did_you_mean

__all__ = ["PREFIX", "Expression", "ExpressionError", "parse"]

PREFIX = "v_"
"""What a field's name begins with in the code."""
MAX_CHARS = 10_000
MAX_DEPTH = 100
"""The sandbox takes twice as much."""
MAX_LOOPS = 10
"""`for` in one comprehension."""
MAX_PARTS = 100
"""Arguments of one call, conditions in one `and`, names after one `for`."""
_MAX_DIGITS = 1000
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class ExpressionError(ValueError):
    """An expression that is not in the language."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message, line, column)
        self.message = message
        self.line = line
        """Counted from 1; None in an expression of one line."""
        self.column = column

    def __str__(self) -> str:
        if self.column is None:
            return self.message
        line = "" if self.line is None else f"line {self.line}, "
        return f"{self.message} ({line}column {self.column})"


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that may be run in the sandbox."""

    source: str
    names: frozenset[str]
    """The fields it reads."""
    code: str
    """One line of Python, with each field as `v_<name>`."""
    left: str | None
    """The code before its comparison: what was compared."""
    shuffles: bool
    """Whether it changes a list that it does not make."""


def parse(source: str, *, random: bool = False) -> Expression:
    """Read `source`.

    Args:
        source: The expression; it may stand on several lines.
        random: Whether it may draw lots.

    Raises:
        ExpressionError: it is no Python expression, or uses what is not allowed here.
    """
    text = source.strip()
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"the expression is longer than {MAX_CHARS:,} characters")
    reader = _Reader(text, random=random)
    try:
        body = reader.read(_tree(text))
        left = _code(body.left) if isinstance(body, ast.Compare) else None
        return Expression(source, frozenset(reader.names), _code(body), left, reader.shuffles)
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("the expression is nested too deeply") from error


def _tree(text: str) -> ast.expr:
    # Brackets let an expression go on in the next line.
    several = "\n" in text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # Python's, of escapes it does not know: for nobody here
            return ast.parse(f"(\n{text}\n)" if several else text, mode="eval").body
    except SyntaxError as error:
        line = (error.lineno or 1) - 1 if several else None
        column = error.offset or None
        raise ExpressionError(f"not an expression: {error.msg}", line, column) from error
    except ValueError as error:
        raise ExpressionError(f"not an expression: {error}") from error


def _code(node: ast.expr) -> str:
    try:
        return ast.unparse(node)
    except ValueError as error:  # a control character in quotes in braces, before Python 3.12
        raise ExpressionError(f"the f-string is too involved: {error}") from error


class _Reader(ast.NodeTransformer):
    """Refuses what is not allowed, and gives fields and variables their names in the code."""

    def __init__(self, text: str, *, random: bool) -> None:
        self.names: set[str] = set()
        self.shuffles = False
        self._lines = text.split("\n")
        self._random = random
        self._bound: list[str] = []
        self._depth = 0

    def read(self, node: ast.expr) -> ast.expr:
        read = self.visit(node)
        assert isinstance(read, ast.expr)
        return read

    def visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, SYNTAX):
            raise self._refused(
                node, f"{WORDS.get(type(node), type(node).__name__)} is not allowed"
            )
        if _parts(node) > MAX_PARTS:
            raise self._refused(node, f"it has more than {MAX_PARTS} parts")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError("the expression is nested too deeply")
        visited = super().visit(node)
        self._depth -= 1
        return visited

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str | int | float | None):
            raise self._refused(node, f"{ast.unparse(node)} is not allowed")
        if isinstance(node.value, int) and node.value.bit_length() > _MAX_DIGITS * 3:
            raise self._refused(node, f"the number has more than about {_MAX_DIGITS} digits")
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id.startswith("__"):
            raise self._refused(node, f"the name {node.id!r} is not allowed")
        if node.id == "random":
            message = "'random' stands for the dice: random.choice(…), random.randint(…)"
            raise self._refused(node, message)
        if node.id not in self._bound:
            self.names.add(node.id)
        return _variable(node.id, node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr.startswith("_"):
            raise self._refused(node, f"the name {node.attr!r} is not allowed")
        return ast.Subscript(self.read(node.value), ast.Constant(node.attr), ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.AST:
        arguments = node.args
        if isinstance(node.func, ast.Attribute):
            self._method(node.func)
        else:
            arguments = self._function(node)
        for keyword in node.keywords:
            self._keyword(node, keyword)
        node.args[: len(arguments)] = [self.read(argument) for argument in arguments]
        return node

    def _method(self, function: ast.Attribute) -> None:
        if isinstance(function.value, ast.Name) and function.value.id == "random":
            self._draw(function)
        elif function.attr in METHODS:
            function.value = self.read(function.value)
        else:
            known = did_you_mean(function.attr, METHODS)
            raise self._refused(function, f"the method {function.attr!r} is not allowed{known}")

    def _draw(self, function: ast.Attribute) -> None:
        if not self._random:
            raise self._refused(
                function, "random is not allowed here: what is decided must not be drawn by lot"
            )
        if function.attr not in RANDOM:
            known = did_you_mean(function.attr, RANDOM)
            raise self._refused(function, f"random.{function.attr} is not allowed{known}")
        self.shuffles |= function.attr == "shuffle"

    def _function(self, node: ast.Call) -> list[ast.expr]:
        """Return those arguments of a call that are still to be read."""
        function = node.func
        name = function.id if isinstance(function, ast.Name) else "this"
        if name not in FUNCTIONS or name in self._bound:
            known = did_you_mean(name, FUNCTIONS)
            raise self._refused(function, f"{name!r} is not a function here{known}")
        if name == "round":
            node.func = ast.Name("__round", ast.Load())
        if name == "pow" and len(node.args) != len(("base", "exponent")):
            raise self._refused(node, "pow takes two numbers")
        if name != "isinstance":
            return node.args
        if len(node.args) != len(("value", "type")) or not _types(node.args[1]):
            raise self._refused(node, f"isinstance takes a value and of {', '.join(sorted(TYPES))}")
        return node.args[:1]

    def _keyword(self, call: ast.Call, keyword: ast.keyword) -> None:
        if keyword.arg not in KEYWORDS:
            raise self._refused(call, f"the argument {keyword.arg or '**'!r} is not allowed")
        value = keyword.value
        if keyword.arg != "key":
            keyword.value = self.read(value)
        elif not isinstance(value, ast.Name) or value.id not in FUNCTIONS:
            raise self._refused(value, "key= takes the name of a function, as in key=len")
        elif value.id == "round":
            keyword.value = ast.Name("__round", ast.Load())

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        # The sandbox has no generators. A list says so: the same code means the same in Python.
        return self._comprehension(ast.ListComp(node.elt, node.generators))

    def _comprehension(self, node: _Comprehension) -> ast.AST:
        if len(node.generators) > MAX_LOOPS:
            raise self._refused(node, f"there are more than {MAX_LOOPS} `for` in one comprehension")
        outside = len(self._bound)
        for part in node.generators:
            if part.is_async:
                raise self._refused(part.target, "async is not allowed")
            part.iter = self.read(part.iter)
            self._bind(part.target)
            part.target = self.read(part.target)
            part.ifs = [self.read(condition) for condition in part.ifs]
        if isinstance(node, ast.DictComp):
            node.key, node.value = self.read(node.key), self.read(node.value)
        else:
            node.elt = self.read(node.elt)
        del self._bound[outside:]
        return node

    def _bind(self, target: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(part)
        elif not isinstance(target, ast.Name):
            raise self._refused(target, "only names can follow `for`")
        elif target.id in FUNCTIONS:
            raise self._refused(target, f"{target.id!r} cannot be used as a name here")
        else:
            self._bound.append(target.id)

    def _refused(self, node: ast.AST, message: str) -> ExpressionError:
        line, offset = getattr(node, "lineno", None), getattr(node, "col_offset", None)
        if line is None or offset is None:
            return ExpressionError(message)
        several = len(self._lines) > 1
        written = self._lines[line - 2 if several else 0]
        # Python counts bytes, people count characters.
        column = len(written.encode()[:offset].decode(errors="replace")) + 1
        return ExpressionError(message, line - 1 if several else None, column)


def _variable(name: str, context: ast.expr_context) -> ast.Name:
    return ast.Name(f"{PREFIX}{name}", context)


def _parts(node: ast.AST) -> int:
    match node:
        case ast.BoolOp(values=parts) | ast.Compare(ops=parts) | ast.Call(args=parts):
            return len(parts)
        case ast.Tuple(elts=parts, ctx=ast.Store()) | ast.List(elts=parts, ctx=ast.Store()):
            return len(parts)
        case _:
            return 0


def _types(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return bool(node.elts) and all(_types(part) for part in node.elts)
    return isinstance(node, ast.Name) and node.id in TYPES
