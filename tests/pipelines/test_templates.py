"""Templates are strict, sandboxed, and see data as data."""

import pytest
from jinja2 import TemplateNotFound

from pipelines.errors import TemplateError
from pipelines.template_names import mentions
from pipelines.templates import environment, render

UNIT = {"npc": {"items": "a lamp", "name": "Osk", "keys": 3}, "xs": [1, 2], "text": "{{ 7*7 }}"}


@pytest.fixture
def rendered(tmp_path):
    def of(source, **files):
        for name, content in {"t.jinja2": source, **files}.items():
            (tmp_path / name).write_text(content)
        return render(environment(tmp_path).get_template("t.jinja2"), UNIT)

    return of


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ npc.items }} {{ npc.keys }}", "a lamp 3"),
        ("{{ npc.get('name') }}", "Osk"),
        ("{{ text }}", "{{ 7*7 }}"),
        ("{{ missing | default('none') }}", "none"),
        ("{% if missing is defined %}x{% endif %}", ""),
        ("{{ {'a': \"it's <b>\"} | tojson }}", '{"a": "it\'s <b>"}'),
        ("{% for x in xs %}\n{{ x }}\n{% endfor %}", "1\n2\n"),
    ],
)
def test_data_is_shown_as_it_is(rendered, source, text):
    assert rendered(source) == text


@pytest.mark.parametrize(
    "source",
    ["{{ missing }}", "{{ npc.missing }}", "{{ 1 / 0 }}", "{{ xs.name.deep }}", "{{ 'a' + 1 }}"],
)
def test_what_cannot_be_rendered_is_said_of_the_unit(rendered, source):
    with pytest.raises(TemplateError):
        rendered(source)


COUNTED = "1/2False 2/2True "
LISTED = "1['a', 'b'][[0, 1], [2, 3]]"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 'ab' * 3 }}{{ 2 * 3 }}{{ [1] * 2 }}", "ababab6[1, 1]"),
        ("{{ '%.2f %5d' | format(3.14159, 7) }}", "3.14     7"),
        ("{{ '%s-%s' % (npc.name, 1) }} {{ '{:>4}'.format(7) }}", "Osk-1    7"),
        ("{{ npc.name.upper() }} {{ 'a,b'.split(',')[1:] }}", "OSK ['b']"),
        ("{{ xs | join(', ') }} {{ ', '.join(xs | map('string')) }}", "1, 2 1, 2"),
        ("{{ [npc] | join('-', attribute='name') }}", "Osk"),
        ("{{ 'x' | center(3) }}|{{ 'a\nb' | indent(2) }}", " x |a\n  b"),
        ("{{ [{'n': 2}, {'n': 3}] | sum(attribute='n') }} {{ 3.14159 | round(2) }}", "5 3.14"),
        ("{{ {'a': [1]} | tojson(indent=1) }}", '{\n "a": [\n  1\n ]\n}'),
        ("{{ 2 ** 10 }} {{ 7 % 3 }} {{ 'a' ~ 1 ~ xs }}", "1024 1 a1[1, 2]"),
        (
            "{% for x in xs %}{{ loop.index }}/{{ loop.length }}{{ loop.last }} {% endfor %}",
            COUNTED,
        ),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% else %}no{% endfor %}", "a1"),
        ("{% for x in [] %}{{ x }}{% else %}no{% endfor %}", "no"),
        ("{% for x in xs if x > 1 %}{{ x }}{% endfor %}", "2"),
        ("{% for x in [[1]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}", "1"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m(2) }}", "<1><2>"),
        ("{% set ns = namespace(n=1) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}", "2"),
        ("{% set a, b = 1, 2 %}{{ (a, b) }}{% set c %}{{ a }}x{% endset %}{{ c }}", "(1, 2)1x"),
        ("{% filter upper %}a{{ npc.name }}{% endfilter %}", "AOSK"),
        ("{{ [3, 1] | sort | first }}{{ 'ab' | list }}{{ range(4) | batch(2) | list }}", LISTED),
    ],
)
def test_what_a_prompt_needs_is_there(rendered, source, text):
    assert rendered(source) == text


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "copy", "pop", "update"])
def test_a_field_is_never_mistaken_for_a_method(tmp_path, name):
    (tmp_path / "t").write_text(f"{{{{ unit.{name} }}}} {{{{ unit['{name}'] }}}}")
    unit = {"unit": {name: "its own"}}
    assert render(environment(tmp_path).get_template("t"), unit) == "its own its own"


def test_a_template_is_not_found_through_a_link_out_of_the_folder(tmp_path):
    inside = tmp_path / "templates"
    inside.mkdir()
    (tmp_path / "secret").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(TemplateNotFound):
        environment(inside).get_template("link")


def test_long_texts_of_a_unit_are_no_excess(tmp_path):
    (tmp_path / "t").write_text("{{ text | trim | upper }} {{ texts | join }} {{ texts | tojson }}")
    unit = {"text": "a" * 1_000_000, "texts": ["b" * 100_000] * 20}
    prompt = render(environment(tmp_path).get_template("t"), unit)
    assert len(prompt) == 1_000_000 + 2_000_000 + 20 * 100_004 + 2


def test_an_error_names_template_and_line(rendered):
    with pytest.raises(TemplateError, match=r"^t.jinja2:3: 'mood' is undefined$"):
        rendered("one\ntwo\n{{ mood }}")


def test_a_prompt_can_always_be_sent(rendered):
    assert rendered("a{{ '\\ud800' }}b") == "a\ufffdb"


def test_what_an_included_template_uses_counts_and_circles_end(tmp_path):
    (tmp_path / "a").write_text("{% include 'c' ignore missing %}{% include 'b' %}")
    (tmp_path / "b").write_text("{% include 'a' %}{{ previous }}")
    assert mentions(environment(tmp_path), "a", "previous")
    assert not mentions(environment(tmp_path), "a", "other")
