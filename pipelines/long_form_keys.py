"""The keys of the original's config.yaml: which there are, and which of them say nothing here."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from pipelines.model import Api, Step
from pipelines.nearest import did_you_mean
from pipelines.rewriting import Finding
from pipelines.strict_yaml import Keys

__all__ = ["SECTIONS", "doubtful", "faulty"]

Meaning: TypeAlias = "str | Mapping[str, Meaning] | list[Mapping[str, Meaning]] | None"
"""None: known, and looked at elsewhere. Text: known, and what is to be said of it."""

ANY = "*"
"""Stands for whatever name a step has."""
DEAD = "does nothing, in the original neither: remove it"

_RETRY: Meaning = {"max_attempts": None, "initial_delay_seconds": None, "backoff_multiplier": None}
_API: Meaning = {
    "provider": None,
    "model": None,
    "max_inflight_batches": None,
    "max_tokens": None,
    "retry": _RETRY,
    "realtime": {
        "cost_cap_usd": "is not honoured: a cap is said at the start, and holds: --max-cost",
        "auto_retry": DEAD,
    },
    "subprocess_timeout_seconds": None,
    "poll_interval_seconds": DEAD,
}
_STEP: Mapping[str, Meaning] = {
    "name": None,
    "scope": None,
    "prompt_template": None,
    "description": None,
    "provider": None,
    "model": None,
    "expressions": None,
    "init": None,
    "loop_until": None,
    "max_iterations": None,
    "field": None,
    "child_field": None,
    "script": None,
    # What follows is for the step's script, which is given this file.
    "output_dir": None,
    "filename_expression": None,
    "content_expression": None,
    "compression": None,
    "upload": "is not honoured: nothing is uploaded but by the step's own script",
}
_PROCESSING: Meaning = {
    "strategy": None,
    "chunk_size": None,
    "repeat": None,
    "expressions": None,
    "positions": [{"name": None, "source_key": None, "name_field": DEAD}],
    "items": {"source": None, "key": None, "name_field": None},
    "validation_retry": {"max_attempts": DEAD},
}
_CHECKS: Meaning = {"required": None, "types": None, "ranges": None, "enums": None, "rules": None}
_WARNINGS: Meaning = {
    "failure_rate_threshold": None,
    "long_running_minutes": None,
    "high_token_usage": None,
}
SECTIONS: Mapping[str, Meaning] = {
    "pipeline": {"name": None, "description": None, "steps": [_STEP]},
    "api": _API,
    "processing": _PROCESSING,
    "prompts": {"template_dir": None, "templates": {ANY: None}, "global_context": None},
    "schemas": {
        "schema_dir": None,
        "files": {ANY: None},
        "strict_mode": DEAD,
        "log_validation_errors": DEAD,
    },
    "validation": {ANY: _CHECKS},
    "post_process": None,
    "monitoring": {"warnings": _WARNINGS},
}
"""Everything that the original's file may say, but for keys that its templates read."""
_NATIVE = frozenset({*Api.model_fields, *Step.model_fields})


def faulty(value: Mapping[str, Any], extra: frozenset[str]) -> Iterator[Finding]:
    """Yield what is no key of the original's form, or has another shape there.

    Args:
        value: The document.
        extra: Keys at its top that are known all the same.
    """
    for key, part in value.items():
        if key in SECTIONS:
            yield from _faulty(part, (key,), SECTIONS[key])
        elif key not in extra:
            yield (key,), f"unknown key {key!r}{did_you_mean(key, SECTIONS)}"


def _faulty(value: Any, keys: Keys, meaning: Meaning) -> Iterator[Finding]:
    if value is None or meaning is None or isinstance(meaning, str):
        return
    if isinstance(meaning, list):
        if not isinstance(value, list):
            yield keys, f"{keys[-1]!r} should be a list, not {value!r}"
            return
        for place, item in enumerate(value):
            # A position may be no more than its name.
            if not (isinstance(item, str) and keys[-1] == "positions"):
                yield from _faulty(item, (*keys, place), meaning[0])
    elif not isinstance(value, dict):
        named = keys[-1] if isinstance(keys[-1], str) else keys[-2]
        yield keys, f"{named!r} should be a mapping of keys, not {value!r}"
    else:
        for key, part in value.items():
            if key in meaning or ANY in meaning:
                yield from _faulty(part, (*keys, key), meaning.get(key, meaning.get(ANY)))
            else:
                yield (*keys, key), f"unknown key {key!r}{_remedy(key, meaning)}"


def _remedy(key: str, meaning: Mapping[str, Meaning]) -> str:
    if key in _NATIVE:
        return ": it belongs to the form in which `pipeline` is a list of steps"
    return did_you_mean(key, meaning)


def doubtful(value: Any, meaning: Meaning = SECTIONS, keys: Keys = ()) -> Iterator[Finding]:
    """Yield what is known and not acted on."""
    if isinstance(meaning, str):
        yield keys, f"{keys[-1]!r} {meaning}"
    elif isinstance(meaning, list) and isinstance(value, list):
        for place, item in enumerate(value):
            yield from doubtful(item, meaning[0], (*keys, place))
    elif isinstance(meaning, Mapping) and isinstance(value, dict):
        for key, part in value.items():
            yield from doubtful(part, meaning.get(key, meaning.get(ANY)), (*keys, key))
