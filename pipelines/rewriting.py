"""Write a document anew: other keys, the same values, each with its line in the old one."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipelines.strict_yaml import Document, Keys
from pipelines.written import Written

__all__ = ["Finding", "Rewriting"]

Finding: TypeAlias = tuple[Keys, str]
"""A place in the old document, and what is to be said of it."""


@dataclass(frozen=True)
class Rewriting:
    """A document that comes about from another."""

    old: Document
    value: dict[str, Any] = field(default_factory=dict[str, Any])
    lines: dict[Keys, int] = field(default_factory=lambda: {(): 1})
    texts: dict[Keys, Written] = field(default_factory=dict[Keys, Written])
    doubts: list[Finding] = field(default_factory=list[Finding])
    faults: list[Finding] = field(default_factory=list[Finding])

    @property
    def new(self) -> Document:
        """Return the document that has come about."""
        return Document(self.value, self.lines, self.texts)

    def at(self, *keys: str | int) -> Any:
        """Return what the old document says at `keys`; None where nothing is."""
        value: Any = self.old.value
        for key in keys:
            if isinstance(value, list) and isinstance(key, int):
                value = value[key]
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return value

    def inside(self, *keys: str | int) -> Iterator[tuple[Any, Any]]:
        """Yield key or place, and value, of everything in the mapping or list at `keys`."""
        value = self.at(*keys)
        if isinstance(value, dict):
            yield from value.items()
        elif isinstance(value, list):
            yield from enumerate(value)

    def put(self, keys: Keys, value: Any, source: Keys) -> None:
        """Say `value` at `keys`; it comes from what stands at `source`."""
        parent: Any = self.value
        for depth, key in enumerate(keys[:-1], 1):
            if isinstance(parent, dict):
                self.lines.setdefault(keys[:depth], self._line(source[:-1]))
                parent = parent.setdefault(key, {})
            else:
                parent = parent[key]
        parent[keys[-1]] = deepcopy(value)
        self._trace(keys, value, source)

    def move(self, source: Keys, keys: Keys) -> None:
        """Say at `keys` what stands at `source`, if anything does."""
        value = self.at(*source)
        if value is not None:
            self.put(keys, value, source)

    def _trace(self, keys: Keys, value: Any, source: Keys) -> None:
        self.lines[keys] = self._line(source)
        if source in self.old.texts:
            self.texts[keys] = self.old.texts[source]
        if isinstance(value, dict):
            for key, part in value.items():
                self._trace((*keys, key), part, (*source, key))
        elif isinstance(value, list):
            for place, part in enumerate(value):
                self._trace((*keys, place), part, (*source, place))

    def _line(self, source: Keys) -> int:
        return self.old.line(source) or 1
