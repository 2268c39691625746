"""A small pipeline, made to be bent by each test."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

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
