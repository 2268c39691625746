"""What a pipeline is: the frozen model of config.yaml."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from pipelines.durations import Seconds
from pipelines.errors import UnknownStep
from pipelines.folder import CONFIG
from pipelines.nearest import did_you_mean

__all__ = ["Api", "FieldType", "Level", "Pipeline", "PostProcess", "PostProcessType", "Rule"]
__all__ += ["Scope", "Step", "Stragglers", "Strategy", "Units"]


_PRIVATE = r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|/|$))"


def _private(url: str) -> str:
    if re.match(_PRIVATE, url):
        return url
    raise PydanticCustomError("base_url", "must be https, or http on this machine")


Name: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)
]
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1)]
Names: TypeAlias = Annotated[list[Name], Field(json_schema_extra={"uniqueItems": True})]
Texts: TypeAlias = Annotated[list[Text], Field(min_length=1)]
BaseUrl: TypeAlias = Annotated[
    str, AfterValidator(_private), WithJsonSchema({"type": "string", "pattern": _PRIVATE})
]


def _named(positions: Any) -> Any:
    """Return positions that are only listed as a mapping, to no key of their own."""
    if not (isinstance(positions, list) and all(isinstance(name, str) for name in positions)):
        return positions
    if len(set(positions)) < len(positions):
        raise PydanticCustomError("positions", "must not name a position twice")
    return dict.fromkeys(positions)


def _listed(value: Any) -> Any:
    """Return what is said without a list as one of several."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


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
    """The same as `number`."""
    BOOLEAN = "boolean"
    ARRAY = "array"
    LIST = "list"
    """The same as `array`."""
    OBJECT = "object"
    DICT = "dict"
    """The same as `object`."""


class Level(StrEnum):
    """What a broken rule means."""

    ERROR = "error"
    """The reply is rejected."""
    WARNING = "warning"
    """The reply passes with a note."""


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Stragglers(StrEnum):
    """How the last few units of a step (2 %) are asked again in a run in batches."""

    BATCH = "batch"
    """In a batch, at half the price."""
    REALTIME = "realtime"
    """One by one, at once."""


class Rule(_Frozen):
    """A condition that a reply must meet, in the language of expressions."""

    name: Name
    """What the rule is called in errors and counts."""
    expr: Text
    """The expression that must be true; it sees the reply and the unit's other fields."""
    error: str | None = None
    """Shown when it is broken; `{field}` is the field's value, `{_computed}` the left side's."""
    when: Text | None = None
    """The rule holds only for units for which this expression is true; without it, for all."""
    level: Level = Level.ERROR
    """What a broken rule means; by default the reply is rejected."""


class Api(_Frozen):
    """How a model is asked; a step's own settings come before the pipeline's."""

    provider: Text | None = None
    """Who is asked, such as `openai`; `--provider` wins over it."""
    model: Text | None = None
    """The model that is asked, else the provider's default; `--model` wins over it."""
    base_url: BaseUrl | None = None
    """Where the provider is, if not at its own address: https, or http on this machine."""
    max_tokens: PositiveInt | None = None
    """Room for a reply in tokens, reasoning included (4096); one that is cut off gets more."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely the model chooses words, 0 to 2; else the provider's default."""
    reasoning: Text | None = None
    """How hard the model thinks, in the provider's words (`low`, `high`); else its default."""
    seed: int | None = None
    """A number that is sent to the model so that its replies vary less; not all models heed it."""
    timeout_seconds: PositiveFloat | None = None
    """How long a call may take, in seconds: 600 for a model, 3600 for a script."""
    concurrency: PositiveInt | None = None
    """Calls in flight at once, at most; without it the limit is found by trying."""
    requests_per_minute: PositiveInt | None = None
    """Calls a minute, at most; without it the provider's limit is heeded, or found by trying."""
    tokens_per_minute: PositiveInt | None = None
    """Tokens a minute, read and written, at most; without it as with calls."""
    max_inflight_batches: PositiveInt | None = None
    """Batches that the provider works on at once, at most."""
    max_batch_age: Seconds | None = None
    """How long a batch is waited for (`12h`) before it is stopped and the rest of it asked again;
    without it somewhat longer than its provider gives it."""
    stragglers: Stragglers | None = None
    """How the last units of a step in batches are asked again; by default in a batch once more."""


class Step(Api):
    """One thing that is done to every unit."""

    name: Name
    """What the step is called: the name of its files, and what other steps know it by."""
    description: str | None = None
    """What the step is for, in a sentence for people."""
    scope: Scope = Scope.CHUNK
    """What the step does with the units; by default a model is asked about each."""
    when: Text | None = None
    """Units for which this expression is false pass the step as they are; without it none does."""
    template: Text | None = None
    """The prompt: a Jinja2 file in templates/."""
    system: Text | None = None
    """The system prompt: a Jinja2 file in templates/."""
    output_schema: Text | None = None
    """What a reply must look like: a JSON Schema in schemas/."""
    into: Name | None = None
    """Keep the whole reply in this one field; else its fields become the unit's."""
    required: tuple[Text, ...] = ()
    """Fields that a reply must have, and not as null."""
    types: dict[str, FieldType] = {}
    """Field of a reply: its type."""
    enums: dict[str, tuple[str | int | float | bool, ...]] = {}
    """Field of a reply: the values that it may have."""
    ranges: dict[str, tuple[int | float | None, int | float | None]] = {}
    """Field of a reply: least and most, both allowed; null for no limit."""
    rules: tuple[Rule, ...] = ()
    """Conditions that a reply must meet, each an expression."""
    expressions: dict[str, str] = {}
    """Field: the expression that makes it; in order, later ones see earlier ones."""
    init: dict[str, str] = {}
    """Field: the expression that makes it once, before the others and before any loop."""
    loop_until: Text | None = None
    """Compute `expressions` again and again until this expression is true; else once."""
    max_iterations: PositiveInt | None = None
    """Rounds of a loop, at most (1000); a unit that needs more is kept and marked."""
    retry_step: Name | None = None
    """The earlier step that units go back to, to be made anew, when they fail here."""
    field: Text | None = None
    """The list of which each element becomes a unit."""
    child_field: Text | None = None
    """The field of a new unit that holds its element; else that of the list itself."""
    script: Text | None = None
    """The Python file in the pipeline's folder that is called when all units are through."""


class Units(_Frozen):
    """How items become units."""

    strategy: Strategy = Strategy.DIRECT
    """How items become units; by default each item is one."""
    positions: Annotated[
        dict[Name, Text | None],
        BeforeValidator(_named, json_schema_input_type=dict[Name, Text | None] | Names),
    ] = {}
    """Field of a unit: key of its list in the items file; fields alone when there is one list."""
    id_field: Annotated[
        tuple[Text, ...],
        Field(min_length=1),
        BeforeValidator(_listed, json_schema_input_type=Text | Texts),
    ] = ("unit_id", "id", "name")
    """The field of an item that names it; of several the first that the item has."""
    repeat: PositiveInt = 1
    """How often each unit is made (1); of several its id ends in `__rep0000` and so on."""
    seed: int | None = None
    """Where all randomness of expressions begins; another number gives another run of chance."""


class PostProcessType(StrEnum):
    """What is made of the results of a complete run."""

    TABLE = "table"
    """A CSV table: how many units there are of each kind."""
    GZIP = "gzip"
    """Compressed copies of files in outputs/."""
    SCRIPT = "script"
    """Whatever a script of the pipeline makes; only with --allow-scripts."""


class PostProcess(_Frozen):
    """Something that is made of the results when a run is complete."""

    name: Text
    """What the entry is called in the summary."""
    type: PostProcessType = PostProcessType.TABLE
    """What is made; by default a table."""
    group_by: Text | None = None
    """A row for each value of this field; may be dotted (`npc.name`)."""
    count: Text | None = None
    """A column for each value of this field, counted."""
    output: Text | None = None
    """The file in outputs/ that is written; without it, what a script prints goes to the log."""
    script: Text | None = None
    """The script, in the pipeline's folder."""
    args: tuple[str, ...] = ()
    """What the script is given after the run's folder."""
    files: tuple[Text, ...] = ()
    """Which files in outputs/ are compressed: names or patterns such as `*.jsonl`."""
    keep_originals: bool = False
    """Whether the files stay beside their compressed copies; by default they do not."""


class Pipeline(_Frozen):
    """A pipeline as its config.yaml says."""

    name: Name
    """The pipeline's name, which is its folder's as well."""
    description: str | None = None
    """What the pipeline is for, in a sentence for people."""
    version: str | int | float | None = None
    """The version of the pipeline, in any form; for people."""
    items_source: Text | None = None
    """The file of items; without it they are named at each run (`--items`)."""
    items_key: Text | None = None
    """The key of the list in the items file; a file that is one list needs none."""
    units: Units = Units()
    """How items become units; by default each item is one."""
    chunk_size: PositiveInt = 100
    """How many units travel together (100)."""
    max_retries: NonNegativeInt = 5
    """Askings of a unit per step after the first (5); as often it may be sent back."""
    retry_feedback: bool = True
    """Whether a model that is asked again sees its reply and what was wrong with it."""
    min_pass_rate: Ratio | None = None
    """The share of a step's first replies, 0 to 1, that must pass (0.5): else the run pauses."""
    global_context: dict[str, Any] = {}
    """What all templates know beside the fields of units, by name."""
    expressions: dict[str, str] = {}
    """Name: an expression that is computed for templates only, and not kept."""
    api: Api = Api()
    """How models are asked; a step may say otherwise."""
    steps: Annotated[tuple[Step, ...], Field(alias="pipeline")]
    """The steps, in the order in which units go through them."""
    post_process: tuple[PostProcess, ...] = ()
    """What is made of the results when the run is complete, in this order."""
    _folder: Path = PrivateAttr()
    _items: Path | None = PrivateAttr()
    _defaults: Mapping[str, Any] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Remember where the pipeline and its items are, which is no part of what it says."""
        self._folder = context["folder"]
        self._items = context.get("items")
        self._defaults = context.get("defaults", {})

    @property
    def folder(self) -> Path:
        """Where the pipeline's files are."""
        return self._folder

    @property
    def items(self) -> Path | None:
        """The file of items: the one it was loaded with, else its own; None without either."""
        if self._items is not None or self.items_source is None:
            return self._items
        return self.folder / self.items_source

    @property
    def own_items(self) -> bool:
        """Whether the items are the pipeline's own."""
        return self._items is None

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What templates know by names that neither a unit nor the global context has.

        In the original's form they know the configuration itself; else nothing.
        """
        return self._defaults

    @property
    def asking(self) -> tuple[Step, ...]:
        """The steps that ask a model."""
        return tuple(step for step in self.steps if step.scope is Scope.CHUNK)

    @property
    def unit_steps(self) -> tuple[Step, ...]:
        """The steps that units go through: all but scripts over the whole run."""
        return tuple(step for step in self.steps if step.scope is not Scope.RUN)

    def step(self, name: str) -> Step:
        """Return the step of this name.

        Raises:
            UnknownStep: there is none; the message has the nearest.
        """
        names = [step.name for step in self.steps]
        if name not in names:
            near = did_you_mean(name, names) or "."
            raise UnknownStep(f"{self.name} has no step {name!r}{near} It has: {', '.join(names)}")
        return self.steps[names.index(name)]

    def files(self) -> tuple[Path, ...]:
        """Return the files that make the pipeline, without items, relative to its folder."""
        parts = [
            path.relative_to(self.folder)
            for part in ("templates", "schemas", "rehearsal", "scripts")
            for path in sorted((self.folder / part).rglob("*"))
            if path.is_file() and path.parent.name != "__pycache__"
        ]
        scripts = {Path(one.script) for one in (*self.steps, *self.post_process) if one.script}
        return (Path(CONFIG), *parts, *sorted(scripts.difference(parts)))
