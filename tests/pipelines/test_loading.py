"""Everything wrong with a pipeline is said at once, with file, line and the nearest name."""

import json
import pickle
from pathlib import Path

import pytest

from pipelines import PipelineError, Scope, load, load_frozen

CONFIG = """\
name: Small
items_source: items.yaml
pipeline:
  - name: ask
    template: ask.jinja2
    output_schema: answer.json
    rules:
      - {name: sure, expr: "certainty >= 0.5", error: "only {certainty} sure"}
"""


def problems_of(folder, loader=load):
    with pytest.raises(PipelineError) as caught:
        loader(folder)
    return [
        f"{problem.path.relative_to(folder.parent)}:{problem.line}"
        f"{f':{problem.column}' if problem.column else ''}: {problem.message}"
        for problem in caught.value.problems
    ]


def test_a_pipeline_is_loaded_with_what_it_says(make_folder):
    pipeline = load(make_folder())
    assert pipeline.name == "Small"
    assert [step.name for step in pipeline.steps] == ["ask"]
    assert pipeline.steps[0].scope is Scope.CHUNK
    assert "folder" not in pipeline.model_dump()
    assert pipeline.files() == (
        Path("config.yaml"),
        Path("templates/ask.jinja2"),
        Path("schemas/answer.json"),
    )
    assert pipeline.items == pipeline.folder / "items.yaml"


def test_a_step_takes_the_settings_of_the_pipeline_but_who_is_asked(make_folder):
    config = CONFIG + "api: {provider: openai, model: m, temperature: 0.5, max_tokens: 9}\n"
    step = load(make_folder({"config.yaml": config})).steps[0]
    assert (step.temperature, step.max_tokens, step.provider, step.model) == (0.5, 9, None, None)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (
            {"templates/ask.jinja2": "a\n{{ topik }}"},
            "templates/ask.jinja2:2: 'topik' is no field of the units here; did you mean 'topic'?",
        ),
        ({"templates/ask.jinja2": "{% if %}"}, "templates/ask.jinja2:1: not a template"),
        ({"templates/ask.jinja2": "a\n{% include 'b' %}"}, "2: includes 'b', which is not there"),
        (
            {"templates/ask.jinja2": "\n{{ topic | nope }}"},
            "templates/ask.jinja2:2: not a template",
        ),
        ({"rehearsal/ask.jinja2": "{{ }}"}, "rehearsal/ask.jinja2:1: not a template"),
        ({"schemas/answer.json": "{\n oops"}, "schemas/answer.json:2: not JSON"),
        (
            {"schemas/answer.json": '{"type": "objekt"}'},
            "schemas/answer.json:None: a reply is an object",
        ),
        ({"schemas/answer.json": '{"required": ["unit_id"]}'}, "asks the model for 'unit_id'"),
        ({"items.yaml": "- {id: a}\n- {id: a}"}, "items.yaml:2: the id 'a' is taken: line 1"),
        ({"__init__.py": ""}, "no Python package"),
        ({"../Small.py": ""}, "would shadow the module Small.py"),
    ],
)
def test_a_mistake_in_any_file_is_told(make_folder, files, problem):
    assert any(problem in each for each in problems_of(make_folder(files)))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("name: Small", "", "the key 'name' is missing"),
        ("name: Small", "name: Other", "the name 'Other' is not the folder's: write `name: Small`"),
        ("name: ask", "name: final", "'final' is a name of Octobatch's own"),
        ("name: ask", "name: a-b", "'name' should be letters, digits and '_', a letter first"),
        ("template: ask.jinja2", "description: x", "step 'ask': needs `template`"),
        ("ask.jinja2", "../config.yaml", "is not in templates/"),
        ("items.yaml", "../x.yaml", "config.yaml:2: items_source '../x.yaml' leads out"),
        ("items.yaml", "/etc/x.yaml", "leads out"),
        ("items.yaml", "items.xls", "'items.xls' is in no known format"),
        (
            "certainty >= 0.5",
            "1 < certainti",
            (
                "config.yaml:8:33: step 'ask': rule 'sure': 'certainti' is no field of the "
                "units here; "
                "did you mean 'certainty'?"
            ),
        ),
        ("certainty >= 0.5", "open('x')", "'open' is not a function here"),
        (
            "rules:",
            "required: [txt]\n    rules:",
            "required: the schema has no 'txt'; did you mean 'text'?",
        ),
        ("rules:", "enums: {kinds: [a]}\n    rules:", "enums: the schema has no 'kinds'"),
        (
            "rules:",
            "base_url: http://evil.example\n    rules:",
            "step 'ask': 'base_url' must be https, or http on this machine",
        ),
        ("name: Small", "name: Small\nmin_pass_rate: 5", "'min_pass_rate'"),
        ("name: Small", "name: Small\napi: {max_batch_age: soon}", "'soon' is not a span of time"),
        ("name: Small", "name: Small\nunits: {strategy: permutation}", "needs `positions`"),
        ("name: Small", "name: Small\nunits: {strategy: cross_product}", "needs `positions`"),
        ("name: Small", "name: Small\nname: Small", "config.yaml:2: the key 'name' is here twice"),
        (CONFIG, "- a", "a pipeline is a mapping of keys"),
        (CONFIG, "name: [", "config.yaml:2: while parsing"),
        ("pipeline:", "pipeline: []\nx:", "config.yaml:3: a pipeline has at least one step"),
    ],
)
def test_a_mistake_in_the_configuration_is_told(make_folder, old, new, problem):
    config = CONFIG.replace(old, new, 1)
    found = problems_of(make_folder({"config.yaml": config}))
    assert any(problem in each for each in found), found


def test_a_later_step_knows_what_earlier_ones_made(make_folder):
    more = "  - {name: next, template: next.jinja2, rules: [{name: r, expr: 'text and topic'}]}\n"
    files = {"config.yaml": CONFIG + more, "templates/next.jinja2": "{{ text }} {{ certainty }}"}
    assert len(load(make_folder(files)).steps) == 2
    files["templates/next.jinja2"] = "{{ txet }}"
    assert "did you mean 'text'?" in problems_of(make_folder(files))[0]


def test_names_are_judged_by_the_fields_of_many_items(make_folder):
    many = "\n".join(json.dumps({"id": n, "late": 1} if n > 700 else {"id": n}) for n in range(800))
    config = CONFIG.replace("items.yaml", "items.jsonl")
    files = {"items.jsonl": many, "config.yaml": config, "templates/ask.jinja2": "{{ late }}"}
    load(make_folder(files))
    files["templates/ask.jinja2"] = "{{ lat }}"
    assert "did you mean 'late'?" in problems_of(make_folder(files))[0]


def test_a_rehearsal_is_given_what_it_uses(make_folder):
    rehearsal = (
        "{% if seed %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }} {{ attmpt }}"
    )
    problems = problems_of(make_folder({"rehearsal/ask.jinja2": rehearsal}))
    assert len(problems) == 1
    assert "did you mean 'attempt'?" in problems[0]


def test_templates_may_be_in_folders_of_their_own(make_folder):
    config = CONFIG.replace("ask.jinja2", "some/ask.jinja2")
    files = {"config.yaml": config, "templates/some/ask.jinja2": "{% include 'ask.jinja2' %}"}
    assert load(make_folder(files)).steps[0].template == "some/ask.jinja2"


def test_a_link_out_of_the_folder_is_refused(make_folder, tmp_path):
    folder = make_folder()
    (tmp_path / "secret").write_text("secret")
    (folder / "templates" / "more.jinja2").symlink_to(tmp_path / "secret")
    assert problems_of(folder) == [
        (
            "Small/templates/more.jinja2:None: is a link that leads out of the pipeline's folder: "
            "put a copy here instead"
        )
    ]


def test_a_folder_that_cannot_name_a_flow_is_refused(make_folder):
    assert "letters, digits" in problems_of(make_folder(name="not-a-name"))[0]


def test_a_run_directory_is_a_pipeline_whatever_its_name_and_without_its_items(make_folder):
    folder = make_folder(name="Small_20261122_180000")
    (folder / "items.yaml").unlink()
    pipeline = load_frozen(folder)
    assert pipeline.name == "Small"
    assert pipeline.folder == folder
    (folder / "templates" / "ask.jinja2").unlink()
    assert "is not in templates/" in problems_of(folder, load_frozen)[0]


def test_nothing_there_is_a_problem_too(tmp_path):
    assert problems_of(tmp_path / "Nowhere") == [
        (
            "Nowhere/config.yaml:None: cannot be read: No such file or directory; "
            "this file makes a folder a pipeline"
        )
    ]


def test_problems_travel_between_processes(make_folder):
    with pytest.raises(PipelineError) as caught:
        load(make_folder({"config.yaml": "a: 1"}))
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
