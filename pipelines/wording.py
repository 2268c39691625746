"""Say in plain words, with the remedy, where config.yaml is not what the model asks for."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pipelines.model import Api, Pipeline, PostProcess, Rule, Step, Units
from pipelines.nearest import did_you_mean
from pipelines.strict_yaml import Keys

__all__ = ["known_keys", "message_of", "options"]

MAX_SHOWN = 60

_PARTS: Mapping[Keys, type[BaseModel]] = {
    (): Pipeline,
    ("api",): Api,
    ("units",): Units,
    ("pipeline",): Step,
    ("pipeline", "rules"): Rule,
    ("post_process",): PostProcess,
}
"""What each part of config.yaml is, by its keys without places in lists."""
_WORDS: Mapping[str, str] = {
    "bool_type": "true or false",
    "dict_type": "a mapping, as in {key: value}",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list, as in [a, b]",
    "model_type": "a mapping, as in {key: value}",
    "string_too_short": "more than nothing",
    "string_type": "text",
    "tuple_type": "a list, as in [a, b]",
}
_OF_EXPRESSIONS = frozenset({"expr", "expressions", "init", "loop_until", "when"})
_ELSEWHERE: Mapping[str, str] = {
    "cost_cap_usd": "a run is told it: --max-cost",
    "items": "the file of items is named by `items_source`",
    "poll_interval": "nothing needs it",
    "pricing": "prices are known to Octobatch (providers/models.yaml): remove it",
    "prompt": "a prompt is a file in templates/, named by `template`",
    "retries": "it is called `max_retries`, at the top of the file",
    "schema": "it is called `output_schema`",
    "steps": "the steps are the list under `pipeline`",
    "type": "what a step does is called `scope`",
    "validation": "checks stand at their step: required, types, enums, ranges, rules",
}
"""What people look for, and where it is."""


def message_of(found: Sequence[ErrorDetails], keys: Keys) -> str:
    """Return what is wrong at `keys`, and what to write instead.

    Args:
        found: What the model says of it; where one of several things is allowed, that it is none.
        keys: Where it is.
    """
    details = found[0]
    key = keys[-1] if keys else "config.yaml"
    match details["type"]:
        case "extra_forbidden":
            return f"unknown key {key!r}{_remedy(str(key), keys[:-1])}"
        case "missing":
            return f"the key {key!r} is missing{_example(str(key), keys[:-1])}"
        case "string_pattern_mismatch" | "string_too_long":
            said = "should be letters, digits and '_', a letter first, 64 at most"
        case "too_short" | "too_long":
            said = f"should have other than {len(details['input'])} elements: {details['msg']}"
        case kind if kind in _WORDS:
            words = dict.fromkeys(_WORDS[one["type"]] for one in found if one["type"] in _WORDS)
            said = f"should be {' or '.join(words)}"
        case _:
            said = details["msg"].removeprefix("Input ").removeprefix("String ")
    near = did_you_mean(str(details["input"]), options(details))
    return (
        f"{_subject(keys)} {said}, not {_shown(details['input'])}{near or _quoted(details, keys)}"
    )


def known_keys(keys: Keys) -> list[str]:
    """Return the keys that the part of config.yaml at `keys` may have."""
    part = _PARTS.get(tuple(key for key in keys if isinstance(key, str)))
    if part is None:
        return []
    return [field.alias or name for name, field in part.model_fields.items()]


def options(details: ErrorDetails) -> list[str]:
    """Return the words that are allowed where another was found."""
    expected = str(details.get("ctx", {}).get("expected", ""))
    return [word.strip("'") for part in expected.split(" or ") for word in part.split(", ")]


def _subject(keys: Keys) -> str:
    match keys:
        case ():
            return "config.yaml"
        case ("pipeline" | "post_process", int()):
            return "it"
        case (*_, name, int(place)):
            return f"number {place + 1} of {name!r}"
        case _:
            return repr(keys[-1])


def _remedy(key: str, part: Keys) -> str:
    if key in _ELSEWHERE:
        return f": {_ELSEWHERE[key]}"
    if near := did_you_mean(key, known_keys(part)):
        return near
    if place := _place(key, part):
        return f": it belongs {place}"
    return f"; known are: {', '.join(known_keys(part))}"


def _place(key: str, part: Keys) -> str | None:
    """Return where a key belongs that stands in another place."""
    for model, place in (
        (Pipeline, "at the top of the file"),
        (Units, "in `units`"),
        (Api, "in `api`, or at a step"),
        (Step, "at a step"),
        (Rule, "at a rule"),
        (PostProcess, "at an entry of `post_process`"),
    ):
        if key in model.model_fields and model is not _PARTS.get(part):
            return place
    return None


def _example(key: str, part: Keys) -> str:
    match key, tuple(name for name in part if isinstance(name, str)):
        case "name", ():
            return ": `name` is the folder's name"
        case "name", _:
            return ": whatever it is to be called in messages and files"
        case "pipeline", ():
            return ": `pipeline` is the list of steps"
        case "expr", _:
            return ': what must be true, as in `expr: "score >= 0.5"`'
        case _:
            return ""


def _quoted(details: ErrorDetails, keys: Keys) -> str:
    """Return how to write what has to be text, if it is not."""
    if details["type"] != "string_type" or isinstance(details["input"], dict):
        return ""
    why = "an expression is text, so " if _OF_EXPRESSIONS.intersection(keys) else ""
    return f'; {why}put it in quotes: "{_shown(details["input"])}"'


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping of keys"
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
