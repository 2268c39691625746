"""`Launch` as the parameters of a flow: what `--param` and the form in Prefect's UI offer."""

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import Field, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic.json_schema import NoDefault

from pipelines import Launch
from pipelines.durations import Seconds
from tasks.choose import choices

__all__ = ["form", "is_span", "signature"]

HIDDEN = frozenset({"tick"})
"""A deployment's flow run does by itself what this is for."""


def signature() -> inspect.Signature:
    """Return all parameters that a flow takes."""
    return inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
            for name, field in _fields()
        ]
    )


def form() -> inspect.Signature:
    """Return the parameters that make sense in a deployment, as Prefect makes a form of them."""
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_shown(name, field),
                annotation=_typed(name, field),
            )
            for name, field in _fields()
            if name not in HIDDEN
        ]
    )


def is_span(name: str) -> bool:
    """Say whether an option is a span of time, which is entered as text."""
    return Seconds in get_args(Launch.model_fields[name].annotation)


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    return (one for one in Launch.model_fields.items() if one[0] != "pipeline")


def _shown(name: str, field: FieldInfo) -> Any:
    return Field(
        # A default of None would be no value of the type, and an empty field be refused.
        default=NoDefault if field.default is None else field.default,
        description=field.description,
        # Else Prefect takes the parameter's name.
        json_schema_extra={"title": field.title or name},
    )


def _typed(name: str, field: FieldInfo) -> Any:
    """Return what may be entered. Between two types, None being one, the form would ask first."""
    entered: Any
    match name:
        case "lane":
            entered = {"enum": ["realtime", "batch", None]}
        case "provider":
            entered = {"enum": [*choices(), None]}
        case "max_cost":
            entered = {"type": "number", "exclusiveMinimum": 0}
        case _ if is_span(name):
            entered = {"type": "string"}
        case _:
            entered = next(iter(get_args(field.annotation)), field.annotation)
            for bound in field.metadata:
                entered = Annotated[entered, bound]
            return entered
    return Annotated[Any, WithJsonSchema(entered)]
