"""The user's own registry file, read over ours."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from providers.address import checked
from providers.errors import BadAddress, BadRegistry
from providers.protocol import Limits
from providers.rows import BatchLimits, OwnModel, Row, Vendor

__all__ = ["added"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
Shape = TypeVar("Shape", bound=Row)
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class _More(Row):
    """What the file may say of a vendor of ours."""

    batch_limits: dict[str, Any] = Field(default_factory=dict)
    """Those that differ from ours."""
    models: dict[str, OwnModel] = Field(default_factory=dict)


class _New(Row):
    """A vendor of the user's; what is left out is as with ours that speak the same format."""

    adapter: str
    key: str | None
    base_url: str
    default_model: str
    emulator_path: str | None = None
    limits: Limits | None = None
    free: bool = False
    models: dict[str, OwnModel] = Field(default_factory=dict)

    @field_validator("key")
    @classmethod
    def _is_a_name(cls, key: str | None) -> str | None:
        if key is not None and not VARIABLE.fullmatch(key):
            raise ValueError("the name of an environment variable, never the key itself")
        return key

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        try:
            return checked(url)
        except BadAddress as error:
            raise ValueError(str(error)) from error


class _File(Row):
    format: Literal[1]
    shared: dict[str, Any] | None = None
    vendors: dict[Name, dict[str, Any]]


def added(ours: Mapping[str, Vendor], path: Path) -> Mapping[str, Vendor]:
    """Return our vendors with what the user's file adds to them.

    Raises:
        BadRegistry: the file cannot be read; its message says where and what is wrong.
    """
    root = _composed(path)
    written = _read(_File, _plain(root, path), path, root)
    merged = dict(ours)
    for name, given in written.vendors.items():
        place = ("vendors", name)
        if name in ours:
            more = _read(_More, given, path, root, place)
            limits = _limits(more, ours[name], path, root, place)
            merged[name] = ours[name].with_models(more.models).with_batch_limits(limits)
        else:
            new = _read(_New, given, path, root, place)
            merged[name] = _completed(new, ours, path, root, place)
    return merged


def _completed(
    new: _New, ours: Mapping[str, Vendor], path: Path, root: yaml.Node, place: tuple[str, ...]
) -> Vendor:
    speakers = {vendor.adapter: vendor for vendor in reversed(list(ours.values()))}
    if new.adapter not in speakers:
        known = ", ".join(sorted(speakers))
        _refuse(path, root, (*place, "adapter"), f"{new.adapter!r} is none of: {known}")
    like = speakers[new.adapter]
    return Vendor(
        adapter=new.adapter,
        key=new.key,
        base_url=new.base_url,
        emulator_path=new.emulator_path or like.emulator_path,
        default_model=new.default_model,
        limits=new.limits or like.limits,
        free=new.free,
        models=dict(new.models),
    )


def _limits(
    more: _More, our: Vendor, path: Path, root: yaml.Node, place: tuple[str, ...]
) -> BatchLimits | None:
    if not more.batch_limits:
        return our.batch_limits
    place = (*place, "batch_limits")
    if our.batch_limits is None:
        _refuse(path, root, place, "it has no batch lane")
    return _read(BatchLimits, our.batch_limits.overruled(more.batch_limits), path, root, place)


def _read(
    shape: type[Shape], given: object, path: Path, root: yaml.Node, place: tuple[str, ...] = ()
) -> Shape:
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        # What was given is not repeated: it may be a key that stands in the wrong place.
        first = error.errors(include_input=False, include_url=False)[0]
        _refuse(path, root, (*place, *first["loc"]), first["msg"].removeprefix("Value error, "))


def _composed(path: Path) -> yaml.Node:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadRegistry(f"OCTOBATCH_MODELS names {path}, which cannot be read: {why}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise BadRegistry(f"{path}{line}: {getattr(error, 'problem', error)}") from error
    if root is None:
        raise BadRegistry(f"{path}: it is empty; it begins with `format: 1` and `vendors:`")
    for twice in _repeated(root, set()):
        raise BadRegistry(f"{path}:{twice.start_mark.line + 1}: {twice.value!r} is there twice")
    return root


def _plain(root: yaml.Node, path: Path) -> object:
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.MarkedYAMLError as error:
        raise BadRegistry(f"{path}: {error.problem}") from error
    except ValueError as error:  # 2026-02-30
        raise BadRegistry(f"{path}: {error}") from error


def _repeated(node: yaml.Node, seen: set[int]) -> Iterator[yaml.Node]:
    """Yield keys that a mapping has twice: YAML would keep the last without a word."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item, seen)
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                yield key
            keys.add(str(key.value))
            yield from _repeated(value, seen)


def _refuse(path: Path, root: yaml.Node, place: tuple[str | int, ...], why: str) -> NoReturn:
    where = ".".join(str(part) for part in place) or "the file"
    raise BadRegistry(f"{path}:{_line(root, place)}: {where}: {why}")


def _line(node: yaml.Node, place: tuple[str | int, ...]) -> int:
    """Return the line, from 1, of a place, or of the nearest one above it that is there."""
    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == part]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1
