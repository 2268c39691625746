"""How much work a schema is: the validator has no limits of its own, and explores every branch."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import unquote

__all__ = ["branches", "depth", "effort"]

ENOUGH = 100_000
"""Nobody wants to know how much more it is."""

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLES = ("not", "if", "then", "else")


class _Schema(Protocol):
    @property
    def document(self) -> Mapping[str, Any]: ...
    def part(self, pointer: str) -> Any: ...


def depth(document: Any) -> int:
    """Return how deep `document` is nested."""
    deepest = 0
    ahead = [(document, 1)]
    while ahead:
        value, level = ahead.pop()
        deepest = max(deepest, level)
        if isinstance(value, dict):
            ahead += [(part, level + 1) for part in value.values()]
        elif isinstance(value, list):
            ahead += [(part, level + 1) for part in value]
    return deepest


def branches(schema: _Schema) -> int:
    """Return how many parts of `schema` speak of one value, for the part where that is most."""
    most = 0
    ahead: list[Any] = [schema.document]
    while ahead:
        node = ahead.pop()
        if isinstance(node, dict):
            most = max(most, sum(1 for _ in _alike(schema, node)))
            ahead += node.values()
        elif isinstance(node, list):
            ahead += node
        if most >= ENOUGH:
            break
    return most


def effort(schema: _Schema, value: Any) -> int:
    """Return how many comparisons it takes at most to say all that is wrong with `value`."""
    made = 0
    ahead: list[tuple[Any, Any]] = [(schema.document, value)]
    while ahead and made < ENOUGH:
        node, value = ahead.pop()
        for part in _alike(schema, node):
            made += 1 + len(part.get("enum", ()))
            ahead += _inside(part, value)
            if made >= ENOUGH:
                break
    return made


def _alike(schema: _Schema, node: Any) -> Iterator[dict[str, Any]]:
    """Yield `node` and all parts that speak of the same value, each as often as it is reached."""
    ahead: list[tuple[Any, frozenset[str]]] = [(node, frozenset())]
    for _ in range(ENOUGH):
        if not ahead:
            return
        part, refs = ahead.pop()
        if not isinstance(part, dict):
            continue
        yield part
        ref = part.get("$ref")
        if isinstance(ref, str) and ref.startswith("#") and ref not in refs:
            ahead.append((schema.part(unquote(ref)), refs | {ref}))
        ahead += [(each, refs) for keyword in _LISTS for each in part.get(keyword, ())]
        ahead += [(part[keyword], refs) for keyword in _SINGLES if keyword in part]


def _inside(part: dict[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        known = part.get("properties", {})
        others = [part.get("additionalProperties"), *part.get("patternProperties", {}).values()]
        for key, item in value.items():
            yield from ((each, item) for each in (known.get(key), *others) if each is not None)
    elif isinstance(value, list):
        first = part.get("prefixItems", ())
        for place, item in enumerate(value):
            rule = first[place] if place < len(first) else part.get("items")
            if rule is not None:
                yield (rule, item)
