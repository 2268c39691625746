"""Templates are strict, sandboxed, and see data as data."""

import pytest

from pipelines.errors import TemplateError
from pipelines.templates import environment, free_names, mentions, render

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


HOSTILE = [
    "{{ ''.__class__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''['__class__'] }}",
    "{{ npc.__class__.__mro__ }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ ('{0.__class__}'|attr('format'))(1) }}",
    "{{ lipsum.__globals__ }}",
    "{{ cycler.__init__ }}",
    "{{ joiner }}",
    "{{ xs.append(3) }}",
    "{{ npc.update({'a': 1}) }}",
    "{% include '/etc/hostname' %}",
    "{% include '../secret' %}",
    "{{ range(10**9) }}",
    "{{ missing }}",
    "{{ npc.missing }}",
    "{{ 1 / 0 }}",
    "{{ xs.name.deep }}",
    "{{ 'a' + 1 }}",
    "{% for _ in range(9999) %}{{ '%9999d' | format(1) }}{% endfor %}",
]


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_not_for_templates_is_refused_and_is_no_crash(rendered, tmp_path, source):
    (tmp_path.parent / "secret").write_text("secret")
    with pytest.raises(TemplateError):
        assert "class" not in rendered(source)


def test_an_error_names_template_and_line(rendered):
    with pytest.raises(TemplateError, match=r"^t.jinja2:3: 'mood' is undefined$"):
        rendered("one\ntwo\n{{ mood }}")


def test_a_prompt_can_always_be_sent(rendered):
    assert rendered("a{{ '\\ud800' }}b") == "a\ufffdb"


def test_names_that_must_be_given_are_known_by_line(tmp_path):
    source = "{{ a }}\n{% set b = 1 %}{{ b }}\n{% for c in cs %}{{ c }}{{ a }}{% endfor %}"
    (tmp_path / "t").write_text(source + "{{ d | default(1) }}{% if e is defined %}{% endif %}")
    assert free_names(environment(tmp_path), "t") == {"a": 1, "cs": 3}


def test_what_an_included_template_uses_counts_and_circles_end(tmp_path):
    (tmp_path / "a").write_text("{% include 'b' %}")
    (tmp_path / "b").write_text("{% include 'a' %}{{ previous }}")
    assert mentions(environment(tmp_path), "a", "previous")
    assert not mentions(environment(tmp_path), "a", "other")
