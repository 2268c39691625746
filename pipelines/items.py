"""Read items from a file: YAML and JSON whole; JSON lines, CSV and Parquet as a stream."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from pipelines import csv_items, parquet_items
from pipelines.errors import PipelineError, Problem
from pipelines.item_file import Item, lines, opened
from pipelines.nearest import did_you_mean
from pipelines.strict_yaml import Document, Keys, read_yaml
from pipelines.values import MAX_DEPTH, Unfit, clean

__all__ = ["FORMATS", "Format", "format_of", "groups", "items", "suffix_of", "unknown_format"]

MAX_DOCUMENT_BYTES = 256 * 2**20
"""A document is read whole; lines and tables are not, and know no such limit."""


class Format(StrEnum):
    """How a file of items is read."""

    YAML = "yaml"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"


FORMATS = {
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".parquet": Format.PARQUET,
}


def suffix_of(path: Path) -> str:
    """Return what the name of `path` says of its format: `.csv.gz`, say."""
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix + ".gz" * name.endswith(".gz")


def format_of(path: Path) -> Format | None:
    """Return how `path` is to be read, by its name; None when it cannot be."""
    return FORMATS.get(suffix_of(path).removesuffix(".gz"))


def unknown_format(path: Path) -> str:
    """Return what to say of a file that cannot be read, by its name."""
    return f"{path.name!r} is in no known format: {', '.join(FORMATS)}, each also with .gz"


def items(path: Path, key: str | None) -> Iterator[Item]:
    """Yield the items of `path`: its lines or rows, its list, or the list under `key`.

    A file that is one list needs no key, and may have one for the sake of others.

    Raises:
        PipelineError: the file, or an item, cannot be read.
    """
    match format_of(path):
        case Format.JSONL:
            return _lines(path)
        case Format.CSV:
            return csv_items.rows(path, ",")
        case Format.TSV:
            return csv_items.rows(path, "\t")
        case Format.PARQUET:
            return parquet_items.rows(path)
        case Format.YAML | Format.JSON as written:
            return _listed_items(path, _document(path, written), key)
        case None:
            raise PipelineError([Problem(path, None, unknown_format(path))])


def groups(path: Path, keys: tuple[str, ...]) -> list[list[Item]]:
    """Return the list of items under each of `keys`.

    Raises:
        PipelineError: the file cannot be read, or a list is missing.
    """
    written = format_of(path)
    if written not in {Format.YAML, Format.JSON}:
        message = f"a {written} file holds one list, and positions need several: use YAML or JSON"
        raise PipelineError([Problem(path, None, message)])
    document = _document(path, written)
    return [_listed(path, document, key) for key in keys]


def _listed_items(path: Path, document: Document, key: str | None) -> Iterator[Item]:
    if isinstance(document.value, list):
        return iter(_located(document, document.value, ()))
    if key is None:
        wanted = "name one of its lists with `items_key`"
        raise PipelineError([Problem(path, 1, f"the items are not a list; {wanted}")])
    return iter(_listed(path, document, key))


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


def _document(path: Path, written: Format | None) -> Document:
    with opened(path) as file:
        content = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        size = f"{MAX_DOCUMENT_BYTES >> 20} MB"
        raise PipelineError(
            [
                Problem(
                    path,
                    None,
                    f"larger than {size}: save it as JSON lines (.jsonl), which are streamed",
                )
            ]
        )
    try:
        if written is Format.YAML:
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
    with opened(path) as file:
        number = 0
        for line, content in lines(path, file):
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
