"""Reading a request's body field by field; BadRequest at the first that a vendor would refuse."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from providers.emulator.jsons import loads
from providers.emulator.vendors import BadRequest

__all__ = ["choice", "count", "fields", "only", "setting", "texts", "words"]

T = TypeVar("T")


def fields(body: bytes) -> dict[str, Any]:
    try:
        asked = loads(body)
    except ValueError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from error
    if isinstance(asked, dict):
        return asked
    raise BadRequest("The body of a request is a JSON object.")


def only(
    values: Mapping[str, Any], known: frozenset[str], unknown: Callable[[str], BadRequest]
) -> None:
    """Raise what is wrong with the first name that is not known."""
    if not values.keys() <= known:
        raise unknown(next(name for name in values if name not in known))


def setting(values: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    value = values.get(name)
    if value is None or (isinstance(value, kind) and not (kind is int and value is True)):
        return value
    raise BadRequest(f"{name}: expected {kind.__name__}", param=name)


def count(values: Mapping[str, Any], name: str) -> int | None:
    value = setting(values, name, int)
    if value is not None and value < 1:
        raise BadRequest(f"{name}: expected at least 1", param=name)
    return value


def choice(values: Mapping[str, Any], name: str, allowed: frozenset[str]) -> str | None:
    value = setting(values, name, str)
    if value is not None and value not in allowed:
        raise BadRequest(f"{name}: expected one of {', '.join(sorted(allowed))}", param=name)
    return value


def texts(parts: Iterable[Any]) -> Iterator[str]:
    """Return what can be read in the parts of a message."""
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            yield part["text"]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
