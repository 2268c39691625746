"""Read a config.yaml in the form of the original Octobatch: the same in ours, line for line."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import jinja2

from pipelines import long_form_scripts as scripts
from pipelines.errors import Problem
from pipelines.folder import CONFIG
from pipelines.long_form_keys import SECTIONS, doubtful, faulty
from pipelines.model import Scope, Strategy
from pipelines.nearest import did_you_mean
from pipelines.rewriting import Rewriting
from pipelines.scope_checks import KEYS
from pipelines.strict_yaml import Document, Keys
from pipelines.template_names import mentions
from pipelines.templates import environment

__all__ = ["Translation", "translate"]

MAX_NAME = 64
_ID_FIELDS = ("id", "name")
"""What names an item that lacks the field that should."""
_FOLDERS = {("prompts", "template_dir"): "templates", ("schemas", "schema_dir"): "schemas"}
_OF_STEP = (
    *("name", "scope", "description", "provider", "model", "expressions", "init", "loop_until"),
    *("max_iterations", "field", "child_field", "script"),
)
_BY_STEP = (("prompts", "templates"), ("schemas", "files"), ("validation",))
"""Where something is said of steps by their names."""
_JUDGED = frozenset({Scope.CHUNK, Scope.EXPRESSION})


class Translation(NamedTuple):
    """What a file in the original's form says."""

    document: Document
    """The same in our form; its lines are the original's."""
    notes: tuple[Problem, ...]
    """What it says in vain."""
    problems: tuple[Problem, ...]
    """What it must not say."""
    defaults: Mapping[str, Any]
    """What its templates know as long as neither unit nor global context has the name."""


def translate(document: Document, folder: Path) -> Translation:
    """Return what `document`, the original's config.yaml of the pipeline in `folder`, says."""
    work = Rewriting(document)
    work.faults.extend(faulty(document.value, _read_by_templates(work, folder)))
    work.doubts.extend(doubtful(document.value))
    _pipeline(work, folder)
    _units(work)
    _steps(work, folder)
    scripts.post_process(work, folder)
    path = folder / CONFIG
    return Translation(
        work.new,
        tuple(Problem(path, document.line(keys), said) for keys, said in work.doubts),
        tuple(Problem(path, document.line(keys), said) for keys, said in work.faults),
        {"config": document.value, **document.value},
    )


def _read_by_templates(work: Rewriting, folder: Path) -> frozenset[str]:
    """Return the keys at the top of the file that are there for its templates."""
    others = {key for key, _ in work.inside() if key not in SECTIONS}
    names = [name for _, name in work.inside("prompts", "templates")] if others else []
    return frozenset(key for key in others if any(_reads(folder, name, key) for name in names))


def _reads(folder: Path, template: Any, key: str) -> bool:
    try:
        return mentions(environment(folder / "templates"), str(template), key)
    except (jinja2.TemplateError, OSError, UnicodeDecodeError):  # told by the check of the template
        return False


def _pipeline(work: Rewriting, folder: Path) -> None:
    """Say what concerns the pipeline as a whole; here it has its folder's name."""
    called = ("pipeline", "name")
    work.put(("name",), _name_of(folder), called)
    if work.at(*called) != folder.name:
        work.move(called, ("description",))
    work.move(("pipeline", "description"), ("description",))
    work.move(("prompts", "global_context"), ("global_context",))
    work.move(("processing", "expressions"), ("expressions",))
    work.move(("processing", "chunk_size"), ("chunk_size",))
    for key in ("provider", "model", "max_tokens", "max_inflight_batches"):
        work.move(("api", key), ("api", key))
    _in_lower_case(work, ("api", "provider"), ("api", "provider"))
    for keys, ours in _FOLDERS.items():
        named = work.at(*keys)
        if named is not None and PurePosixPath(str(named)) != PurePosixPath(ours):
            message = f"{keys[-1]!r} is {ours!r} here, always: rename the folder {named!r}"
            work.faults.append((keys, message))


def _name_of(folder: Path) -> str:
    """Return the folder's name; a run's may have signs that no pipeline's has."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", folder.name)[:MAX_NAME]
    return name if name[:1].isalpha() else f"P{name}"[:MAX_NAME]


def _units(work: Rewriting) -> None:
    """Say how items become units."""
    strategy = work.at("processing", "strategy") or Strategy.PERMUTATION.value
    work.put(("units", "strategy"), strategy, ("processing", "strategy"))
    work.move(("processing", "repeat"), ("units", "repeat"))
    _items(work, strategy)
    positions = ("processing", "positions")
    if strategy == Strategy.DIRECT:
        _in_vain(work, positions, strategy, "a unit has the fields of its item")
        return
    for place, position in work.inside(*positions):
        _position(work, (*positions, place), position, strategy)


def _items(work: Rewriting, strategy: Any) -> None:
    source = ("processing", "items")
    work.move((*source, "source"), ("items_source",))
    if strategy == Strategy.CROSS_PRODUCT:
        _in_vain(work, (*source, "key"), strategy, "each position has a list of its own")
    else:
        work.move((*source, "key"), ("items_key",))
    others = () if strategy == Strategy.PERMUTATION else _ID_FIELDS
    first = work.at(*source, "name_field") or "name"
    fields = [first, *(other for other in others if other != first)]
    told = fields if isinstance(first, str) else first
    work.put(("units", "id_field"), told, (*source, "name_field"))


def _position(work: Rewriting, keys: Keys, position: Any, strategy: Any) -> None:
    name = position.get("name") if isinstance(position, dict) else position
    if not isinstance(name, str):
        work.faults.append((keys, "a position needs a name"))
        return
    if name in work.value["units"].get("positions", ()):
        work.faults.append((keys, f"there is a position {name!r} already"))
    key = None
    if strategy == Strategy.CROSS_PRODUCT:
        key = work.at(*keys, "source_key") or f"{name}s"
    else:
        _in_vain(work, (*keys, "source_key"), strategy, "all positions choose from one list")
    work.put(("units", "positions", name), key, keys)


def _in_vain(work: Rewriting, keys: Keys, strategy: Any, why: str) -> None:
    if work.at(*keys) is not None:
        message = f"{keys[-1]!r} does nothing with strategy {strategy!r}: {why}"
        work.doubts.append((keys, message))


def _steps(work: Rewriting, folder: Path) -> None:
    """Say at each step all that the original says of it in several places."""
    source = ("pipeline", "steps")
    written = [(n, step) for n, step in work.inside(*source) if isinstance(step, dict)]
    names = {str(step.get("name")) for _, step in written}
    kept = [n for n, step in written if not _left_out(work, (*source, n), step, folder)]
    work.put(("pipeline",), [{} for _ in kept], source)
    for place, n in enumerate(kept):
        work.put(("pipeline", place), {}, (*source, n))
        _step(work, (*source, n), ("pipeline", place))
    for section in _BY_STEP:
        for name, _ in work.inside(*section):
            if name not in names:
                message = f"there is no step {name!r}{did_you_mean(str(name), names)}"
                work.faults.append(((*section, name), message))


def _left_out(work: Rewriting, keys: Keys, step: Mapping[str, Any], folder: Path) -> bool:
    script = step.get("script")
    if not scripts.came_with_it(script, folder):
        return False
    message = (
        f"step {step.get('name')!r} is left out, since {script!r} came with the original: every "
        "unit is in outputs/results.jsonl, none in a file of its own"
    )
    work.doubts.append(((*keys, "script"), message))
    return True


def _step(work: Rewriting, source: Keys, to: Keys) -> None:
    name, scope = str(work.at(*source, "name")), str(work.at(*source, "scope") or Scope.CHUNK)
    known = _known(work, source, scope)
    for key in _OF_STEP:
        if key in known:
            work.move((*source, key), (*to, key))
        elif work.at(*source, key) is not None:
            message = f"step {name!r}: {key!r} does nothing at this step, of scope {scope!r}"
            work.doubts.append(((*source, key), message))
    if "provider" in known:
        _in_lower_case(work, (*source, "provider"), (*to, "provider"))
    if "script" in known and (script := work.at(*source, "script")):
        work.put((*to, "script"), scripts.own(script), (*source, "script"))
    template, schema, checks = ((*section, name) for section in _BY_STEP)
    if scope == Scope.CHUNK:
        work.move(template, (*to, "template"))
    else:
        _idle(work, template, scope)
    if scope in _JUDGED:
        work.move(schema, (*to, "output_schema"))
        _checks(work, checks, to)
    else:
        _idle(work, schema, scope)
        _idle(work, checks, scope)
    if work.at(*source, "prompt_template") not in (None, work.at(*template)):
        message = "'prompt_template' does nothing: `prompts` names the templates of steps"
        work.doubts.append(((*source, "prompt_template"), f"step {name!r}: {message}"))


def _known(work: Rewriting, source: Keys, scope: str) -> frozenset[str]:
    """Return the keys that do something at a step; the others never did."""
    known = KEYS[Scope(scope)] if scope in {*Scope} else frozenset(_OF_STEP)
    return known if work.at(*source, "loop_until") is not None else known - {"max_iterations"}


def _idle(work: Rewriting, keys: Keys, scope: str) -> None:
    if work.at(*keys) is not None:
        message = f"{keys[0]!r} says something of a step of scope {scope!r}, where it does nothing"
        work.doubts.append((keys, message))


def _checks(work: Rewriting, source: Keys, to: Keys) -> None:
    for key in ("required", "ranges", "enums", "types", "rules"):
        work.move((*source, key), (*to, key))
    for field, _ in work.inside(*source, "types"):
        _in_lower_case(work, (*source, "types", field), (*to, "types", field))
    for place, rule in work.inside(*source, "rules"):
        if isinstance(rule, dict) and isinstance(place, int):
            keys = ("rules", place, "name")
            name = _rule_name(rule.get("name", place + 1))
            work.put((*to, *keys), name, (*source, *keys))


def _in_lower_case(work: Rewriting, source: Keys, to: Keys) -> None:
    value = work.at(*source)
    if isinstance(value, str):
        work.put(to, value.lower(), source)


def _rule_name(name: Any) -> Any:
    """Return a rule's name as a word: the original takes any text, and does without."""
    if not isinstance(name, str | int):
        return name
    word = re.sub(r"\W+", "_", str(name), flags=re.ASCII).strip("_")
    return (word if word[:1].isalpha() else f"rule_{word}")[:MAX_NAME]
