"""Check what a pipeline's files say of one another, without running any of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pipelines.errors import PipelineError, Problem
from pipelines.folder import CONFIG, NAME, inside
from pipelines.items import FORMATS, format_of
from pipelines.model import Pipeline, Strategy
from pipelines.nearest import did_you_mean
from pipelines.step_checks import StepCheck
from pipelines.strict_yaml import Document, Keys
from pipelines.units import units
from pipelines.unsupported import unsupported

__all__ = ["problems_of"]

SAMPLE = 10_000
"""How many units are looked at to learn their fields: a name that none of so many has is a typo."""
RESERVED = frozenset({"final"})
"""Names of steps whose files would be another's: final_validated.jsonl."""


def problems_of(pipeline: Pipeline, document: Document, *, frozen: bool) -> list[Problem]:
    """Return everything that is wrong with a pipeline whose config.yaml is well formed.

    Args:
        pipeline: What config.yaml says.
        document: The same with its lines.
        frozen: It is a run's own copy: its folder is named as runs are, its items may be elsewhere.
    """
    check = _Check(pipeline, document)
    problems = [*unsupported(pipeline, document), *check.links(), *check.step_names()]
    if frozen:
        return [*problems, *check.steps(None)]
    problems += [*check.folder(), *check.items_source(), *check.positions()]
    if problems:
        return [*problems, *check.steps(None)]
    try:
        fields = check.fields()
    except PipelineError as error:
        return [*error.problems, *check.steps(None)]
    return [*check.context(fields), *check.steps(fields)]


@dataclass(frozen=True, slots=True)
class _Check:
    pipeline: Pipeline
    document: Document

    def folder(self) -> Iterator[Problem]:
        """The folder becomes a flow's name and stands beside this package's modules."""
        folder = self.pipeline.folder
        if not NAME.fullmatch(folder.name):
            yield Problem(folder, None, f"a pipeline's folder must match {NAME.pattern}")
        elif folder.name != self.pipeline.name:
            message = f"the name {self.pipeline.name!r} is not the folder's, {folder.name!r}"
            yield self._problem(("name",), message)
        if (folder / "__init__.py").exists():
            yield Problem(folder / "__init__.py", None, "a pipeline's folder is no Python package")
        if folder.with_suffix(".py").exists():
            yield Problem(folder, None, f"the folder would shadow the module {folder.name}.py")

    def links(self) -> Iterator[Problem]:
        """What a template includes or a run copies must not lie outside of the folder."""
        for name in self.pipeline.files()[1:-1]:
            if inside(self.pipeline.folder, name.as_posix()) is None:
                yield Problem(
                    self.pipeline.folder / name, None, "leads out of the pipeline's folder"
                )

    def step_names(self) -> Iterator[Problem]:
        if not self.pipeline.steps:
            yield self._problem(("pipeline",), "a pipeline has at least one step")
        counted = Counter(step.name for step in self.pipeline.steps)
        for place, step in enumerate(self.pipeline.steps):
            if step.name in RESERVED:
                yield self._problem(("pipeline", place, "name"), f"{step.name!r} is reserved")
            elif counted[step.name] > 1 and place != self._first(step.name):
                line = self.document.line(("pipeline", self._first(step.name)))
                message = f"there is a step {step.name!r} already, on line {line}"
                yield self._problem(("pipeline", place, "name"), message)

    def items_source(self) -> Iterator[Problem]:
        name = self.pipeline.items_source
        path = inside(self.pipeline.folder, name)
        if path is None:
            yield self._problem(("items_source",), f"{name!r} leads out of the pipeline's folder")
        elif format_of(path) is None:
            readable = ", ".join(FORMATS)
            message = (
                f"{name!r} is not supported by this version; it reads {readable}, also with .gz"
            )
            yield self._problem(("items_source",), message)
        elif not path.is_file():
            there = [file.name for file in self.pipeline.folder.iterdir() if file.is_file()]
            yield self._problem(
                ("items_source",), f"there is no {name!r}{did_you_mean(name, there)}"
            )

    def positions(self) -> Iterator[Problem]:
        needed = self.pipeline.units.strategy is not Strategy.DIRECT
        if needed and not self.pipeline.units.positions:
            message = f"strategy {self.pipeline.units.strategy.value!r} needs `positions`"
            yield self._problem(("units", "strategy"), message)
        if not needed and self.pipeline.units.positions:
            yield self._problem(("units", "positions"), "strategy 'direct' has no positions")
        if needed and self.pipeline.items_key:
            yield self._problem(("items_key",), "positions name their lists; `items_key` does not")
        if "unit_id" in self.pipeline.units.positions:
            yield self._problem(("units", "positions", "unit_id"), "'unit_id' is reserved")

    def fields(self) -> frozenset[str]:
        """Return the fields of units, as far as the first many of them show.

        Raises:
            PipelineError: the items do not make units.
        """
        seen = list(islice(units(self.pipeline), SAMPLE))
        if not seen:
            path = self.pipeline.folder / self.pipeline.items_source
            raise PipelineError([Problem(path, None, "there are no items")])
        return frozenset[str]().union(*seen)

    def context(self, fields: frozenset[str] | None) -> Iterator[Problem]:
        for name in self.pipeline.global_context:
            if name in (fields or frozenset()) | {"previous"}:
                message = f"{name!r} is a name that units have; call it otherwise"
                yield self._problem(("global_context", name), message)

    def steps(self, fields: frozenset[str] | None) -> Iterator[Problem]:
        """Each step on its own, knowing the fields that it gets from those before it."""
        for place, step in enumerate(self.pipeline.steps):
            check = StepCheck(self.pipeline, self.document, place, step)
            made = yield from check.problems(fields)
            fields = None if fields is None or made is None else fields | made

    def _first(self, name: str) -> int:
        return next(n for n, step in enumerate(self.pipeline.steps) if step.name == name)

    def _problem(self, keys: Keys, message: str) -> Problem:
        return Problem(self.pipeline.folder / CONFIG, self.document.line(keys), message)
