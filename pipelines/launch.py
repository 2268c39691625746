"""The options a run is started with: flags, flow parameters, form and `metadata.launch` alike."""

from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

__all__ = ["Launch"]


class Launch(BaseModel):
    """How a run was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str | None = Field(
        default=None, description="A pipeline's name, or the path of its folder."
    )
    run: str | None = Field(default=None, description="Go on with this run: its name, or its path.")
    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="What to call the run; else the pipeline's name and the time.",
    )
    lane: Literal["realtime", "batch"] | None = Field(
        default=None,
        description="How models are asked: one call per unit, answers at once (the default); or in "
        "batches, at half the price, within a day. Said of a run, it changes how that goes on.",
    )
    items: str | None = Field(
        default=None,
        description="Take the items from this file instead of the pipeline's own; `-` on the "
        "command line: from standard input, as JSON lines.",
    )
    repeat: PositiveInt | None = Field(
        default=None, description="Make every unit N times, whatever the pipeline says."
    )
    max_units: PositiveInt | None = Field(default=None, description="Take the first N units only.")
    sample: PositiveInt | None = Field(
        default=None, description="Take N units at random, always the same N."
    )
    provider: str | None = Field(
        default=None, description="Ask this provider at every step, whatever the pipeline says."
    )
    model: str | None = Field(
        default=None, description="Ask this model at every step, whatever the pipeline says."
    )
    max_cost: Decimal | None = Field(
        default=None,
        gt=0,
        description="Spend at most so many US dollars: the run pauses before it spends more.",
    )
    emulate: bool = Field(
        default=False, description="Ask the emulator on this machine: no key, no cost."
    )
    local: str | None = Field(
        default=None,
        description="Ask a model on this machine: a GGUF file, or `default` for the bundled one.",
    )
    allow_scripts: bool = Field(
        default=False,
        description="Run the pipeline's own scripts on this machine, with your rights.",
    )

    ask_again: bool = Field(
        default=False,
        description="Ask once more what is in batches of which nobody can tell whether the "
        "provider has them: it may be paid twice.",
    )

    BUNDLED: ClassVar[str] = "default"
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
    def free(self) -> bool:
        """Say whether no provider is asked, so that nothing is paid."""
        return self.emulate or self.local is not None
