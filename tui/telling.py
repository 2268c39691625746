"""The story of a unit at a step in lines: its reply, its data, and each asking."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runs import loads
from tui.cases import ShownPrompt
from tui.clean import clean
from tui.paint import Cell, Part, Tone, cost
from tui.story import Asking, StepStory, Verdict

__all__ = ["children", "data_of", "failing", "history", "leaf", "outcome", "prompt", "raw", "reply"]

WHOLE = "$"
REPLY = "reply"
FENCE = "```"
MOST_IN_A_LEAF = 200
DEEPEST = 60
"""Levels that are shown of data within data."""


def reply(at: StepStory) -> list[Cell]:
    """Return what is wrong with the last reply, and the reply."""
    lines = [line for verdict in _still(at) for line in _told(verdict)]
    lines += [()] if lines else []
    last = at.askings[-1] if at.askings else None
    said = (last and last.reply) or (at.verdicts[-1].reply if at.verdicts else None)
    if said:
        return lines + _lines(said)
    if last is not None and last.error:
        return [*lines, *_lines(last.error, Tone.BAD)]
    if last is not None and last.body:
        note = (Part("There are no words of a model in it. As it came:", Tone.DIM),)
        return [*lines, note, (), *_lines(last.body)]
    return [*lines, (Part(_why_none(at), Tone.DIM),)]


def prompt(shown: ShownPrompt) -> list[Cell]:
    """Return what a model was told, and what is not known of that."""
    note = [(Part(shown.note, Tone.DIM),)] if shown.note else []
    text = _lines(shown.text) if shown.text is not None else []
    return [*note, *([()] if note and text else []), *text]


def data_of(at: StepStory) -> dict[str, Any]:
    """Return what a unit came with, what was said of it, and what was added to it."""
    last = at.askings[-1].reply if at.askings else None
    came, left = at.entered or {}, at.left or {}
    added = {name: value for name, value in left.items() if came.get(name, came) != value}
    known = {"came with": at.entered, REPLY: _value(last), "added": added or None}
    return {name: value for name, value in known.items() if value is not None}


def failing(at: StepStory) -> dict[str, str]:
    """Return the places in the last reply that do not pass, each with the rules it breaks."""
    rules: dict[str, dict[str, None]] = {}
    for verdict in _still(at):
        for error in verdict.errors:
            rules.setdefault(error.path, {})[error.rule] = None
    return {path: ", ".join(broken) for path, broken in rules.items()}


def raw(at: StepStory, *, numbered: bool = True) -> list[Cell]:
    """Return its data as JSON, and mark what does not pass."""
    rows = list(_json(data_of(at), failing(at)))
    if not numbered:
        return rows
    width = len(str(len(rows)))
    return [(Part(f"{n:>{width}}  ", Tone.DIM), *row) for n, row in enumerate(rows, 1)]


def history(at: StepStory, *, emulated: bool = False) -> list[Cell]:
    """Return each asking, the oldest first, and what came of it; what is emulated is not paid."""
    verdicts = {(verdict.round, verdict.attempt): verdict for verdict in at.verdicts}
    lines: list[Cell] = []
    for asking in at.askings:
        lines.append(_asked(asking, emulated=emulated))
        verdict = verdicts.get((asking.round, asking.attempt))
        if asking.error:
            lines.append((Part(f"  {asking.error}", Tone.BAD),))
        elif verdict is not None:
            lines += [(Part("  "), *line) for line in _told(verdict)]
        elif at.left is not None and asking is at.askings[-1]:
            lines.append((Part("  ✓ passed", Tone.GOOD),))
        else:
            lines.append((Part("  asked again", Tone.ACCENT),))
        lines.append(())
    return lines or [(Part(_why_none(at), Tone.DIM),)]


def outcome(at: StepStory) -> Part:
    """Return how a unit stands at a step, as far as its own files tell."""
    if at.left is not None:
        return Part("✓", Tone.GOOD)
    if at.verdicts:
        back = at.verdicts[-1].sent_back_to
        return Part("◂", Tone.ACCENT) if back else Part("✗", Tone.SOFT)
    if at.askings:
        return Part("○", Tone.LIVE)
    return Part("·" if at.entered is not None else " ", Tone.DIM)


def leaf(value: Any) -> str:
    """Return a value in a line."""
    if isinstance(value, str):
        text = clean(value[:MOST_IN_A_LEAF])
        more = len(value) - MOST_IN_A_LEAF
        return f'"{text}"' if more <= 0 else f'"{text}… {more:,} more'
    if isinstance(value, dict):
        return f"{{{len(value)}}}"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list):
        return f"[{len(value)}]"  # pyright: ignore[reportUnknownArgumentType]
    return json.dumps(value)


def _still(at: StepStory) -> tuple[Verdict, ...]:
    """Return the last verdict, if nothing has come after it that is better."""
    return at.verdicts[-1:] if at.left is None else ()


def _told(verdict: Verdict) -> Iterator[Cell]:
    """Yield why a unit did not pass."""
    went = f"◂ sent back to {verdict.sent_back_to}" if verdict.sent_back_to else "✗ failed"
    tone = Tone.ACCENT if verdict.sent_back_to else Tone.SOFT
    where = f" · {verdict.stage} · round {verdict.round}, asking {verdict.attempt}"
    yield Part(went, tone), Part(where, Tone.DIM)
    for error in verdict.errors:
        at = () if error.path == WHOLE else (Part(f"{error.path} ", Tone.BAD),)
        for number, line in enumerate(error.message.split("\n")):
            first = (*at, Part(f"{error.rule}: ", Tone.BOLD)) if number == 0 else ()
            yield (Part("  "), *first, Part(line))


def _asked(asking: Asking, *, emulated: bool) -> Cell:
    usage = asking.usage or {}
    said: list[str] = []
    if usage:
        said.append(f"{usage.get('input', 0):,} in, {usage.get('output', 0):,} out")
    if asking.possible_usd:
        said.append(f"at most {cost(asking.possible_usd, emulated=emulated)}")
    else:
        said.append(cost(asking.cost_usd, emulated=emulated))
    return (
        Part(f"round {asking.round}, asking {asking.attempt}", Tone.BOLD),
        Part(f" · {asking.at.astimezone():%m-%d %H:%M:%S} · {asking.seconds:.1f} s", Tone.DIM),
        Part(f" · {asking.provider}/{asking.model}"),
        Part(f" · {asking.batch or asking.lane} · {' · '.join(said)}", Tone.DIM),
    )


def _why_none(at: StepStory) -> str:
    if at.entered is None:
        return "The unit has not come to this step."
    if at.left is not None:
        return "No model was asked here."
    return "No reply yet."


def _lines(text: str, tone: Tone = Tone.PLAIN) -> list[Cell]:
    return [(Part(line, tone),) for line in text.split("\n")]


def _value(text: str | None) -> Any:
    """Return a reply as data, if it is JSON, in a fence or not; else as it is."""
    if text is None:
        return None
    bare = text.strip()
    if bare.startswith(FENCE):
        bare = bare.partition("\n")[2].rpartition(FENCE)[0]
    try:
        return loads(bare.encode())
    except ValueError:
        return text


def _json(data: Mapping[str, Any], broken: Mapping[str, str]) -> Iterator[Cell]:
    """Yield the lines of JSON, those that do not pass in their tone."""
    yield (Part("{"),)
    for number, (name, value) in enumerate(data.items()):
        marked = broken if name == REPLY else dict[str, str]()
        comma = "," if number < len(data) - 1 else ""
        yield from _nested(value, WHOLE, marked, f'  "{name}": ', comma, depth=1)
    yield (Part("}"),)


def _nested(
    value: Any, path: str, broken: Mapping[str, str], begin: str, end: str, *, depth: int
) -> Iterator[Cell]:
    rule = broken.get(path)
    tone, mark = (Tone.BAD, (Part(f"  ← {rule}", Tone.BAD),)) if rule else (Tone.PLAIN, ())
    if not isinstance(value, (dict, list)) or not value or depth > DEEPEST:
        said = leaf(value) if depth > DEEPEST else clean(json.dumps(value, ensure_ascii=False))
        yield (Part(begin, tone), Part(f"{said}{end}", tone), *mark)
        return
    opened, closed = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield (Part(f"{begin}{opened}", tone), *mark)
    inside = list(children(value, path))
    pad = "  " * (depth + 1)
    for number, (name, below, inner) in enumerate(inside):
        comma = "," if number < len(inside) - 1 else ""
        key = f"{clean(json.dumps(name, ensure_ascii=False))}: " if isinstance(name, str) else ""
        yield from _nested(inner, below, broken, f"{pad}{key}", comma, depth=depth + 1)
    yield (Part(f"{'  ' * depth}{closed}{end}", tone),)


def children(value: Any, path: str) -> Iterator[tuple[str | int, str, Any]]:
    """Yield name, path and value of each part of an object or an array."""
    if isinstance(value, dict):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield str(name), f"{path}.{name}", inner  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for number, inner in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield number, f"{path}[{number}]", inner
