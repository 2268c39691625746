"""What is probably not meant is told as well, and keeps nobody from running it."""

import pytest

from pipelines import load

ASK = "  - {name: ask, template: ask.jinja2, output_schema: answer.json}\n"
JUDGE = "  - {name: judge, template: ask.jinja2, output_schema: answer.json, into: judged, %s}\n"


@pytest.mark.parametrize(
    ("steps", "doubt"),
    [
        (
            ASK + JUDGE.replace("into: judged, %s", "max_tokens: 3"),
            (
                "config.yaml:5: step 'judge': overwrites 'certainty', which units have from "
                "step 'ask'; "
                "with `into: NAME` the whole reply is kept under a name of its own"
            ),
        ),
        (
            ASK + JUDGE.replace("judged, %s", "topic"),
            "overwrites 'topic', which units have from items.yaml; take another name",
        ),
        (
            "  - {name: a, scope: expression, expressions: {topic: '1'}}\n" + ASK,
            (
                "config.yaml:4: step 'a': overwrites 'topic', which units have from items.yaml; "
                "call it otherwise to keep both"
            ),
        ),
        (
            "  - {name: a, scope: fan_out, field: topic, child_field: name}\n" + ASK,
            "overwrites 'name', which units have from items.yaml",
        ),
        (
            ASK + "  - {name: b, scope: expression, expressions: {c: kind}}\n",
            (
                "'kind' may be missing: the schema of step 'ask' does not require it; "
                "a unit without "
                "it fails here. Add `when`, or see that all have it"
            ),
        ),
        (
            ASK.replace("}", ", when: topic}")
            + "  - {name: b, scope: expression, expressions: {c: text}}\n",
            "'text' may be missing: step 'ask' skips units by its `when`",
        ),
        (
            ASK.replace(
                "}", ", rules: [{name: r, expr: kind, when: text, error: '{kidn} {kind}'}]}"
            ),
            "its error shows {kidn} as it stands: there is no such field; did you mean 'kind'?",
        ),
        (
            "  - {name: r, scope: run, script: scripts/r.py}\n" + ASK,
            "step 'r': is called at the very end, not before 'ask': put it behind",
        ),
    ],
)
def test_what_is_probably_not_meant_is_doubted(said, steps, doubt):
    problems, doubts = said(steps, {"scripts/r.py": ""})
    assert problems == []
    assert any(doubt in each for each in doubts), doubts


@pytest.mark.parametrize(
    "steps",
    [
        "  - {name: a, scope: expression, expressions: {topic: topic.title()}}\n" + ASK,
        ASK + "  - {name: b, scope: expression, expressions: {c: kind}, when: text}\n",
        ASK.replace("}", ", rules: [{name: r, expr: kind, when: text}]}"),
        "  - {name: a, scope: fan_out, field: topic}\n" + ASK,
    ],
)
def test_what_is_meant_is_not_doubted(said, steps):
    assert said(steps) == [[], []]


def test_templates_are_doubted_where_names_come_to_nothing(said):
    template = "{{ topic }}{{ kind }}\n{% if toppic is defined %}{% endif %}"
    problems, doubts = said(ASK + JUDGE % "", {"templates/ask.jinja2": template})
    assert problems == ["templates/ask.jinja2:1: 'kind' is not there yet: this very step makes it"]
    assert "'toppic' is no field of the units here; did you mean 'topic'?" in doubts[-1]


def test_a_field_that_some_items_lack_is_doubted_with_their_number(said):
    items = "- {name: a, topic: x}\n- {name: b}\n"
    _, doubts = said(ASK, {"items.yaml": items})
    assert doubts == [
        (
            "templates/ask.jinja2:1: 'topic' may be missing: 1 of 2 units in items.yaml have none; "
            "a unit without it fails here. Say {{ topic | default('…') }}, or see that all have it"
        )
    ]


def test_names_that_hide_others_are_doubted(said):
    top = "global_context: {topic: x, size: 1}\nexpressions: {name: '1', size: '2'}\n"
    problems, doubts = said(ASK, top=top)
    assert problems == []
    assert doubts == [
        (
            "config.yaml:3: units have 'topic' too, from items.yaml: templates see this one; "
            "call it otherwise to have both"
        ),
        "config.yaml:4: 'size' stands under `global_context` too: templates see that one",
        (
            "config.yaml:4: units have 'name' too, from items.yaml: templates see this one; "
            "call it otherwise to have both"
        ),
    ]
    problems, _ = said(ASK, top="global_context: {previous: x}\n")
    assert "in templates 'previous' is the reply before this one" in problems[0]


def test_files_that_nobody_uses_are_doubted(said):
    files = {
        "templates/old.jinja2": "",
        "templates/part.jinja2": "",
        "templates/ask.jinja2": "{% include 'part.jinja2' %}{{ topic }}",
        "schemas/old.json": "{}",
        "rehearsal/aks.jinja2": "",
        "rehearsal/README.md": "",
    }
    _, doubts = said(ASK, files)
    assert doubts == [
        "rehearsal/aks.jinja2:None: no step uses this file; did you mean 'ask'?",
        "schemas/old.json:None: no step uses this file",
        "templates/old.jinja2:None: no step uses this file",
    ]


def test_doubts_keep_nobody_from_loading(make_folder):
    assert load(make_folder({"templates/old.jinja2": ""})).name == "Small"


@pytest.mark.parametrize(
    ("units", "product"),
    [
        ("{strategy: cross_product, positions: {topic: a, name: a, n: a}}", "120 x 120 x 120"),
        ("{strategy: permutation, positions: [topic, name, n], repeat: 2}", "120 x 119 x 118 x 2"),
    ],
)
def test_more_units_than_anybody_wants_are_doubted(said, units, product):
    items = f"{{a: {[*range(120)]}}}"
    top = f"{'items_key: a' if 'permutation' in units else 'version: 1'}\nunits: {units}\n"
    problems, doubts = said(ASK, {"items.yaml": items}, top=top)
    assert problems == []
    assert f"units ({product}); --max-units and --sample try some of them" in doubts[0]
