"""The names of a template are found without rendering it, and in those that it includes."""

from pathlib import Path

import pytest

from pipelines.template_names import Site, uses
from pipelines.templates import environment


@pytest.fixture
def used(tmp_path: Path):
    def of(**sources: str):
        for name, source in sources.items():
            (tmp_path / name).write_text(source)
        return uses(environment(tmp_path), next(iter(sources)))

    return of


def test_names_that_must_be_given_are_known_by_line(used):
    found = used(t="{{ a }}\n{% set b = 1 %}{{ b }}\n{% for c in cs %}{{ c }}{{ a }}{% endfor %}")
    assert found.needed == {"a": Site("t", 1), "cs": Site("t", 3)}


def test_what_a_template_asks_about_need_not_be_given(used):
    found = used(t="{{ d | default(1) }}\n{% if e is defined %}{{ e.f }}{% endif %}")
    assert (found.needed, found.guarded) == ({}, {"d": Site("t", 1), "e": Site("t", 2)})


def test_what_is_included_sees_the_same_names_and_those_set_before(used):
    found = used(a="{% set x = 1 %}{% include 'b' %}", b="{{ x }}\n{{ y }}{% include 'a' %}")
    assert found.needed == {"y": Site("b", 2)}
    assert found.reached == {"a", "b"}


def test_what_is_imported_sees_nothing_unless_it_asks_for_it(used):
    macros = "{% macro m(x) %}{{ x }}{{ y }}{% endmacro %}"
    assert used(a="{% from 'b' import m %}", b=macros).needed == {}
    assert used(a="{% from 'b' import m with context %}", b=macros).needed.keys() == {"y"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("\n{% include 'c' %}", (Site("a", 2), "includes 'c', which is not there")),
        ("{% include ['c', 'd'] %}", (Site("a", 1), "includes 'c', which is not there")),
        ("{% include 'b' %}", (Site("b", 2), "not a template: No filter named 'nope'.")),
        ("{{ x | nope }}", (Site("a", 1), "not a template: No filter named 'nope'.")),
    ],
)
def test_what_is_wrong_is_told_where_it_is(used, source, said):
    assert used(a=source, b="\n{{ x | nope }}").faults == [said]


def test_what_need_not_be_there_may_be_missing(used):
    assert not used(a="{% include 'c' ignore missing %}{% include ['c', 'b'] %}", b="").faults
