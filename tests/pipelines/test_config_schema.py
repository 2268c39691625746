"""An editor is told what config.yaml may say: every key, with a sentence, and nothing else."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from flows.cli.main import main
from pipelines import PipelineError, load, scaffold
from pipelines.config_schema import config_schema
from pipelines.model import (
    Api,
    Level,
    Pipeline,
    PostProcess,
    PostProcessType,
    Rule,
    Scope,
    Step,
    Strategy,
    Units,
)
from pipelines.strict_yaml import read_yaml

CHECKOUT = Path(__file__).parents[2]
DEMOS = sorted(CHECKOUT.glob("pipelines/*/config.yaml"))
LINE = "# yaml-language-server: $schema="
SCHEMA: dict[str, Any] = config_schema()
MODELS = {model.__name__: model for model in (Api, PostProcess, Rule, Step, Units)}
SMALL: dict[str, Any] = {
    "name": "Small",
    "items_source": "items.yaml",
    "pipeline": [{"name": "ask", "template": "ask.jinja2"}],
}
TABLE = {"name": "T", "group_by": "topic", "output": "t.csv"}
ADDS = {"name": "add", "scope": "expression", "expressions": {"n": "1 + 1"}}
SPLITS = {"name": "split", "scope": "fan_out", "field": "topics"}
ENDS = {"name": "end", "scope": "run", "script": "end.py"}


def _faults(config: Any) -> list[str]:
    """Return where the schema finds fault, as dotted keys."""
    errors = jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(config)
    return sorted(".".join(map(str, error.instance_path)) for error in errors)


def _small(**more: Any) -> dict[str, Any]:
    return {**deepcopy(SMALL), **more}


def _step(**more: Any) -> dict[str, Any]:
    return _small(pipeline=[{**SMALL["pipeline"][0], **more}])


def _after(step: dict[str, Any], **more: Any) -> dict[str, Any]:
    return _small(pipeline=[*SMALL["pipeline"], {**step, **more}, {**ADDS, "name": "last"}])


def test_the_schema_is_valid():
    """Draft 2020-12; every reference leads somewhere."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "$id" not in SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("name", "model"), [("Pipeline", Pipeline), *MODELS.items()])
def test_every_key_of_every_model_has_a_sentence(name, model):
    """And no title, which would only repeat the key."""
    part = SCHEMA if model is Pipeline else SCHEMA["$defs"][name]
    assert part["properties"].keys() == {
        field.alias or key for key, field in model.model_fields.items()
    }
    for key, about in part["properties"].items():
        assert about["description"].rstrip().endswith("."), key
        assert "title" not in about
        assert about.get("default", 0) is not None


@pytest.mark.parametrize("closed", [Level, PostProcessType, Scope, Strategy])
def test_every_value_of_a_closed_set_has_a_sentence(closed):
    """The docstring of the member."""
    said = {one["const"]: one["description"] for one in SCHEMA["$defs"][closed.__name__]["oneOf"]}
    assert said.keys() == set(closed)
    assert all(sentence.endswith(".") for sentence in said.values())


@pytest.mark.parametrize("path", DEMOS, ids=lambda path: path.parent.name)
def test_the_demos_are_as_the_schema_says(path):
    """And their first line tells an editor where it is."""
    text = path.read_text()
    assert _faults(read_yaml(path, text).value) == []
    first = text.splitlines()[0]
    assert first.startswith(LINE)
    schema = (path.parent / first.removeprefix(LINE)).resolve()
    assert schema == CHECKOUT / "docs/pipeline.schema.json"


RIGHT = {
    "small": _small(),
    "no items": {key: value for key, value in SMALL.items() if key != "items_source"},
    "no value": _small(description=None, version=None),
    "version": _small(version=1.5),
    "context": _small(global_context={"house": {"rooms": [1, None]}}),
    "id field": _small(units={"id_field": "topic"}),
    "id fields": _small(units={"id_field": ["code", "topic"]}),
    "mapping": _small(
        units={"strategy": "cross_product", "positions": {"one": "people", "two": "moods"}}
    ),
    "list": _small(units={"strategy": "permutation", "positions": ["one", "two"]}),
    "settings": _step(temperature=1, max_tokens=5, base_url="http://localhost:8080/v1"),
    "checks": _step(
        required=["text"],
        types={"text": "string"},
        enums={"kind": ["fact", 1, True]},
        ranges={"certainty": [0, None]},
        rules=[{"name": "sure", "expr": "certainty > 0", "level": "warning"}],
    ),
    "expression": _after(ADDS, loop_until="n > 1", max_iterations=5, init={"n": "0"}),
    "fan out": _after(SPLITS, child_field="part"),
    "run": _small(pipeline=[*SMALL["pipeline"], {**ENDS, "timeout_seconds": 5}]),
    "post process": _small(
        post_process=[
            TABLE,
            {"name": "G", "type": "gzip", "files": ["*.csv"], "keep_originals": True},
            {"name": "S", "type": "script", "script": "s.py", "args": ["--short"]},
        ]
    ),
}


@pytest.mark.parametrize("config", RIGHT.values(), ids=RIGHT)
def test_what_a_pipeline_may_say_is_accepted(config):
    """By the schema, and by the model."""
    assert _faults(config) == []
    Pipeline.model_validate_json(json.dumps(config), context={"folder": Path()})


WRONG = {
    "unknown key": (_small(chunksize=5), ""),
    "unknown key of a step": (_step(promt="ask.jinja2"), "pipeline.0"),
    "no name": (_small(pipeline=[{"template": "ask.jinja2"}]), "pipeline.0"),
    "no steps": (_small(pipeline=[]), "pipeline"),
    "wrong type": (_small(chunk_size="many"), "chunk_size"),
    "wrong boolean": (_small(retry_feedback="no"), "retry_feedback"),
    "out of bounds": (_small(max_retries=-1), "max_retries"),
    "wrong name": (_step(name="a-b"), "pipeline.0.name"),
    "wrong address": (_step(base_url="http://example.org"), "pipeline.0.base_url"),
    "wrong scope": (_step(scope="chunks"), "pipeline.0.scope"),
    "wrong level": (
        _step(rules=[{"name": "r", "expr": "1", "level": "fatal"}]),
        "pipeline.0.rules.0.level",
    ),
    "wrong range": (_step(ranges={"n": [1]}), "pipeline.0.ranges.n"),
    "no template": (_small(pipeline=[{"name": "ask"}]), "pipeline.0"),
    "field of another scope": (_step(field="topics"), "pipeline.0.field"),
    "asking in an expression": (_after(ADDS, template="t"), "pipeline.1.template"),
    "bound without a loop": (_after(ADDS, max_iterations=5), "pipeline.1"),
    "rules of a fan-out": (_after(SPLITS, rules=[]), "pipeline.1.rules"),
    "when of a script": (_after(ENDS, when="1"), "pipeline.1.when"),
    "table of files": (_small(post_process=[{**TABLE, "files": ["a"]}]), "post_process.0.files"),
    "long form": (_small(pipeline={"steps": []}), "pipeline"),
    "positions of direct": (_small(units={"positions": ["one"]}), "units.positions"),
    "no positions": (_small(units={"strategy": "permutation"}), "units"),
    "listed for a product": (
        _small(units={"strategy": "cross_product", "positions": ["one"]}),
        "units.positions",
    ),
    "position named twice": (
        _small(units={"strategy": "permutation", "positions": ["one", "one"]}),
        "units.positions",
    ),
    "position of no name": (
        _small(units={"strategy": "cross_product", "positions": {"a b": "people"}}),
        "units.positions",
    ),
    "no id field": (_small(units={"id_field": []}), "units.id_field"),
}


@pytest.mark.parametrize(("config", "place"), WRONG.values(), ids=WRONG)
def test_what_a_pipeline_may_not_say_is_refused_where_it_stands(config, place, make_folder):
    """By the schema, and by `check`: an editor is never stricter than that."""
    assert set(_faults(config)) == {place}
    with pytest.raises(PipelineError):
        load(make_folder({"config.yaml": json.dumps(config), "end.py": ""}))


def test_a_new_pipeline_is_as_the_schema_says(tmp_path):
    """Outside of the checkout it names no schema: no path to it would last."""
    scaffold.scaffold(tmp_path / "Letters")
    path = tmp_path / "Letters/config.yaml"
    assert _faults(read_yaml(path, path.read_text()).value) == []
    assert LINE not in path.read_text()


@pytest.mark.parametrize("place", ["Letters", "pipelines/Letters", "mine/more/Letters"])
def test_a_new_pipeline_in_the_checkout_names_the_schema(place, tmp_path, monkeypatch):
    """By the way from its folder, wherever that is."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/pipeline.schema.json").touch()
    monkeypatch.setattr(scaffold, "CHECKOUT", tmp_path)
    scaffold.scaffold(tmp_path / place)
    first = (tmp_path / place / "config.yaml").read_text().splitlines()[0]
    assert first.startswith(LINE)
    schema = (tmp_path / place / first.removeprefix(LINE)).resolve()
    assert schema == tmp_path.resolve() / "docs/pipeline.schema.json"


def test_what_is_printed_is_the_file_in_docs(capfdbinary):
    """The file is what the command prints."""
    with pytest.raises(SystemExit) as left:
        main(["schema"])
    out, err = capfdbinary.readouterr()
    assert (left.value.code, err) == (0, b"")
    current = (CHECKOUT / "docs/pipeline.schema.json").read_bytes() == out
    assert current, "renew it: octobatch schema > docs/pipeline.schema.json"
