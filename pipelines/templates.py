"""Jinja2 as templates here have it: sandboxed, strict, a mapping's keys before its methods."""

import json
import traceback
from collections.abc import Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import FileSystemLoader, StrictUndefined, Template, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipelines.errors import TemplateError
from pipelines.values import encodable

__all__ = ["environment", "free_names", "mentions", "render"]

MAX_CHARS = 10_000_000

_GUARDS = frozenset({"d", "default", "defined", "undefined"})
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
    def getattr(self, obj: Any, attribute: str) -> Any:
        # {{ npc.items }} means the field `items`, never the method of every mapping.
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@lru_cache(maxsize=32)
def environment(folder: Path) -> jinja2.Environment:
    """Return the environment of the templates in `folder`; it reads nothing outside of it."""
    made = _Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Jinja's own writes ' and & as \\u escapes, for the sake of HTML.
    made.filters["tojson"] = partial(json.dumps, ensure_ascii=False)
    made.globals = {name: made.globals[name] for name in ("range", "dict", "namespace")}
    return made


def render(template: Template, context: Mapping[str, Any]) -> str:
    """Return `template` rendered with `context`.

    Raises:
        TemplateError: it cannot be; the message names template and line.
    """
    parts: list[str] = []
    size = 0
    try:
        # Of Jinja's chain of globals a plain dict is made once, not at every rendering.
        if not isinstance(template.globals, dict):
            template.globals = dict(template.globals)
        for part in template.generate(context):
            parts.append(part)
            size += len(part)
            if size > MAX_CHARS:
                raise TemplateError(f"{template.name}: longer than {MAX_CHARS:,} characters")
    except _RENDERING_ERRORS as error:
        raise TemplateError(f"{_place(template, error)}: {_reason(error)}") from error
    return encodable("".join(parts))


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


def free_names(templates: jinja2.Environment, name: str) -> dict[str, int]:
    """Return the variables that the template `name` needs, each with its first line.

    A variable that the template itself asks about (`is defined`, `default`) need not be given.

    Raises:
        jinja2.TemplateSyntaxError: it is no template.
    """
    tree = _tree(templates, name)
    optional = {
        guard.node.name
        for guard in tree.find_all((nodes.Test, nodes.Filter))
        if guard.name in _GUARDS and isinstance(guard.node, nodes.Name)
    }
    # Jinja counts a name as undeclared that is set in the branches of an `if` and used after it.
    own = {used.name for used in tree.find_all(nodes.Name) if used.ctx == "store"}
    needed = meta.find_undeclared_variables(tree) - optional - own - templates.globals.keys()
    lines: dict[str, int] = {}
    for used in tree.find_all(nodes.Name):
        if used.name in needed:
            lines.setdefault(used.name, used.lineno)
    return lines


def mentions(templates: jinja2.Environment, name: str, variable: str) -> bool:
    """Return whether the template `name`, or one that it includes, uses `variable`.

    Raises:
        jinja2.TemplateNotFound: it includes one that is not there.
    """
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        tree = _tree(templates, ahead.pop())
        if variable in meta.find_undeclared_variables(tree):
            return True
        others = {other for other in meta.find_referenced_templates(tree) if other} - seen
        seen |= others
        ahead += others
    return False


def _tree(templates: jinja2.Environment, name: str) -> nodes.Template:
    assert templates.loader is not None, "templates are read from a folder"
    source, _, _ = templates.loader.get_source(templates, name)
    return templates.parse(source, name)
