"""Hold config.yaml against the model: the pipeline it means, and where it is not well formed."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipelines.model import Pipeline
from pipelines.nearest import nearest
from pipelines.report import Report
from pipelines.strict_yaml import Keys
from pipelines.wording import known_keys, message_of, options

__all__ = ["formed"]

ROUNDS = 4
"""What is mended may show what else is wrong."""
_STAND_INS: Mapping[str, str] = {"expr": "1 == 1"}


def formed(report: Report, context: Mapping[str, Any]) -> Pipeline | None:
    """Return what the report's document says, and report where it is not well formed.

    A mistake is mended as it was probably meant, so that what else is wrong can be found, too.
    None when that does not help.
    """
    value = report.document.value
    for number in range(ROUNDS):
        try:
            return Pipeline.model_validate_json(json.dumps(value), context=dict(context))
        except ValidationError as error:
            found = error.errors(include_url=False)
        if number == 0:
            _report(report, found)
            value = deepcopy(value)
        for details in found:
            _mend(value, details, report)
    return None


def _report(report: Report, found: list[ErrorDetails]) -> None:
    by_place: dict[Keys, list[ErrorDetails]] = {}
    for details in found:
        by_place.setdefault(_keys(report.document.value, details), []).append(details)
    for keys, here in by_place.items():
        report.wrong(keys, f"{_where(report.document.value, keys)}{message_of(here, keys)}")


def _keys(value: Any, details: ErrorDetails) -> Keys:
    """Return the way to what is wrong as far as the document goes, without pydantic's words."""
    keys: Keys = ()
    for key in details["loc"]:
        parts = _parts(value)
        if key not in parts:
            return (*keys, key) if details["type"] == "missing" else keys
        keys, value = (*keys, key), parts[key]
    return keys


def _parts(value: Any) -> Mapping[str | int, Any]:
    if isinstance(value, list):
        return dict(enumerate(value))
    return value if isinstance(value, dict) else {}


def _mend(value: Any, details: ErrorDetails, report: Report) -> None:
    keys = _keys(value, details)
    while keys and isinstance(keys[-1], int):  # a list without one of its elements counts otherwise
        keys = keys[:-1]
    if not keys:
        return
    parent: Any = value
    for key in keys[:-1]:
        parent = parent[key]
    key = str(keys[-1])
    if details["type"] == "missing":
        parent[key] = _STAND_INS.get(key) or _name(keys, report)
        return
    wrong = parent.pop(key, None)
    if details["type"] == "extra_forbidden":
        meant = nearest(key, known_keys(keys[:-1]))
        if meant is not None and meant not in parent:
            parent[meant] = wrong
    elif details["type"] == "enum" and (meant := nearest(str(wrong), options(details))):
        parent[key] = meant


def _name(keys: Keys, report: Report) -> str | list[str]:
    if keys == ("pipeline",):
        return []
    places = "_".join(str(key) for key in keys[:-1] if isinstance(key, int))
    return f"unnamed_{places}" if places else report.folder.name


def _rule(step: Any, keys: Keys) -> str:
    match keys:
        case ("rules", int(place), _, *_):
            name = step["rules"][place].get("name")
            return f"rule {name!r}: " if isinstance(name, str) else f"rule {place + 1}: "
        case _:
            return ""


def _where(value: Any, keys: Keys) -> str:
    """Return "step 'score': " for what is inside a step, else nothing: the line says it."""
    match keys:
        case ("pipeline" | "post_process" as part, int(place), *_):
            entry = value[part][place]
            name = entry.get("name") if isinstance(entry, dict) else None
            kind = "step" if part == "pipeline" else "post_process"
            said = f"{kind} {name!r}: " if isinstance(name, str) else f"{kind} {place + 1}: "
            return said + _rule(entry, keys[2:])
        case _:
            return ""
