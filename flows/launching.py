"""What somebody said of a run, as `Launch`; what makes no sense is refused in a sentence."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.errors import BadRequest
from pipelines import Launch
from pipelines.nearest import did_you_mean

__all__ = ["launch_of"]


def launch_of(pipeline: str, said: Mapping[str, Any]) -> Launch:
    """Return the options of a run of `pipeline`.

    Raises:
        BadRequest: an option that there is not, or that cannot have the value it was given.
    """
    try:
        return Launch(pipeline=pipeline, **said)
    except ValidationError as error:
        raise BadRequest(" ".join(_sentence(fault) for fault in error.errors())) from error


def _sentence(fault: ErrorDetails) -> str:
    why = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return f"{why}."
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return f"{name!r} is no option of a run{did_you_mean(name, Launch.model_fields) or '.'}"
    if name == "name":
        return (
            f"{fault['input']!r} cannot be the name of a run: use letters, digits, '.', '_' and "
            "'-', 64 at most, beginning with a letter or digit."
        )
    if fault["type"] == "value_error":
        return f"{name}: {why}."
    return f"{name} cannot be {str(fault['input'])!r}: {why[:1].lower()}{why[1:]}."
