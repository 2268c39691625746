"""What a pipeline is: the frozen model of config.yaml."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from pipelines.errors import UnknownStep
from pipelines.folder import CONFIG
from pipelines.nearest import did_you_mean

__all__ = ["Api", "FieldType", "Level", "Pipeline", "Rule", "Scope", "Step", "Strategy", "Units"]


def _private(url: str) -> str:
    if re.match(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|/|$)", url):
        return url
    raise PydanticCustomError("base_url", "must be https, or http on this machine")


Name: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)
]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
BaseUrl: TypeAlias = Annotated[str, AfterValidator(_private)]
Ratio: TypeAlias = Annotated[float, Field(ge=0, le=1)]


class Scope(StrEnum):
    """What a step does with a chunk."""

    CHUNK = "chunk"
    """Asks a model about each unit."""
    EXPRESSION = "expression"
    """Computes fields of each unit, here and for free."""
    FAN_OUT = "fan_out"
    """Makes a unit of each element of a field."""
    RUN = "run"
    """Calls a script on the whole run."""


class Strategy(StrEnum):
    """How items become units."""

    DIRECT = "direct"
    """Each item is a unit."""
    CROSS_PRODUCT = "cross_product"
    """One unit for each combination of one item per position."""
    PERMUTATION = "permutation"
    """One unit for each ordered choice of items for the positions."""


class FieldType(StrEnum):
    """What `types` may ask of a field."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    FLOAT = "float"
    BOOLEAN = "boolean"
    ARRAY = "array"
    LIST = "list"
    OBJECT = "object"
    DICT = "dict"


class Level(StrEnum):
    """What a broken rule means."""

    ERROR = "error"
    """The reply is rejected."""
    WARNING = "warning"
    """The reply passes with a note."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rule(_Frozen):
    """A condition that a reply must meet, in the language of expressions."""

    name: Name
    expr: Text
    error: str | None = None
    """Shown when it is broken; `{field}` is the field's value, `{_computed}` the left side's."""
    when: Text | None = None
    level: Level = Level.ERROR


class Api(_Frozen):
    """How a model is asked; a step's own settings come before the pipeline's."""

    provider: Text | None = None
    model: Text | None = None
    base_url: BaseUrl | None = None
    max_tokens: PositiveInt | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    reasoning: Text | None = None
    seed: int | None = None
    timeout_seconds: PositiveFloat | None = None
    concurrency: PositiveInt | None = None
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    max_inflight_batches: PositiveInt | None = None
    max_batch_age: PositiveFloat | None = None


class Step(Api):
    """One thing that is done to every unit."""

    name: Name
    description: str | None = None
    scope: Scope = Scope.CHUNK
    when: Text | None = None
    template: Text | None = None
    system: Text | None = None
    output_schema: Text | None = None
    into: Name | None = None
    required: tuple[Text, ...] = ()
    types: dict[str, FieldType] = {}
    enums: dict[str, tuple[str | int | float | bool, ...]] = {}
    ranges: dict[str, tuple[int | float | None, int | float | None]] = {}
    """Least and most, both allowed; null for no limit."""
    rules: tuple[Rule, ...] = ()
    expressions: dict[str, str] = {}
    init: dict[str, str] = {}
    loop_until: Text | None = None
    max_iterations: PositiveInt | None = None
    retry_step: Name | None = None
    field: Text | None = None
    child_field: Text | None = None
    script: Text | None = None


class Units(_Frozen):
    """How items become units."""

    strategy: Strategy = Strategy.DIRECT
    positions: dict[Name, Text] = {}
    """Field of a unit: key of its list in the items file."""
    id_field: Text | None = None
    """The field of an item that names it; else `unit_id`, `id` or `name`."""
    repeat: PositiveInt = 1
    seed: int | None = None


class Pipeline(_Frozen):
    """A pipeline as its config.yaml says."""

    name: Name
    description: str | None = None
    version: str | int | float | None = None
    items_source: Text
    items_key: Text | None = None
    units: Units = Units()
    chunk_size: PositiveInt = 100
    max_retries: NonNegativeInt = 5
    """Askings of a unit per step after the first."""
    retry_feedback: bool = True
    """Whether a model that is asked again sees its reply and what was wrong with it."""
    min_pass_rate: Ratio | None = None
    global_context: dict[str, Any] = {}
    expressions: dict[str, str] = {}
    api: Api = Api()
    steps: Annotated[tuple[Step, ...], Field(alias="pipeline")]
    post_process: tuple[dict[str, Any], ...] = ()
    _folder: Path = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Remember the folder, which is where the pipeline is and no part of what it says."""
        self._folder = context["folder"]

    @property
    def folder(self) -> Path:
        """Where the pipeline's files are."""
        return self._folder

    def step(self, name: str) -> Step:
        """Return the step of this name.

        Raises:
            UnknownStep: there is none; the message has the nearest.
        """
        names = [step.name for step in self.steps]
        if name not in names:
            near = did_you_mean(name, names)
            raise UnknownStep(f"{self.name} has no step {name!r}{near}; it has {', '.join(names)}")
        return self.steps[names.index(name)]

    def files(self) -> tuple[Path, ...]:
        """Return the files that make the pipeline, relative to its folder: what a run freezes."""
        parts = [
            path.relative_to(self.folder)
            for part in ("templates", "schemas", "rehearsal")
            for path in sorted((self.folder / part).rglob("*"))
            if path.is_file()
        ]
        return (Path(CONFIG), *parts, Path(self.items_source))
