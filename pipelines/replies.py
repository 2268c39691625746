"""Find the JSON object in what a model said, whatever stands around it.

One rule: the reply is its longest JSON object. Prose, fences, language tags and thinking aloud do
not matter, since the search is aware of strings and never edits inside one.
"""

import json
import re
from typing import Any, NamedTuple

from pipelines.values import Unfit, clean

__all__ = ["MAX_CHARS", "Extracted", "extract"]

MAX_CHARS = 1_000_000

_STRING = r'"(?:[^"\\]++|\\.)*+"?'
"""A JSON string, or the rest of the text after a quote that is never closed (so that no input is
scanned twice)."""
_LANDMARK = re.compile(r'(?P<think><think>)|(?P<thought></think>)|\{\s*["}]|\[\s*\{\s*["}]')
_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_SLIP = re.compile(rf"({_STRING})|,(?=\s*[}}\]])|(?<=[:\[,\s])\+(?=\d)", re.DOTALL)
"""What models put where JSON has it not: a trailing comma, a plus sign before a number."""

_KINDS = {
    bool: "true or false",
    float: "a number",
    int: "a number",
    list: "an array",
    str: "a string",
    type(None): "null",
}
_DECODER = json.JSONDecoder(strict=False)


class Extracted(NamedTuple):
    """The object in a reply, and what was changed to make it fit to keep."""

    fields: dict[str, Any]
    notes: tuple[str, ...]


class _Candidate(NamedTuple):
    value: Any
    length: int


def extract(text: str) -> Extracted:
    """Return the object in `text`.

    Raises:
        Unfit: there is none, or it cannot be kept.
    """
    if len(text) > MAX_CHARS:
        raise _not_json(f"the reply has {len(text):,} characters; at most {MAX_CHARS:,} are read")
    if not text.strip():
        raise _not_json("the reply is empty")
    try:
        value: Any = _DECODER.decode(text.strip())
    except ValueError:
        value = _longest(text)
    except RecursionError:
        raise _not_json("the reply is nested too deeply") from None
    if not isinstance(value, dict):
        raise _not_json(f"the reply is {_KINDS[type(value)]}, not an object")
    return Extracted(*clean(value))


def _longest(text: str) -> Any:
    best: _Candidate | None = None
    fault = "there is no JSON object in the reply"
    broken: tuple[int, json.JSONDecodeError] | None = None
    for start, end in _spans(text):
        if end is None:
            fault, broken = "the JSON object in the reply is not closed", None
            continue
        try:
            candidate = _Candidate(_lenient(text[start:end]), end - start)
        except json.JSONDecodeError as error:
            broken = start, error
        except ValueError:
            fault, broken = "not valid JSON: a number is too long", None
        except RecursionError:
            fault, broken = "the reply is nested too deeply", None
        else:
            # Of equals the last: models mend what they said before.
            if best is None or candidate.length >= best.length:
                best = candidate
    if best is not None:
        return best.value
    if broken is not None:
        start, error = broken
        line = text.count("\n", 0, start) + error.lineno
        fault = f"not valid JSON: {error.msg} (line {line} of the reply)"
    raise _not_json(fault)


def _spans(text: str) -> list[tuple[int, int | None]]:
    """Return where the objects outside of thought begin and end; no end is an object cut off."""
    spans: list[tuple[int, int | None]] = []
    place = 0
    while (landmark := _LANDMARK.search(text, place)) is not None:
        start = landmark.start()
        if landmark["think"]:
            place = text.find("</think>", start)
            if place < 0:
                return spans
        elif landmark["thought"]:
            spans.clear()
            place = landmark.end()
        elif (end := _end(text, start)) is not None:
            spans.append((start, end))
            place = end
        else:
            spans.append((start, None))
            place = text.rfind("</think>", start)
            if place < 0:
                return spans
    return spans


def _lenient(candidate: str) -> Any:
    try:
        return _DECODER.decode(candidate)
    except ValueError:
        return _DECODER.decode(_SLIP.sub(lambda slip: slip[1] or "", candidate))


def _end(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        match token[0]:
            case "{" | "[":
                depth += 1
            case "}" | "]":
                depth -= 1
                if depth == 0:
                    return token.end()
            case _:
                pass
    return None


def _not_json(message: str) -> Unfit:
    return Unfit("$", "json", message)
