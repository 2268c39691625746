"""Check one step: its templates, its schema, and the names that its rules and templates use."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateNotFound, TemplateSyntaxError

from pipelines.errors import Problem
from pipelines.expressions import ExpressionError, parse
from pipelines.folder import CONFIG, inside
from pipelines.model import Pipeline, Scope, Step
from pipelines.nearest import did_you_mean
from pipelines.rehearsal import FOLDER as REHEARSAL
from pipelines.rehearsal import NAMES as REHEARSAL_NAMES
from pipelines.rehearsal import rehearses
from pipelines.schemas import Schema, SchemaFault, parse_schema
from pipelines.strict_yaml import Document, Keys
from pipelines.templates import environment, free_names, mentions

__all__ = ["StepCheck"]


@dataclass(frozen=True, slots=True)
class StepCheck:
    """The check of one step."""

    pipeline: Pipeline
    document: Document
    place: int
    step: Step

    def problems(
        self, fields: frozenset[str] | None
    ) -> Generator[Problem, None, frozenset[str] | None]:
        """Yield what is wrong, knowing a unit's `fields`; return the fields that the step adds.

        None stands for fields that are not known: then names are not checked.
        """
        if self.step.scope is not Scope.CHUNK:
            return None
        yield from self._templates(fields)
        yield from self._rehearsal(fields)
        schema = yield from self._schema()
        yield from self._reserved(schema)
        replied = schema.fields if schema else None
        if replied is not None:
            yield from self._constrained(replied)
        known = None if fields is None or replied is None else fields | replied
        yield from self._rules(known)
        return replied

    def _templates(self, fields: frozenset[str] | None) -> Iterator[Problem]:
        if self.step.template is None:
            yield self._problem((), "needs a template: the file in templates/ that asks the model")
        for key, name in (("template", self.step.template), ("system", self.step.system)):
            if name is None:
                continue
            path = yield from self._file(key, "templates", name)
            if path is None:
                continue
            used = yield from self._template("templates", name)
            yield from self._given(path, used, fields)

    def _given(
        self, path: Path, used: Mapping[str, int], fields: frozenset[str] | None
    ) -> Iterator[Problem]:
        if fields is None:
            return
        known = fields | self.pipeline.global_context.keys() | {"previous"}
        for variable, line in used.items():
            if variable not in known:
                yield Problem(path, line, _unknown(variable, known))

    def _rehearsal(self, fields: frozenset[str] | None) -> Iterator[Problem]:
        if rehearses(self.pipeline, self.step):
            name = f"{self.step.name}.jinja2"
            used = yield from self._template(REHEARSAL, name)
            known = None if fields is None else fields | REHEARSAL_NAMES
            yield from self._given(self.pipeline.folder / REHEARSAL / name, used, known)

    def _template(self, folder: str, name: str) -> Generator[Problem, None, Mapping[str, int]]:
        """Return the names that the template must be given, each with its line."""
        templates = environment(self.pipeline.folder / folder)
        path = self.pipeline.folder / folder / name
        try:
            templates.get_template(name)
            mentions(templates, name, "previous")
            return free_names(templates, name)
        except TemplateSyntaxError as error:
            faulty = self.pipeline.folder / folder / (error.name or name)
            yield Problem(faulty, error.lineno, f"not a template: {error.message}")
        except TemplateNotFound as error:
            yield Problem(path, None, f"includes {error.name!r}, which is not in {folder}/")
        except UnicodeDecodeError as error:
            yield Problem(path, None, f"not UTF-8: {error.reason}")
        return {}

    def _schema(self) -> Generator[Problem, None, Schema | None]:
        if self.step.output_schema is None:
            return None
        path = yield from self._file("output_schema", "schemas", self.step.output_schema)
        if path is None:
            return None
        try:
            return parse_schema(path.read_bytes())
        except SchemaFault as fault:
            yield Problem(path, fault.line, fault.message)
            return None

    def _reserved(self, schema: Schema | None) -> Iterator[Problem]:
        asked = (schema.required if schema else frozenset()) | {*self.step.required}
        for name in sorted(asked):
            if name == "unit_id" or name.startswith("_"):
                message = f"asks the model for {name!r}, which a reply never sets"
                yield self._problem((), message)

    def _constrained(self, replied: frozenset[str]) -> Iterator[Problem]:
        """What is required, typed, listed or bounded must be in the schema."""
        for key in ("required", "types", "enums", "ranges"):
            for place, name in enumerate(getattr(self.step, key)):
                if name not in replied:
                    keys = (key, place if key == "required" else name)
                    message = f"{key}: the schema has no {name!r}{did_you_mean(name, replied)}"
                    yield self._problem(keys, message)

    def _rules(self, known: frozenset[str] | None) -> Iterator[Problem]:
        for place, rule in enumerate(self.step.rules):
            for key, source in (("expr", rule.expr), ("when", rule.when)):
                if source is None:
                    continue
                try:
                    names = parse(source).names
                except ExpressionError as error:
                    message = f"rule {rule.name!r}: {error}"
                    yield self._problem(("rules", place, key), message)
                    continue
                for name in sorted(names - known) if known is not None else ():
                    message = f"rule {rule.name!r}: {_unknown(name, known or ())}"
                    yield self._problem(("rules", place, key), message)

    def _file(self, key: str, folder: str, name: str) -> Generator[Problem, None, Path | None]:
        path = inside(self.pipeline.folder / folder, name)
        if path is not None and path.is_file():
            return path
        there = sorted(file.name for file in (self.pipeline.folder / folder).glob("*"))
        message = f"{key} {name!r} is not in {folder}/{did_you_mean(name, there)}"
        yield self._problem((key,), message)
        return None

    def _problem(self, keys: Keys, message: str) -> Problem:
        line = self.document.line(("pipeline", self.place, *keys))
        return Problem(self.pipeline.folder / CONFIG, line, f"step {self.step.name!r}: {message}")


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"{name!r} is neither a field of the units nor of the reply{did_you_mean(name, known)}"
