"""The options a run is started with: flags, flow parameters, form and `metadata.launch` alike."""

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipelines.durations import Seconds

__all__ = ["Launch"]


class Launch(BaseModel):
    """How a run was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str | None = Field(
        default=None, title="Pipeline", description="A pipeline's name, or the path of its folder."
    )
    lane: Literal["realtime", "batch"] | None = Field(
        default=None,
        title="Lane",
        description="`realtime`: one call per unit, answers at once (the default). `batch`: half "
        "the price, answers within a day. Said of a run, it changes how that goes on.",
    )
    max_units: PositiveInt | None = Field(
        default=None, title="First units only", description="Take the first N units, not all."
    )
    sample: PositiveInt | None = Field(
        default=None,
        title="Sample of units",
        description="Take N units at random, always the same N.",
    )
    repeat: PositiveInt | None = Field(
        default=None,
        title="Repeat each unit",
        description="Make every unit N times, whatever the pipeline says.",
    )
    items: str | None = Field(
        default=None,
        title="Items",
        description="Take the items from this file instead of the pipeline's own: its whole path "
        "on the machine that works on the run.",
    )
    provider: str | None = Field(
        default=None,
        title="Provider",
        description="Ask this provider at every step, whatever the pipeline says.",
    )
    model: str | None = Field(
        default=None,
        title="Model",
        description="Ask this model at every step, whatever the pipeline says. `octobatch models` "
        "lists them.",
    )
    max_cost: Decimal | None = Field(
        default=None,
        gt=0,
        title="Most to spend, in US dollars",
        description="Spend at most so many US dollars: the run pauses before it spends more.",
    )
    deadline: Seconds | None = Field(
        default=None,
        title="Deadline for batches",
        description="Wait for batches for so long at most, such as 6h: then they are stopped, what "
        "they brought is kept, and the rest is asked in realtime.",
    )
    timeout: Seconds | None = Field(
        default=None,
        title="Time limit",
        description="Work on the run for so long at most, such as 90m or 2h: then it pauses.",
    )
    interval: Seconds | None = Field(
        default=None,
        title="Look at batches every",
        description="Look at batches so often, such as 90s or 5m; else as they usually take.",
    )
    min_pass_rate: float | None = Field(
        default=None,
        ge=0,
        le=1,
        title="Lowest pass rate",
        description="Pause when fewer of a step's first replies pass than this share, 0 to 1; "
        "whatever the pipeline says. 0: never.",
    )
    skip_canary: bool = Field(
        default=False,
        title="Without units ahead",
        description="Hand a large run in at once, without asking three of its units first.",
    )
    emulate: bool = Field(
        default=False,
        title="Emulate",
        description="Rehearse: a stand-in on the machine that works on the run answers. No key, no "
        "cost.",
    )
    local: str | None = Field(
        default=None,
        title="Local model",
        description="Ask a model on the machine that works on the run: the path of a GGUF file, or "
        "`default` for the bundled one.",
    )
    allow_scripts: bool = Field(
        default=False,
        title="Allow scripts",
        description="Run the pipeline's own scripts, with the rights of whoever works on the run.",
    )
    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        title="Name of the run",
        description="What to call the run; else the pipeline's name and the time.",
    )
    run: str | None = Field(
        default=None,
        title="Go on with a run",
        description="Go on with this run, its name or its path, instead of making a new one. The "
        "options that make a run (units, items, provider, model, name) then say nothing.",
    )
    retry_failures: bool = Field(
        default=False,
        title="Retry failures",
        description="Of a run that is gone on with: take its units that failed through it once "
        "more, from where they failed.",
    )
    ask_again: bool = Field(
        default=False,
        title="Ask again",
        description="Of a run that is gone on with: ask once more what is in batches of which "
        "nobody can tell whether the provider has them. It may be paid twice.",
    )
    tick: bool = Field(
        default=False,
        title="One look",
        description="Look at the batches of a run once, do what there is to do, and end.",
    )

    BUNDLED: ClassVar[str] = "default"
    OF_A_START: ClassVar[frozenset[str]] = frozenset(
        {"allow_scripts", "ask_again", "retry_failures", "tick", "timeout"}
    )
    """Said of each start of a run, and never kept with it."""
    ONCE: ClassVar[frozenset[str]] = frozenset({"ask_again", "retry_failures"})
    """Of those: done at once, and not again by a flow run that has waited."""
    CHANGEABLE: ClassVar[frozenset[str]] = frozenset(
        {"deadline", "interval", "lane", "max_cost", "min_pass_rate", "skip_canary"}
    )
    """May be said when a run is gone on with, and holds from then on."""
    STDIN: ClassVar[str] = "-"

    @field_validator("local", "items")
    @classmethod
    def _absolute(cls, path: str | None, info: ValidationInfo) -> str | None:
        """Keep a path that holds wherever the run is gone on with."""
        if path is None or path == {"local": cls.BUNDLED, "items": cls.STDIN}[str(info.field_name)]:
            return path
        return str(Path(path).expanduser().absolute())

    @model_validator(mode="after")
    def _one_stand_in(self) -> Self:
        if self.emulate and self.local is not None:
            raise ValueError("the emulator and a local model cannot both answer: choose one")
        return self

    @property
    def items_file(self) -> Path | None:
        """Return the file of items that was named; None for the pipeline's own."""
        return None if self.items is None else Path(self.items)

    @property
    def gguf(self) -> Path | None:
        """Return the weights of the local model; None for the bundled ones."""
        bundled = self.local is None or self.local == self.BUNDLED
        return None if bundled else Path(str(self.local))

    @property
    def mode(self) -> Literal["realtime", "batch"]:
        """Return the lane, also when nobody has said which."""
        return self.lane or "realtime"

    @property
    def said(self) -> dict[str, Any]:
        """Return the options that somebody has said, each with what it was given."""
        return self.model_dump(exclude_defaults=True)

    @property
    def free(self) -> bool:
        """Say whether no provider is asked, so that nothing is paid."""
        return self.emulate or self.local is not None
