"""A pipeline written for the original loads as it is; what it says in vain is said once."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines import PipelineError, Scope, Strategy, load, load_frozen, prepare, units
from pipelines.long_form import translate
from pipelines.long_form_keys import SECTIONS
from pipelines.strict_yaml import Document, read_yaml

FOLDERS = Path(__file__).parent / "long_form"
NAMES = sorted(folder.name for folder in FOLDERS.iterdir())

CONFIG = """\
pipeline:
  steps:
    - name: ask
processing:
  strategy: direct
  chunk_size: 10
  items:
    source: items.yaml
prompts:
  templates:
    ask: ask.jinja2
schemas:
  files:
    ask: answer.json
validation:
  ask:
    required: [text]
"""


def translated(text, folder=Path("Small")):
    return translate(read_yaml(folder / "config.yaml", text), folder)


def told(problems):
    return [f"{problem.line}: {problem.message}" for problem in problems]


def bent(old, new):
    assert old in CONFIG
    return translated(CONFIG.replace(old, new, 1))


@pytest.mark.parametrize("name", NAMES)
def test_pipelines_of_the_original_load_and_nothing_is_said_of_them(name):
    """They say everything that means something in the original."""
    load(FOLDERS / name)
    document = read_yaml(
        FOLDERS / name / "config.yaml", (FOLDERS / name / "config.yaml").read_text()
    )
    assert translate(document, FOLDERS / name).notes == ()


def test_they_say_all_that_means_anything():
    """Every key with a meaning is in one of them, so that nothing is merely believed to load."""
    used = {
        key
        for name in NAMES
        for keys in read_yaml(Path(), (FOLDERS / name / "config.yaml").read_text()).lines
        for key in keys
    }

    def meant(key, meaning):
        if isinstance(meaning, list):
            yield from meant(key, meaning[0])
        elif isinstance(meaning, dict):
            for inner, part in meaning.items():
                yield from meant(inner, part)
        elif meaning is None:
            yield key

    assert set(meant("", SECTIONS)) - used == {"*"}


def test_a_permutation_that_is_repeated():
    """Every ordered choice of two of four, all of them once and then all again."""
    pipeline = load(FOLDERS / "Regatta")
    made = list(units(pipeline))
    assert pipeline.units.strategy is Strategy.PERMUTATION
    assert len(made) == 4 * 3 * 2
    assert made[0]["unit_id"] == "Bell_Buoy-Cormorant-Rock__rep0000"
    assert made[12]["unit_id"] == "Bell_Buoy-Cormorant-Rock__rep0001"
    assert (made[0]["upwind"]["name"], made[0]["downwind"]["depth"]) == ("Bell Buoy", 4)


def test_a_cross_product_with_a_model_for_each_step():
    """A position without a list of its own name takes the one that is called as many of it."""
    pipeline = load(FOLDERS / "Fables")
    assert [unit["unit_id"] for unit in units(pipeline)] == [
        "heron-patience",
        "heron-plenty",
        "vole-patience",
        "vole-plenty",
        "Stoat-patience",
        "Stoat-plenty",
    ]
    asked = [(step.provider, step.model) for step in pipeline.steps]
    assert asked == [(None, "gpt-6.1-terra"), ("openai", "gpt-6-sol")]


def test_items_as_units_with_a_loop_and_a_fan_out():
    """An item is named by `name`, and where it has none by `id`."""
    pipeline = load(FOLDERS / "Ferry")
    assert [unit["unit_id"] for unit in units(pipeline)] == ["First_boat", "noon", "Last_Boat"]
    drift, arrive, apart, tell, away = pipeline.steps
    assert (drift.scope, drift.max_iterations, drift.loop_until) == (
        Scope.EXPRESSION,
        12,
        "place >= width",
    )
    assert arrive.rules[0].name == "not_in_a_field"
    assert (apart.scope, apart.field, apart.child_field) == (Scope.FAN_OUT, "stops", "stop")
    assert tell.template == "tell.jinja2"
    assert (away.scope, away.script) == (Scope.RUN, "scripts/file_away.py")
    table, script, packed = pipeline.post_process
    assert (table.group_by, table.count, table.output) == ("ferry", "tone", "tones.csv")
    assert (script.script, script.output) == ("scripts/longest.py", "longest.txt")
    assert packed.keep_originals


def test_templates_know_the_configuration():
    """`config` and the keys at its top, by the values that the file has."""
    [step] = load(FOLDERS / "Regatta").steps
    pipeline = load(FOLDERS / "Regatta")
    unit = next(units(pipeline))
    prompt = prepare(pipeline, step).prompt(unit, computed={"wind": 6, "reefed": True})
    assert "This is race 1 of 2." in prompt.turns[0][1]
    tell = prepare(load(FOLDERS / "Fables"), load(FOLDERS / "Fables").steps[0])
    unit = next(units(load(FOLDERS / "Fables")))
    assert "of at most 4 lines in plain English" in tell.prompt(unit).turns[0][1]


def test_what_a_unit_has_goes_before_the_configuration(make_folder):
    """As does the global context, and the types in `config` are written as in the file."""
    config = CONFIG.replace("required: [text]", "types: {text: STRING}")
    ask = "{{ config }} {{ processing.chunk_size }} {{ config_of.validation.ask.types.text }}"
    files = {
        "config.yaml": config + "config_of: {validation: {ask: {types: {text: STRING}}}}\n",
        "items.yaml": "- {name: a, config: mine}\n",
        "templates/ask.jinja2": ask,
    }
    pipeline = load(make_folder(files))
    prompt = prepare(pipeline, pipeline.steps[0]).prompt(next(units(pipeline)))
    assert prompt.turns[0][1] == "mine 10 STRING"


def test_a_mistake_has_its_line_in_the_file(make_folder):
    """What is wrong with a value is told where the value is written, once, with all the others."""
    config = """\
pipeline:
  steps:
    - name: ask
      max_iteration: 3
    - name: judge
      scope: expressions
    - name: count
      scope: expression
      expressions:
        n: len(text
processing:
  strategy: direct
  chunk_size: 0
  items:
    sorce: items.yaml
    source: items.yaml
    name_field: 5
prompts:
  templates:
    ask: aks.jinja2
    jugde: ask.jinja2
schemas:
  files:
    ask: answer.json
validation:
  ask:
    types: {certainty: nubmer}
    rules:
      - {name: sure, expr: "certainti > 0.5", error: unsure}
promts: {}
"""
    with pytest.raises(PipelineError) as caught:
        load(make_folder({"config.yaml": config}))
    found = told(caught.value.problems)
    for line, said in (
        (4, "unknown key 'max_iteration'; did you mean 'max_iterations'?"),
        (6, "did you mean 'expression'?"),
        (10, "not an expression"),
        (13, "'chunk_size' should be greater than 0"),
        (15, "unknown key 'sorce'; did you mean 'source'?"),
        (17, "not 5"),
        (20, "'aks.jinja2' is not in templates/"),
        (21, "there is no step 'jugde'; did you mean 'judge'?"),
        (27, "'nubmer'; did you mean 'number'?"),
        (29, "rule 'sure': 'certainti'"),
        (30, "unknown key 'promts'; did you mean 'prompts'?"),
    ):
        assert any(one.startswith(f"{line}: ") and said in one for one in found), (line, found)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "name: ask",
            "name: ask\n      retry_step: ask",
            "4: unknown key 'retry_step': it belongs",
        ),
        (
            "processing:\n",
            "processing: direct\nx:\n",
            "4: 'processing' should be a mapping of keys",
        ),
        ("  steps:\n    - name: ask", "  steps: ask", "2: 'steps' should be a list, not 'ask'"),
        ("- name: ask", "- ask", "3: 'steps' should be a mapping of keys, not 'ask'"),
        ("prompts:", "prompts:\n  template_dir: prompts", "10: 'template_dir' is 'templates' here"),
        ("schemas:", "schemas:\n  schema_dir: ../schemas", "13: 'schema_dir' is 'schemas' here"),
        (
            "direct",
            "cross_product\n  positions: [{source_key: a}, b, b]",
            "6: a position needs a name",
        ),
        ("direct", "cross_product\n  positions: [b, b]", "6: there is a position 'b' already"),
        ("validation:", "validation:\n  aks: {}", "16: there is no step 'aks'"),
        ("items:", "retires: 3\n  items:", "7: unknown key 'retires'"),
    ],
)
def test_what_is_no_key_of_the_original_is_a_mistake(old, new, problem):
    """With the line, and the nearest name or the remedy."""
    found = told(bent(old, new).problems)
    assert any(one.startswith(problem) for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        (
            "processing:",
            "api: {poll_interval_seconds: 5}\nprocessing:",
            "4: 'poll_interval_seconds' does nothing",
        ),
        (
            "processing:",
            "api: {realtime: {auto_retry: true}}\nprocessing:",
            "4: 'auto_retry' does nothing",
        ),
        (
            "processing:",
            "api: {realtime: {cost_cap_usd: 5}}\nprocessing:",
            "4: 'cost_cap_usd' is not honoured",
        ),
        (
            "items:",
            "validation_retry: {max_attempts: 3}\n  items:",
            "7: 'max_attempts' does nothing",
        ),
        ("schemas:", "schemas:\n  strict_mode: true", "13: 'strict_mode' does nothing"),
        (
            "schemas:",
            "schemas:\n  log_validation_errors: true",
            "13: 'log_validation_errors' does nothing",
        ),
        (
            "direct",
            "permutation\n  positions: [{name: a, name_field: b}]",
            "6: 'name_field' does nothing",
        ),
        (
            "direct",
            "permutation\n  positions: [{name: a, source_key: b}]",
            "6: 'source_key' does nothing",
        ),
        ("direct", "direct\n  positions: [a]", "6: 'positions' does nothing"),
        ("direct\n", "cross_product\n  positions: [a]\n", None),
        ("direct", "cross_product", None),
        ("source: items.yaml", "source: items.yaml\n    key: k", None),
        (
            "name: ask",
            "name: ask\n      upload: {provider: google_drive}",
            "4: 'upload' is not honoured",
        ),
        ("name: ask", "name: ask\n      prompt_template: ask.jinja2", None),
        (
            "name: ask",
            "name: ask\n      prompt_template: aks.jinja2",
            "4: step 'ask': 'prompt_template' does nothing",
        ),
        (
            "name: ask",
            "name: ask\n    - name: e\n      scope: run\n      script: scripts/extract_units.py",
            "6: step 'e' is left out",
        ),
    ],
)
def test_what_is_said_in_vain_is_told_once(old, new, note):
    """By its name, with its line; what is kept to anyway is not worth a word."""
    found = told(bent(old, new).notes)
    assert len(found) == (note is not None), found
    if note is not None:
        assert found[0].startswith(note)


@pytest.mark.parametrize("scope", ["fan_out", "run"])
def test_a_step_that_has_no_verdict_has_no_checks(scope):
    """Nor a template, nor a schema: each of the three is told."""
    found = told(bent("name: ask", f"name: ask\n      scope: {scope}").notes)
    where = f"says something of a step of scope {scope!r}, where it does nothing"
    assert found == [
        f"12: 'prompts' {where}",
        f"15: 'schemas' {where}",
        f"17: 'validation' {where}",
    ]


def test_what_goes_by_itself_here_is_taken_without_a_word():
    """Patience with providers and helpers, and thresholds of warnings."""
    more = """\
api:
  retry: {max_attempts: 3, initial_delay_seconds: 30, backoff_multiplier: 2.0}
  subprocess_timeout_seconds: 900
monitoring:
  warnings: {failure_rate_threshold: 0.1, long_running_minutes: 9, high_token_usage: 1}
"""
    said = translated(CONFIG + more)
    assert (said.notes, said.problems) == ((), ())


def test_what_the_original_takes_for_granted():
    """Permutations by `name`, a template folder, a list for each position, a scope."""
    bare = CONFIG.replace("  strategy: direct\n", "  positions: [first, second]\n")
    value = translated(bare).document.value
    assert value["units"] == {
        "strategy": "permutation",
        "id_field": ["name"],
        "positions": {"first": None, "second": None},
    }
    assert value["pipeline"][0]["template"] == "ask.jinja2"


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Small", "Small"), ("run-of_x", "run_of_x"), ("2026 run", "P2026_run"), ("x" * 70, "x" * 64)],
)
def test_a_pipeline_is_called_as_its_folder(folder, name):
    """What the file calls it describes it; a run's folder may be called anything."""
    value = translated(CONFIG.replace("  steps", "  name: A small one\n  steps"), Path(folder))
    assert value.document.value["name"] == name
    assert value.document.value["description"] == "A small one"


def test_a_run_of_it_is_a_pipeline_too(make_folder):
    """The file is frozen as it is, and read the same."""
    folder = make_folder({"config.yaml": CONFIG}, name="Small_20261122_180000")
    assert [step.name for step in load_frozen(folder).steps] == ["ask"]


@pytest.mark.parametrize(
    ("kind", "as_ours"), [("Number", "number"), ("DICT", "dict"), ("boolean", "boolean")]
)
def test_types_do_not_mind_case(kind, as_ours):
    """The original's do not."""
    said = bent("required: [text]", f"types: {{text: {kind}}}")
    assert said.document.value["pipeline"][0]["types"] == {"text": as_ours}


def test_providers_do_not_mind_case():
    """`OpenAI` is `openai`."""
    said = translated(CONFIG + "api: {provider: OpenAI}\n")
    assert said.document.value["api"] == {"provider": "openai"}


@pytest.mark.parametrize(
    ("name", "word"), [("in character", "in_character"), ("2nd", "rule_2nd"), ("ok", "ok")]
)
def test_the_name_of_a_rule_is_a_word(name, word):
    """The original takes any text, and does without a name."""
    said = bent("required: [text]", f'rules: [{{name: "{name}", expr: a}}, {{expr: b}}]')
    named, nameless = said.document.value["pipeline"][0]["rules"]
    assert named == {"name": word, "expr": "a"}
    assert nameless == {"name": "rule_2", "expr": "b"}


@pytest.mark.parametrize(
    ("entry", "said", "notes"),
    [
        ({"script": "scripts/mine.py"}, {"type": "script", "script": "scripts/mine.py"}, 0),
        ({"script": "pipelines/Small/a.py"}, {"type": "script", "script": "a.py"}, 0),
        (
            {"script": "x.py", "output": "outputs/x.txt"},
            {"type": "script", "script": "x.py", "output": "x.txt"},
            0,
        ),
        (
            {"script": "scripts/analyze_results.py", "args": ["--group-by", "npc"]},
            {"type": "table", "group_by": "npc", "output": "tone_by_npc.csv"},
            0,
        ),
        (
            {"script": "analyze_results.py", "args": ["--group-by=a", "--numeric-field", "b"]},
            {"type": "table", "group_by": "a", "output": "tone_by_npc.csv"},
            1,
        ),
        ({"type": "gzip", "files": ["*.csv"]}, {"type": "gzip", "files": ["*.csv"]}, 0),
        (
            {"type": "gzip", "files": ["chunks/*/*.jsonl"]},
            {"type": "gzip", "files": ["chunks/*/*.jsonl"]},
            1,
        ),
    ],
)
def test_what_is_made_of_results(entry, said, notes):
    """The original's own script is our table; other scripts are the pipeline's."""
    config = CONFIG + f"post_process: [{json.dumps({'name': 'Tone by npc', **entry})}]\n"
    found = translated(config)
    assert found.document.value["post_process"] == [{"name": "Tone by npc", **said}]
    assert len(found.notes) == notes


def test_a_script_of_the_pipeline_is_its_own_whatever_its_name(make_folder):
    """Who copied the original's script into the folder means that one."""
    entry = '{name: T, script: scripts/analyze_results.py, args: ["--numeric-field", a]}'
    text = f"{CONFIG}post_process: [{entry}]\n"
    folder = make_folder({"config.yaml": text, "scripts/analyze_results.py": ""})
    found = translated(text, folder)
    assert found.document.value["post_process"][0]["type"] == "script"
    assert found.notes == ()


def test_keys_that_do_nothing_at_their_step_are_told_and_left_out():
    """The original never read them there; here they would be mistakes."""
    found = bent("- name: ask", "- {name: ask, field: a, max_iterations: 3}")
    assert told(found.notes) == [
        "3: step 'ask': 'max_iterations' does nothing at this step, of scope 'chunk'",
        "3: step 'ask': 'field' does nothing at this step, of scope 'chunk'",
    ]
    assert found.document.value["pipeline"][0].keys() == {
        "name",
        "template",
        "output_schema",
        "required",
    }


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["ask", "name", "direct", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SECTIONS, "steps", "name", "items", "ask"]), inner)
    ),
    max_leaves=20,
)


def known_keys(meaning):
    """Make values that are as the original's form has them, more or less."""
    if isinstance(meaning, list):
        return st.lists(known_keys(meaning[0]), max_size=3) | anything
    if isinstance(meaning, dict):
        optional = {key: known_keys(inner) for key, inner in meaning.items() if key != "*"}
        named = {"ask": known_keys(meaning["*"])} if "*" in meaning else {}
        return st.fixed_dictionaries({}, optional={**optional, **named}) | anything
    return anything


@example(
    value={
        "validation": {"ask": {"rules": {"first": {}}}},
        "pipeline": {"steps": [{"name": "ask"}]},
    }
)
@given(value=known_keys(SECTIONS).filter(lambda value: isinstance(value, dict)))
def test_nothing_in_a_file_raises(value):
    """Whatever is written where, it is translated or told."""
    said = translate(Document(value, {(): 1}), Path("Small"))
    json.dumps(said.document.value)
