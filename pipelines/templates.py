"""Jinja2 as templates have it here: sandboxed, strict, bounded, and data comes before methods.

What a template makes is bounded (pipelines/metering.py), since it is rendered in the run's own
process: its loops, calls, texts and lists are counted, and nothing that loops goes uncounted.
"""

import traceback
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import FileSystemLoader, StrictUndefined, Template, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipelines.bounded import (
    METHODS,
    NamedValues,
    concatenated,
    estimate_call,
    estimate_operation,
    filters,
)
from pipelines.counting import counting
from pipelines.errors import TemplateError
from pipelines.folder import inside
from pipelines.metering import Meter, made, spend
from pipelines.values import encodable

__all__ = ["environment", "render"]

MAX_CHARS = 10_000_000

_RENDERING_ERRORS = (
    jinja2.TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an expression in a template can raise."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "%", "**"})
    concat = staticmethod(concatenated)

    def getattr(self, obj: Any, attribute: str) -> Any:
        # {{ npc.items }} means the field `items`, never the method of every mapping.
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # `to_bytes`, `translate` and their like make much out of little.
        if isinstance(obj, str | int | float) and not (isinstance(obj, str) and attr in METHODS):
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        estimate_operation(operator, left, right)
        return made(super().call_binop(context, operator, left, right))

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - positional, as Jinja calls it
        args = estimate_call(obj, args, kwargs)
        return made(super().call(context, obj, *args, **kwargs))

    def _load_template(self, *args: Any, **kwargs: Any) -> Template:
        # One template may include another twice, that another twice, and so on.
        spend(1)
        return super()._load_template(*args, **kwargs)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        try:
            return super()._parse(source, name, filename)
        except RecursionError:
            raise jinja2.TemplateSyntaxError("is nested too deeply", 1, name, filename) from None

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, *args: Any, **kw: Any
    ) -> str:
        try:
            return super()._generate(counting(source), name, filename, *args, **kw)
        except RecursionError:
            raise jinja2.TemplateSyntaxError("is nested too deeply", 1, name, filename) from None

    def _compile(self, source: str, filename: str) -> Any:
        try:
            return super()._compile(source, filename)
        except (MemoryError, RecursionError, SyntaxError):
            # Python has limits of its own: 20 loops in one another, 100 brackets.
            name = Path(filename).name
            raise jinja2.TemplateSyntaxError("is nested too deeply", 1, name, filename) from None


class _Loader(FileSystemLoader):
    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        # Jinja follows links.
        if inside(Path(self.searchpath[0]), template) is None:
            raise jinja2.TemplateNotFound(template)
        return super().get_source(environment, template)


def _shown(value: Any) -> str:
    """Return what an expression puts into the text."""
    if isinstance(value, str):
        return value
    text = str(value)
    spend(len(text))
    return text


@lru_cache(maxsize=32)
def environment(folder: Path) -> jinja2.Environment:
    """Return the environment of the templates in `folder`; it reads nothing outside of it."""
    templates = _Environment(
        loader=_Loader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters = filters()
    templates.globals = {
        "range": templates.globals["range"],
        "dict": dict,
        "namespace": NamedValues,
    }
    return templates


def render(template: Template, context: Mapping[str, Any]) -> str:
    """Return `template` rendered with `context`.

    Raises:
        TemplateError: it cannot be; the message names template and line.
    """
    try:
        # Of Jinja's chain of globals a plain dict is made once, not at every rendering.
        if not isinstance(template.globals, dict):
            template.globals = dict(template.globals)
        with Meter():
            text = _joined(template, context)
    except _RENDERING_ERRORS as error:
        raise TemplateError(f"{_place(template, error)}: {_reason(error)}") from error
    return encodable(text)


def _joined(template: Template, context: Mapping[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    for part in template.generate(context):
        parts.append(part)
        size += len(part)
        if size > MAX_CHARS:
            raise TemplateError(f"{template.name}: longer than {MAX_CHARS:,} characters")
    return "".join(parts)


def _place(template: Template, error: BaseException) -> str:
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == template.filename
    ]
    return f"{template.name}:{lines[-1]}" if lines else str(template.name)


def _reason(error: BaseException) -> str:
    if isinstance(error, jinja2.TemplateNotFound):
        return f"there is no template {error.name!r}"
    if isinstance(error, jinja2.TemplateError):
        return error.message or type(error).__name__
    return f"{type(error).__name__}: {error}"
