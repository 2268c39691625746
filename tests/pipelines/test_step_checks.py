"""A step is checked in its place: what it may say, where units can go, which fields there are."""

import json

import pytest

from pipelines import inspect

HEAD = "name: Small\nitems_source: items.yaml\n"
ASK = "  - {name: ask, template: ask.jinja2, output_schema: answer.json}\n"
JUDGE = "  - {name: judge, template: ask.jinja2, output_schema: answer.json, into: judged, %s}\n"


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("  - {name: a}", "4: step 'a': needs `template`: the file in templates/ that asks"),
        ("  - {name: a, scope: expression}", "needs `expressions`: what is computed, as in"),
        (ASK + "  - {name: a, scope: fan_out}\n" + JUDGE % "max_tokens: 1", "needs `field`: the"),
        ("  - {name: a, scope: run}", "needs `script`: the Python file that is called"),
        ("  - {name: a, expressions: {b: '1'}}", "no template: add `scope: expression`"),
        ("  - {name: a, field: topic}", "no template: add `scope: fan_out`"),
        ("  - {name: a, script: a.py}", "no template: add `scope: run`"),
        (
            "  - {name: a, template: ask.jinja2, expressions: {b: '1'}}",
            (
                "'expressions' does nothing at a step of scope `chunk`: what templates need stands "
                "under `expressions` at the top"
            ),
        ),
        (
            "  - {name: a, scope: expression, expressions: {b: '1'}, model: m}",
            "'model' does nothing at a step of scope `expression`: it belongs to scope `chunk`",
        ),
        (
            "  - {name: a, scope: expression, expressions: {b: '1'}, max_iterations: 3}",
            "'max_iterations' does nothing without `loop_until`",
        ),
        (
            "  - {name: a, scope: run, script: scripts/r.py, when: topic}",
            "'when' does nothing at a step of scope `run`: a script is called once for the whole",
        ),
        ("  - {name: a, scope: run, script: a.py}", "script: there is no 'a.py' in the folder"),
        ("  - {name: a, scope: run, script: ../a.py}", "'../a.py' leads out of the pipeline's"),
        (
            "  - {name: a, scope: fan_out, field: topic}",
            "no step comes after it, so its units go nowhere: add one, or remove this",
        ),
        (ASK.replace("}", ", into: unit_id}"), "into: 'unit_id' is a name of Octobatch's own"),
    ],
)
def test_a_step_says_what_its_scope_needs_and_nothing_else(said, steps, problem):
    problems, _ = said(steps, {"scripts/r.py": ""})
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("before", "back", "problem"),
    [
        (ASK, "ask", None),
        (ASK, "aks", "'aks' is no step; did you mean 'ask'?"),
        (ASK, "judge", "'judge' is this step itself, which asks again anyway; name an earlier"),
        ("", "judge", "and no step before this one asks a model: remove it"),
        (
            "  - {name: sum, scope: expression, expressions: {n: '1'}}\n" + ASK,
            "sum",
            (
                "'sum' asks no model and would make the same again; name an earlier "
                "step that asks a "
                "model: ask"
            ),
        ),
        (
            ASK + "  - {name: split, scope: fan_out, field: topic}\n",
            "ask",
            "'ask' comes before 'split', which makes other units, and these cannot go back there",
        ),
    ],
)
def test_units_go_back_only_to_where_they_can_be_made_again(said, before, back, problem):
    problems, _ = said(before + JUDGE % f"ranges: {{certainty: [0.5, 1]}}, retry_step: {back}")
    if problem is None:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problem in problems[0]


def test_a_later_step_cannot_be_gone_back_to(said):
    problems, _ = said(ASK.replace("}", ", required: [text], retry_step: judge}") + JUDGE % "")
    assert "'judge' comes later, and units only go back" in problems[0]


def test_who_sends_back_must_be_able_to_find_fault(said):
    problems, _ = said(ASK + JUDGE % "retry_step: ask")
    assert "'retry_step' does nothing, since no check can fail here: add `rules`" in problems[0]
    _, doubts = said(ASK + JUDGE % "required: [text], retry_step: ask", top="max_retries: 0\n")
    assert "'retry_step' does nothing while `max_retries` is 0" in doubts[0]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ("expressions: {a: 'b', b: '1'}", "'b' is made further down: expressions are computed in"),
        ("expressions: {a: 'text'}", "'text' is made by step 'ask', which comes later"),
        ("expressions: {a: 'house'}", "'house' is known to templates only, from `global_context`"),
        ("expressions: {a: '1'}, loop_until: 'c > 1'", "loop_until: 'c' is no field of the units"),
        ("expressions: {len: '1'}", "expressions 'len': the name 'len' is taken"),
        ("expressions: {a: '1'}, required: [b]", "required: no expression makes 'b'; there are: a"),
        (
            "expressions: {text: \"'x'\"}, output_schema: answer.json",
            "no expression makes 'certainty', which the schema requires",
        ),
        (
            "expressions: {text: \"'x'\", certainty: '1', b: '1'}, output_schema: answer.json",
            "the schema does not allow 'b', which is computed here: add it there",
        ),
    ],
)
def test_what_cannot_be_computed_is_found_without_computing(said, step, problem):
    first = f"  - {{name: sum, scope: expression, {step}}}\n"
    problems, _ = said(first + ASK, top="global_context: {house: depot}\n")
    assert len(problems) == 1
    assert problem in problems[0]


def test_every_scope_adds_what_it_makes(make_folder):
    """What is made by expressions, by a loop, by a fan-out, by warnings and under `into`."""
    config = f"""\
{HEAD}units: {{repeat: 2}}
expressions: {{size: len(topic)}}
pipeline:
  - {{name: a, scope: expression, init: {{n: "0"}}, expressions: {{n: n + 1}}, loop_until: n > 3}}
  - {{name: list, scope: expression, expressions: {{parts: "[n, _metadata.iterations]"}}}}
  - {{name: split, scope: fan_out, field: parts, child_field: part}}
  - name: ask
    template: ask.jinja2
    output_schema: answer.json
    into: reply
    rules: [{{name: r, expr: "text and reply.text and part", level: warning}}]
  - {{name: last, template: last.jinja2, when: reply}}
post_process:
  - {{name: T, group_by: reply.text, count: _fan_parent_id, output: t.csv}}
"""
    names = "part _fan_parent_id _fan_index _repetition_id _repetition_seed reply size n _warnings"
    files = {
        "config.yaml": config,
        "templates/last.jinja2": "".join(f"{{{{ {name} }}}}" for name in names.split()),
    }
    found = inspect(make_folder(files))
    assert (found.problems, found.doubts) == ((), ())


def test_expressions_at_the_top_are_for_templates(said):
    problems, _ = said(
        ASK, {"templates/ask.jinja2": "{{ size }}"}, top="expressions: {size: nope}\n"
    )
    assert problems == [
        (
            "config.yaml:3: expressions 'size': 'nope' is no field of the units here; "
            "there are: name, topic, unit_id"
        )
    ]
    only = "  - {name: a, scope: expression, expressions: {b: '1'}}\n"
    problems, _ = said(only, top="expressions: {size: '1'}\n")
    assert "'expressions' are for templates, and no step asks" in problems[0]


def test_a_schema_may_be_shared_and_not_say_its_fields(said):
    """Then nobody can tell which fields there are, and names are not judged."""
    files = {"schemas/answer.json": json.dumps({"type": "object"})}
    more = "  - {name: b, scope: expression, expressions: {c: whatever}}\n"
    assert said(ASK + more, files) == [[], []]
