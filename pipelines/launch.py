"""The options a run is started with: flags, flow parameters, form and `metadata.launch` alike."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

__all__ = ["Launch"]


class Launch(BaseModel):
    """How a run was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str | None = Field(
        default=None, description="A pipeline's name, or the path of its folder."
    )
    run: str | None = Field(
        default=None, description="Go on with this run: its name, a prefix of it, its path, `last`."
    )
    name: str | None = Field(
        default=None, description="What to call the run; else the pipeline's name and the time."
    )
    lane: Literal["realtime"] = Field(
        default="realtime", description="How models are asked: one call per unit, many at once."
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
    emulate: bool = Field(
        default=False, description="Ask the emulator on this machine: no key, no cost."
    )
    local: str | None = Field(
        default=None,
        description="Ask a model on this machine: a GGUF file, or `default` for the bundled one.",
    )

    BUNDLED: ClassVar[str] = "default"

    @property
    def free(self) -> bool:
        """Say whether no provider is asked, so that nothing is paid."""
        return self.emulate or self.local is not None
