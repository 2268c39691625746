"""Defects of the original that take a run to show, by their numbers.

The others, and where each of those is tested, are in tests/pipelines/test_original_defects.py.
"""

import asyncio
import json
from collections.abc import Mapping

import pytest

import pipelines
import runs
from pipelines import Launch
from providers.emulator import client
from runs import Stage
from tasks.create import create_run
from tests.tasks.conftest import through

HEAD = """\
name: Old
items_source: items.jsonl
chunk_size: 3
max_retries: 2
api: {provider: openai, model: gpt-6-luna}
pipeline:
"""
ASK = "  - {name: ask, template: ask.jinja2}\n"


@pytest.fixture
def run_of(root, tmp_path):
    """Make a pipeline of these steps, run it on items by these ids, and return what came of it."""

    def run(steps: str, files: Mapping[str, str], items: Mapping[str, Mapping[str, object]]):
        folder = tmp_path / "Old"
        lines = "\n".join(json.dumps({"id": name, **item}) for name, item in items.items())
        for path, content in {**files, "config.yaml": HEAD + steps, "items.jsonl": lines}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
        run_dir = root / f"old-{len(list(root.iterdir()))}"
        create_run(pipelines.load(folder), Launch(pipeline="Old", emulate=True), run_dir)
        asyncio.run(through(run_dir))
        return runs.read(run_dir)

    return run


def rows(path):
    return {row["unit_id"]: row for row in runs.read_jsonl(path)}


def test_r04_a_unit_that_is_asked_again_keeps_all_that_it_has(run_of):
    """At a later step too: its item's fields and the earlier steps' are in prompt and result."""
    steps = ASK + "  - {name: more, template: more.jinja2, required: [b]}\n"
    files = {
        "templates/ask.jinja2": "What of {{ topic }}?",
        "templates/more.jinja2": "{{ topic }} {{ a }}",
        "rehearsal/ask.jinja2": '{"a": "{{ topic }}!"}',
        "rehearsal/more.jinja2": '{"{{ "b" if attempt == 3 else "c" }}": "{{ a }} {{ topic }}"}',
    }
    view = run_of(steps, files, {"u": {"topic": "rain"}})
    assert rows(view.paths.results)["u"] == {
        "unit_id": "u",
        "id": "u",
        "topic": "rain",
        "a": "rain!",
        "b": "rain! rain",
    }
    asked = runs.read_jsonl(view.paths.chunk("chunk_000").results("more"))
    assert len(list(asked)) == 3


def test_r07_what_a_provider_refuses_is_no_reply(run_of, root):
    """It is a failure of its own kind, even where every object would do for an answer."""
    rule = {"match": "chat/completions", "do": "status", "status": 400, "nth": [2]}
    client.script(client.start(root), [rule])
    files = {"templates/ask.jinja2": "Well, {{ id }}?", "rehearsal/ask.jinja2": '{"a": 1}'}
    view = run_of(ASK, files, {name: {} for name in "uvw"})
    [failure] = rows(view.paths.failures).values()
    assert failure["failure_stage"] == "rejected"
    assert [row["a"] for row in rows(view.paths.results).values()] == [1, 1]


def test_c01_an_expression_that_fails_is_recorded(run_of):
    """With the step, the expression and the reason; the other units go on."""
    steps = "  - {name: count, scope: expression, expressions: {n: 1, share: 6 // parts}}\n"
    view = run_of(steps.replace("n: 1", 'n: "1"'), {}, {"u": {"parts": 3}, "v": {"parts": 0}})
    assert rows(view.paths.results)["u"]["share"] == 2
    [failure] = rows(view.paths.failures).values()
    assert (failure["unit_id"], failure["step"], failure["failure_stage"]) == (
        "v",
        "count",
        "expression",
    )
    assert failure["errors"][0]["message"].startswith("share: ZeroDivisionError")


def test_c02_a_prompt_that_cannot_be_rendered_fails_its_unit_alone(run_of):
    """One unit without the field that the template needs harms no other of its chunk."""
    files = {"templates/ask.jinja2": "What of {{ topic }}?", "rehearsal/ask.jinja2": '{"a": 1}'}
    items = {"u": {"topic": "rain"}, "v": {}, "w": {"topic": "snow"}}
    view = run_of(ASK, files, items)
    assert set(rows(view.paths.results)) == {"u", "w"}
    [failure] = rows(view.paths.failures).values()
    assert (failure["unit_id"], failure["failure_stage"]) == ("v", "template")
    assert "topic" in failure["errors"][0]["message"]


def test_c17_when_a_run_ended_is_kept(run_of):
    """Its duration is the difference, for whoever reads the manifest."""
    files = {"templates/ask.jinja2": "Well?", "rehearsal/ask.jinja2": '{"a": 1}'}
    manifest = json.loads(run_of(ASK, files, {"u": {}}).paths.manifest.read_bytes())
    assert manifest["status"] == "complete"
    assert manifest["created"] < manifest["updated"]


@pytest.mark.parametrize("name", ["x_PENDING", "y_SUBMITTED", "VALIDATED"])
def test_c18_a_step_may_be_called_as_states_are(run_of, name):
    """How far a chunk is, is not read out of a name."""
    files = {"templates/ask.jinja2": "Well?", f"rehearsal/{name}.jinja2": '{"a": 1}'}
    view = run_of(ASK.replace("name: ask", f"name: {name}"), files, {"u": {}})
    assert view.state.chunks["chunk_000"].stage is Stage.VALIDATED
    assert set(rows(view.paths.results)) == {"u"}
