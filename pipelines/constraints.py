"""Check what a step says of single fields beside its schema: required, types, enums, ranges."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipelines.coercion import Options
from pipelines.model import FieldType, Step
from pipelines.verdicts import Error

__all__ = ["Checked", "check"]


class Checked(NamedTuple):
    """A reply's fields, options spelt as the step spells them, and what is wrong with them."""

    fields: dict[str, Any]
    errors: tuple[Error, ...]


def check(fields: dict[str, Any], step: Step) -> Checked:
    """Return `fields` checked against the constraints of `step`; only what is there is typed."""
    missing = tuple(
        _error(name, "required", "is missing") for name in step.required if fields.get(name) is None
    )
    if missing:
        return Checked(fields, missing)
    spelt = {
        name: _spelt(value, step.enums[name]) if name in step.enums else value
        for name, value in fields.items()
    }
    return Checked(spelt, tuple(_errors(spelt, step)))


def _errors(fields: dict[str, Any], step: Step) -> Iterator[Error]:
    for name, kind in step.types.items():
        if name in fields and not _is(fields[name], kind):
            yield _error(name, "type", f"is {_named(fields[name])}, not {kind.value}")
    for name, (least, most) in step.ranges.items():
        if name in fields and not _within(fields[name], least, most):
            bounds = _bounds(least, most)
            yield _error(name, "range", f"is {_named(fields[name])}, not a number {bounds}")
    for name, options in step.enums.items():
        if name in fields and not any(_same(fields[name], option) for option in options):
            listed = ", ".join(map(str, options))
            yield _error(name, "enum", f"is {_named(fields[name])}, not one of: {listed}")


def _is(value: Any, kind: FieldType) -> bool:
    match kind:
        case FieldType.STRING:
            return isinstance(value, str)
        case FieldType.BOOLEAN:
            return isinstance(value, bool)
        case FieldType.NUMBER | FieldType.FLOAT:
            return _is_number(value)
        case FieldType.INTEGER:
            return _is_number(value) and (isinstance(value, int) or value.is_integer())
        case FieldType.ARRAY | FieldType.LIST:
            return isinstance(value, list)
        case FieldType.OBJECT | FieldType.DICT:
            return isinstance(value, dict)


def _same(value: Any, option: Any) -> bool:
    # To Python, true is 1.
    return value == option and isinstance(value, bool) == isinstance(option, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(value: Any, least: float | None, most: float | None) -> bool:
    if not _is_number(value):
        return False
    return (least is None or value >= least) and (most is None or value <= most)


def _bounds(least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        return f"from {least} to {most}"
    return f"from {least}" if least is not None else f"up to {most}"


def _spelt(value: Any, options: tuple[Any, ...]) -> Any:
    return Options(options).nearest(value) if isinstance(value, str) else value


def _error(field: str, constraint: str, message: str) -> Error:
    return Error(f"$.{field}", f"{constraint}_{field}", f"{field} {message}")


def _named(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - what fits a line
