"""A small pipeline, made to be bent by each test."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipelines import Sandbox, Verdict, inspect, judge, load, prepare

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

FILES: Mapping[str, str] = {
    "config.yaml": CONFIG,
    "items.yaml": "- {name: first, topic: rain}\n- {name: second, topic: snow}\n",
    "templates/ask.jinja2": "What of {{ topic }}?",
    "schemas/answer.json": json.dumps(
        {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "certainty": {"type": "number"},
                "kind": {"enum": ["fact", "guess"]},
            },
            "required": ["text", "certainty"],
            "additionalProperties": False,
        }
    ),
}


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of pipeline folders: the small pipeline, with files replaced or added."""

    def make(files: Mapping[str, str] | None = None, *, name: str = "Small") -> Path:
        folder = tmp_path / name
        for path, content in {**FILES, **(files or {})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        return folder

    return make


@pytest.fixture
def verdict_on(make_folder: Callable[..., Path]) -> Callable[..., Any]:
    """Return a judge of one reply at a step that is bent by each test."""

    async def verdict_on(
        reply: Any, *, schema: Any = None, unit: Mapping[str, Any] | None = None, **step: Any
    ) -> Verdict:
        name = {"output_schema": "reply.json"} if schema else {}
        config = {
            "name": "Small",
            "items_source": "items.yaml",
            "pipeline": [{"name": "ask", "template": "ask.jinja2", **name, **step}],
        }
        files = {"config.yaml": json.dumps(config), "schemas/reply.json": json.dumps(schema)}
        pipeline = load(make_folder(files))
        asked = ({"unit_id": "u", **(unit or {})}, json.dumps(reply))
        async with Sandbox() as sandbox:
            [verdict] = await judge(prepare(pipeline, pipeline.steps[0]), [asked], sandbox)
        return verdict

    return verdict_on


@pytest.fixture
def said(make_folder: Callable[..., Path]) -> Callable[..., list[list[str]]]:
    """Return what is said of the small pipeline with these steps: problems, then doubts."""

    def of(steps: str, files: Mapping[str, str] | None = None, *, top: str = "") -> list[list[str]]:
        head = "name: Small\nitems_source: items.yaml\n"
        folder = make_folder({"config.yaml": f"{head}{top}pipeline:\n{steps}", **(files or {})})
        found = inspect(folder)
        assert (found.pipeline is None) == bool(found.problems)
        return [
            [f"{one.path.relative_to(folder)}:{one.line}: {one.message}" for one in some]
            for some in (found.problems, found.doubts)
        ]

    return of
