"""Which names a template uses, and those that it includes: found without rendering."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import jinja2
from jinja2 import meta, nodes

__all__ = ["Site", "Uses", "mentions", "uses"]

_GUARDS = frozenset({"d", "default", "defined", "undefined"})
_References: TypeAlias = nodes.Include | nodes.Extends | nodes.Import | nodes.FromImport


class Site(NamedTuple):
    """A place in a template."""

    template: str
    line: int | None


@dataclass(frozen=True)
class Uses:
    """What a template uses, with those that it includes."""

    needed: dict[str, Site] = field(default_factory=dict[str, Site])
    """Names that it must be given, and where they are first used."""
    guarded: dict[str, Site] = field(default_factory=dict[str, Site])
    """Names that it asks about (`is defined`, `default`), and so need not be given."""
    reached: set[str] = field(default_factory=set[str])
    """The templates it consists of, itself among them."""
    faults: list[tuple[Site, str]] = field(default_factory=list[tuple[Site, str]])
    """What is wrong with them."""


def uses(templates: jinja2.Environment, name: str) -> Uses:
    """Return what the template `name` of `templates` uses, and what is wrong with it."""
    found = Uses()
    _look(found, templates, name, frozenset())
    return found


def mentions(templates: jinja2.Environment, name: str, variable: str) -> bool:
    """Return whether the template `name`, or one that it consists of, uses `variable`."""
    found = uses(templates, name)
    return variable in found.needed or variable in found.guarded


def _look(found: Uses, templates: jinja2.Environment, name: str, given: frozenset[str]) -> None:
    if name in found.reached:
        return
    found.reached.add(name)
    try:
        templates.get_template(name)
        tree = _tree(templates, name)
    except jinja2.TemplateSyntaxError as error:
        site = Site(error.name or name, error.lineno)
        found.faults.append((site, f"not a template: {error.message}"))
        return
    except UnicodeDecodeError as error:
        found.faults.append((Site(name, None), f"not UTF-8: {error.reason}"))
        return
    # Jinja counts a name as undeclared that is set in the branches of an `if` and used after it.
    own = given | {used.name for used in tree.find_all(nodes.Name) if used.ctx == "store"}
    _names(found, tree, Site(name, None), own | templates.globals.keys())
    for node in tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)):
        for other in _others(found, templates, node, name):
            # What is imported is not given the context, unless it asks for it.
            sees = isinstance(node, nodes.Extends) or node.with_context
            _look(found if sees else _only_reached(found), templates, other, own)


def _only_reached(found: Uses) -> Uses:
    return Uses(reached=found.reached, faults=found.faults)


def _names(found: Uses, tree: nodes.Template, site: Site, own: frozenset[str]) -> None:
    guarded = {
        guard.node.name
        for guard in tree.find_all((nodes.Test, nodes.Filter))
        if guard.name in _GUARDS and isinstance(guard.node, nodes.Name)
    }
    undeclared = meta.find_undeclared_variables(tree) - own
    for used in tree.find_all(nodes.Name):
        if used.name in undeclared:
            names = found.guarded if used.name in guarded else found.needed
            names.setdefault(used.name, site._replace(line=used.lineno))


def _others(
    found: Uses, templates: jinja2.Environment, node: _References, name: str
) -> Iterator[str]:
    """Yield the templates that `node` refers to, as far as it says which."""
    others = list(_referred(node.template))
    there = [other for other in others if _is_there(templates, other)]
    yield from there
    if others and not there and not getattr(node, "ignore_missing", False):
        site = Site(name, node.lineno)
        found.faults.append((site, f"includes {others[0]!r}, which is not there"))


def _referred(node: nodes.Expr) -> Iterator[str]:
    parts = node.items if isinstance(node, nodes.List | nodes.Tuple) else [node]
    for part in parts:
        if isinstance(part, nodes.Const) and isinstance(part.value, str):
            yield part.value


def _is_there(templates: jinja2.Environment, name: str) -> bool:
    assert templates.loader is not None, "templates are read from a folder"
    try:
        templates.loader.get_source(templates, name)
    except jinja2.TemplateNotFound:
        return False
    except UnicodeDecodeError:
        return True
    return True


def _tree(templates: jinja2.Environment, name: str) -> nodes.Template:
    assert templates.loader is not None, "templates are read from a folder"
    source, _, _ = templates.loader.get_source(templates, name)
    return templates.parse(source, name)
