"""The language of rules is what is listed; everything else is refused before anything runs."""

import ast
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.expressions import ExpressionError, parse
from pipelines.language import FUNCTIONS, RANDOM


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("score >= 0.6", {"score"}),
        ("0 < a <= b and not c", {"a", "b", "c"}),
        ("len(lines) > 1 and all(len(line) < 200 for line in lines)", {"lines"}),
        ("npc.name in text.lower()", {"npc", "text"}),
        ("tone in ['warm', 'cold'] if mood else True", {"tone", "mood"}),
        ("{k: v for k, v in votes.items() if v}", {"votes"}),
        ("[x for row in rows for x in row if x != limit]", {"rows", "limit"}),
        ("f'{first:>10} {last!r}'.strip()", {"first", "last"}),
        ("words[1:3][0]['deep']", {"words"}),
        ("isinstance(a, (int, float))", {"a"}),
        ("sorted(xs, key=len, reverse=True)[-1]", {"xs"}),
        ("x + [x for x in xs][0]", {"x", "xs"}),
        ("round(abs(-a) ** 2 / 3, 1) % 2 // 1", {"a"}),
        ("_secret == 1", {"_secret"}),
        ("  a\n", {"a"}),
        ("_metadata.timeout or deep.er.still", {"_metadata", "deep"}),
        ("cards * 6 + [cards[0]][::-1]", {"cards"}),
        ("a\nand\n  b", {"a", "b"}),
        ("f'{a:>{width}}' if a else f'{{}}'", {"a", "width"}),
        ("len > 3 and list != []", {"len", "list"}),
        ("größe > 1", {"größe"}),
    ],
)
def test_the_fields_that_an_expression_reads_are_known(source, names):
    assert parse(source).names == names


def test_fields_have_names_of_their_own_in_the_code_and_functions_do_not():
    expression = parse("len(len) == npc.size + sum(x for x in xs)")
    assert expression.code == "len(v_len) == v_npc['size'] + sum([v_x for v_x in v_xs])"
    assert expression.left == "len(v_len)"


DRAWS = [f"random.{name}(xs)" for name in RANDOM]


@pytest.mark.parametrize("source", DRAWS)
def test_lots_are_drawn_only_where_it_is_allowed(source):
    assert parse(source, random=True).names == {"xs"}
    with pytest.raises(ExpressionError, match="must not be drawn by lot"):
        parse(source)


@pytest.mark.parametrize(
    "source",
    ["random", "random.seed(1)", "random.Random(1)", "random.getstate()", "random[0]", "[random]",
     "random.random", "x.random.choice(xs)", "[random for random in xs]", "random()"],
)  # fmt: skip
def test_random_is_nothing_but_its_methods(source):
    with pytest.raises(ExpressionError):
        parse(source, random=True)


HOSTILE = [
    "().__class__.__mro__[1].__subclasses__()",
    "''.__class__",
    "x.__globals__",
    "x._private",
    "__import__('os')",
    "__unit",
    "__builtins__",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "getattr(x, 'y')",
    "type(x)",
    "vars()",
    "globals()",
    "compile('1', '', 'eval')",
    "print(x)",
    "random.choice(x)",
    "'{0.__class__}'.format(x)",
    "'{}'.format_map(x)",
    "str.mro()",
    "lambda: 1",
    "(lambda x: x)(1)",
    "(y := 1)",
    "[len := 1 for x in xs]",
    "[len for len in xs]",
    "[__unit for __unit in xs]",
    "[x for x.y in xs]",
    "[x for x['y'] in xs]",
    "[i async for i in xs]",
    "await x",
    "(yield x)",
    "(yield from x)",
    "1 << 100",
    "a @ b",
    "print(*xs)",
    "max(*xs)",
    "dict(**x)",
    "len(x, foo=1)",
    "x()",
    "x()()",
    "x['a']()",
    "a.b.c()",
    "f'{x.__class__}'",
    "f'{x:{y.__class__}}'",
    "import os",
    "x = 1",
    "a; b",
    "",
    "a b",
    "((",
    "'" + "x" * 20_000 + "'",
    "-" * 9_000 + "1",
    "(" * 3_000 + "1" + ")" * 3_000,
    "+".join("1" * 4_900),
    "a\0b",
    "[i for i in x " + "for j in x " * 20 + "]",
    f"max({', '.join('1' * 101)})",
    " and ".join("a" * 101),
    "a" + " < b" * 101,
    f"[1 for {', '.join('a' * 101)} in x]",
    "1j",
    "b'a'",
    "...",
    "9" * 4_000,
    "list[int]()",
    "sorted(xs, key=xs)",
    "isinstance(x, type)",
    "isinstance(x)",
    "pow(2, -1, 7)",
    "~a",
    "a if b",
    "a)\n(b",
]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_listed_is_refused(source):
    with pytest.raises(ExpressionError):
        parse(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a and lenn(b)", r"'lenn' is not a function here; did you mean 'len'\? \(column 7\)"),
        ("a.strp()", "the method 'strp' is not allowed; did you mean 'strip'"),
        ("lambda: 1", "lambda is not allowed"),
        ("a ==", "not an expression"),
        ("'ä' + lenn(b)", r"\(column 7\)"),
        ("a\nand\n  lenn(b)", r"'lenn' is not a function here; .* \(line 3, column 3\)"),
        ("[a,\n b c]", r"not an expression: .* \(line 2, column 2\)"),
        ("random.chioce(xs)", r"random.chioce is not allowed; did you mean 'choice'"),
        ("isinstance(a, float or int)", "of bool, dict, float"),
    ],
)
def test_a_refusal_says_what_where_and_what_was_meant(source, message):
    with pytest.raises(ExpressionError, match=message):
        parse(source, random=True)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_field_may_have_the_name_of_a_function(name):
    assert parse(f"{name} == 1 and {name}.x", random=True).names == {name}


def test_code_is_one_line():
    """What follows it in the program is ours."""
    code = parse("f'''{a}\nb''' +\n '''x\ny''' # end").code
    assert code == r"f'{v_a}\nb' + 'x\ny'"


def test_escapes_that_python_does_not_know_warn_nobody():
    assert parse(r"'\d' in a").names == {"a"}


def test_an_f_string_that_cannot_be_written_again_is_refused_or_written():
    """Which of both depends on the version of Python."""
    with contextlib.suppress(ExpressionError):
        ast.parse(parse("f'{x[\"\u2028\"]}'").code)


@given(st.text(max_size=40))
def test_no_text_raises_anything_else(source):
    try:
        code = parse(source).code
    except ExpressionError:
        return
    ast.parse(code, mode="eval")
