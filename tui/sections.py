"""The sections of a pipeline's config.yaml: the whole, and each step, whatever is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from pipelines import Pipeline, Scope, Step
from pipelines.model import Api
from pipelines.strict_yaml import Document, Keys
from pipelines.template_names import uses
from pipelines.templates import environment
from tui.clean import clean
from tui.stamps import UNREADABLE
from tui.written import Written

__all__ = ["CHECKED", "Property", "Section", "Sections"]

MOST_SAID = 200
"""Characters of a value that are shown where it is one of many."""
TEMPLATES, SCHEMAS, REHEARSAL = "templates", "schemas", "rehearsal"
FOLDERS: Mapping[str, str] = {
    "template": TEMPLATES,
    "system": TEMPLATES,
    "output_schema": SCHEMAS,
    "script": ".",
    "items_source": ".",
}
"""Keys that name a file, and where it lies."""
CHECKED = (*UNREADABLE, RecursionError)
"""What a check may raise of files that are not what anybody thought of."""
_RENDERED = frozenset({TEMPLATES, REHEARSAL})
_PIPELINE_FIELDS = {name: info.description for name, info in Pipeline.model_fields.items()}
_STEP_FIELDS = {name: info.description for name, info in Step.model_fields.items()}


@dataclass(frozen=True, slots=True)
class Property:
    """A key of a step, or of a pipeline as a whole, and what stands there."""

    name: str
    value: str
    """In a line."""
    says: str | None
    """What the key means; None for a key that there is not."""
    source: str | None = None
    """Where the value is from, if it does not stand here."""
    line: int | None = None
    """On which line of config.yaml it is written, with the comments above it."""
    yaml: str = ""
    """As it is written there."""
    file: str | None = None
    """The file that it names, from the pipeline's folder on."""
    entries: int = 0
    """How many there are, if it is a list or a mapping."""


@dataclass(frozen=True, slots=True)
class Section:
    """A step, or the pipeline as a whole."""

    name: str
    properties: tuple[Property, ...]
    scope: str = ""
    """Of a step: what it does with a chunk."""
    asks: str = ""
    """Of a step: who is asked, or what is done instead."""
    line: int | None = None
    yaml: str = ""
    """As it is written in config.yaml."""
    files: tuple[str, ...] = ()
    """The files that it uses, with those that they include."""

    def get(self, name: str) -> Property | None:
        """Return the property of this name, if there is one."""
        return next((one for one in self.properties if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Sections:
    """Makes sections of what config.yaml says, which may be anything."""

    path: Path
    text: Written
    document: Document
    said: Mapping[str, Any]

    @property
    def scattered(self) -> bool:
        """Say whether it is the original's form, in which a step's keys stand in several places."""
        return isinstance(_mapping(self.text.document.value).get("pipeline"), dict)

    def whole(self) -> Section:
        """Return the pipeline as a whole: all of it but its steps."""
        properties = [
            self._property((name,), value, _PIPELINE_FIELDS)
            for name, value in self.said.items()
            if name != "pipeline"
        ]
        name = said_of(self.said.get("name", self.path.name))
        return Section(name, tuple(properties), files=tuple(self._named(properties)))

    def steps(self) -> Iterator[Section]:
        """Yield the steps, as far as there are any."""
        at: Keys = ("pipeline",)
        steps = self.said.get("pipeline")
        if isinstance(steps, dict):  # the original's form, not whole
            at, steps = (*at, "steps"), _mapping(steps).get("steps")
        for place, step in enumerate(_list(steps)):
            yield self._step((*at, place), _mapping(step))

    def _step(self, keys: Keys, step: Mapping[str, Any]) -> Section:
        scope = str(step.get("scope", Scope.CHUNK))
        properties = [
            self._property((*keys, name), value, _STEP_FIELDS) for name, value in step.items()
        ]
        if "scope" not in step:
            properties.append(_given("scope", scope, "default"))
        if scope == Scope.CHUNK:
            properties += self._inherited(step)
        line, yaml = self._written(keys)
        return Section(
            name=said_of(step.get("name", f"step {_number(keys)}")),
            properties=tuple(properties),
            scope=said_of(scope),
            asks=_asked(scope, {one.name: one.value for one in properties}),
            line=line,
            yaml=yaml,
            files=tuple(self._used(properties, step)),
        )

    def _inherited(self, step: Mapping[str, Any]) -> Iterator[Property]:
        """Yield how a model is asked, as far as the pipeline says so and the step does not."""
        api = _mapping(self.said.get("api"))
        for name in Api.model_fields:
            if name in step:
                continue
            if api.get(name) is not None:
                line, yaml = self._written(("api", name))
                yield _given(name, said_of(api[name]), "from api", line, yaml)
            elif name == "provider":
                yield _given(name, "named at the start", "--provider")
            elif name == "model":
                yield _given(name, "the provider's own choice", "or --model")

    def _property(self, keys: Keys, value: Any, fields: Mapping[str, str | None]) -> Property:
        name = str(keys[-1])
        line, yaml = self._written(keys)
        file = None
        if name in FOLDERS and isinstance(value, str):
            file = clean(Path(FOLDERS[name], value).as_posix())
        return Property(
            name=clean(name),
            value=said_of(value),
            says=fields.get(name),
            line=line,
            yaml=yaml,
            file=file,
            entries=len(value) if isinstance(value, dict | list) else 0,
        )

    def _written(self, keys: Keys) -> tuple[int | None, str]:
        """Return the line on which something stands, and how it is written there."""
        line = self.document.line(keys)
        here: Keys | None = keys if keys in self.text.document.lines else None
        if self.scattered and line is not None:
            here = self.text.at(line)  # the original's form says it elsewhere
        if here is None:
            return line, ""
        first, lines = self.text.part(here)
        return first, "\n".join(lines)

    def _used(self, properties: Sequence[Property], step: Mapping[str, Any]) -> Iterator[str]:
        """Yield the files of a step: those it names, what they include, and its rehearsal."""
        seen: set[str] = set()
        rehearsal = f"{REHEARSAL}/{step.get('name')}.jinja2"
        for name in (*self._named(properties), rehearsal):
            folder, _, rest = name.partition("/")
            reached = _reached(self.path / folder, rest) if folder in _RENDERED else ()
            for one in (name, *(f"{folder}/{other}" for other in sorted(reached))):
                if one not in seen and (one != rehearsal or (self.path / one).is_file()):
                    seen.add(one)
                    yield one

    def _named(self, properties: Sequence[Property]) -> Iterator[str]:
        return (one.file for one in properties if one.file is not None)


def _reached(folder: Path, name: str) -> set[str]:
    try:
        return uses(environment(folder), name).reached
    except (jinja2.TemplateError, *CHECKED):  # the check tells of it
        return set()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _number(keys: Keys) -> int:
    return int(keys[-1]) + 1


def _given(name: str, value: str, source: str, line: int | None = None, yaml: str = "") -> Property:
    return Property(name, value, _STEP_FIELDS.get(name), source, line, yaml)


def _asked(scope: str, said: Mapping[str, str]) -> str:
    match scope:
        case Scope.CHUNK:
            return f"{said.get('provider')}/{said.get('model')}"
        case Scope.EXPRESSION:
            return "computes"
        case Scope.FAN_OUT:
            return f"a unit for each of {said.get('field')}"
        case Scope.RUN:
            return f"calls {said.get('script')}"
        case _:
            return clean(scope)


def said_of(value: Any, depth: int = 2) -> str:
    """Return a value in a line."""
    match value:
        case None:
            said = "null"
        case bool():
            said = str(value).lower()
        case dict():
            said = ", ".join(_entry(key, inner, depth) for key, inner in _first(value.items()))
        case list():
            said = ", ".join(_element(inner, depth) for inner in _first(value))
        case _:
            said = " ".join(str(value)[:MOST_SAID].split())
    said = clean(said)
    return said if len(said) < MOST_SAID else f"{said[: MOST_SAID - 1]}…"


def _entry(key: object, value: Any, depth: int) -> str:
    """Return a key with what stands there; of what is further in, the keys alone."""
    return f"{key}: {said_of(value, depth - 1)}" if depth > 1 else str(key)


def _element(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        return said_of(value.get("name", list(value)), depth - 1)
    return said_of(value, depth - 1) if depth else "…"


def _first(values: Any) -> list[Any]:
    return [one for one, _ in zip(values, range(MOST_SAID), strict=False)]
