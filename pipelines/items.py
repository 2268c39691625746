"""Read items from their file: YAML and JSON whole, JSON lines as a stream, each also gzipped."""

import gzip
import io
import json
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from pipelines.errors import PipelineError, Problem
from pipelines.nearest import did_you_mean
from pipelines.strict_yaml import Document, Keys, read_yaml
from pipelines.values import MAX_DEPTH, Unfit, clean

__all__ = ["FORMATS", "Item", "format_of", "groups", "items"]

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
MAX_DOCUMENT_BYTES = 256 * 2**20
"""A document is read whole; JSON lines are not, and know no such limit."""
MAX_LINE_BYTES = 10 * 2**20


class Item(NamedTuple):
    """One item, and where it stands."""

    value: Any
    line: int | None
    number: int
    """Counted from 1."""

    @property
    def place(self) -> str:
        """Where to look for it."""
        return f"item {self.number}" if self.line is None else f"line {self.line}"


def format_of(path: Path) -> str | None:
    """Return how `path` is to be read, by its name; None when it cannot be."""
    return FORMATS.get(Path(path.name.lower().removesuffix(".gz")).suffix)


def items(path: Path, key: str | None) -> Iterator[Item]:
    """Yield the items of `path`: its lines, its list, or the list under `key`.

    Raises:
        PipelineError: the file, or an item, cannot be read.
    """
    if format_of(path) == "jsonl":
        return _lines(path)
    document = _document(path)
    if key is not None:
        return iter(_listed(path, document, key))
    if not isinstance(document.value, list):
        wanted = "name one of its lists with `items_key`"
        raise PipelineError([Problem(path, 1, f"the items are not a list; {wanted}")])
    return iter(_located(document, document.value, ()))


def groups(path: Path, keys: tuple[str, ...]) -> list[list[Item]]:
    """Return the list of items under each of `keys`.

    Raises:
        PipelineError: the file cannot be read, or a list is missing.
    """
    if format_of(path) == "jsonl":
        raise PipelineError(
            [Problem(path, None, "JSON lines hold one list; positions need several")]
        )
    document = _document(path)
    return [_listed(path, document, key) for key in keys]


def _listed(path: Path, document: Document, key: str) -> list[Item]:
    lists = document.value if isinstance(document.value, dict) else {}
    if not isinstance(lists.get(key), list):
        raise PipelineError(
            [Problem(path, None, f"there is no list {key!r}{did_you_mean(key, lists)}")]
        )
    return _located(document, lists[key], (key,))


def _located(document: Document, values: list[Any], keys: Keys) -> list[Item]:
    return [
        Item(value, document.lines.get((*keys, place)), place + 1)
        for place, value in enumerate(values)
    ]


def _document(path: Path) -> Document:
    with _opened(path) as file:
        content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        size = f"{MAX_DOCUMENT_BYTES >> 20} MB"
        raise PipelineError([Problem(path, None, f"larger than {size}: use JSON lines (.jsonl)")])
    try:
        if format_of(path) == "yaml":
            document = read_yaml(path, content.decode("utf-8-sig"))
        else:
            document = Document(_parsed(content), {})
        return Document(clean(document.value).value, document.lines)
    except Unfit as unfit:
        raise PipelineError([Problem(path, None, f"{unfit.path}: {unfit.message}")]) from unfit
    except json.JSONDecodeError as error:
        raise PipelineError([Problem(path, error.lineno, f"not JSON: {error.msg}")]) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise PipelineError([Problem(path, None, f"cannot be read: {error}")]) from error


def _lines(path: Path) -> Iterator[Item]:
    with _opened(path) as file:
        number = 0
        line = 0
        while content := file.readline(MAX_LINE_BYTES + 1):
            line += 1
            if len(content) > MAX_LINE_BYTES:
                message = f"longer than {MAX_LINE_BYTES >> 20} MB"
                raise PipelineError([Problem(path, line, message)])
            if content.isspace():
                continue
            number += 1
            yield Item(_line(path, line, content), line, number)


def _line(path: Path, line: int, content: bytes) -> Any:
    try:
        value = _parsed(content)
        # What orjson takes is clean but for its depth, and few brackets cannot be deep.
        if content.count(b"{") + content.count(b"[") <= MAX_DEPTH:
            return value
        return clean(value).value
    except json.JSONDecodeError as error:
        raise PipelineError([Problem(path, line, f"not JSON: {error.msg}")]) from error
    except (Unfit, UnicodeDecodeError, RecursionError) as error:
        message = error.message if isinstance(error, Unfit) else f"cannot be read: {error}"
        raise PipelineError([Problem(path, line, message)]) from error


def _parsed(content: bytes) -> Any:
    """Return JSON as orjson reads it, or as json does where orjson is stricter than people are."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return clean(json.loads(content.decode("utf-8-sig"))).value


@contextmanager
def _opened(path: Path) -> Generator[gzip.GzipFile | io.BufferedReader]:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise PipelineError([Problem(path, None, f"cannot be read: {reason}")]) from error
