"""The language of rules is what is listed; everything else is refused before anything runs."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.expressions import UNIT, ExpressionError, parse


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
    ],
)
def test_the_fields_that_an_expression_reads_are_known(source, names):
    assert parse(source).names == names


def test_fields_become_entries_of_the_unit_and_functions_do_not():
    expression = parse("len(name) == npc.size + sum(x for x in xs)")
    assert expression.code == (
        f"len({UNIT}['name']) == {UNIT}['npc']['size'] + sum((x for x in {UNIT}['xs']))"
    )
    assert expression.left == f"len({UNIT}['name'])"


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
    ],
)
def test_a_refusal_says_what_where_and_what_was_meant(source, message):
    with pytest.raises(ExpressionError, match=message):
        parse(source)


@given(st.text(max_size=40))
def test_no_text_raises_anything_else(source):
    try:
        code = parse(source).code
    except ExpressionError:
        return
    ast.parse(code, mode="eval")
