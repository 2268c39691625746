"""Scripts that a config.yaml of the original names: the pipeline's own, and those it came with."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.folder import inside
from pipelines.rewriting import Rewriting
from pipelines.strict_yaml import Keys

__all__ = ["came_with_it", "own", "post_process"]

_EXTRACT, _ANALYZE = "extract_units.py", "analyze_results.py"
_AS_OURS = frozenset({"--group-by", "--count-field", "--output", "--output-format", "--title"})
"""What our tables do too, or do not need."""
_OUTPUTS = "outputs/"


def own(script: Any) -> Any:
    """Return where a script is in the pipeline's folder: the original counts from its own."""
    if not isinstance(script, str):
        return script
    match PurePosixPath(script).parts:
        case ("pipelines", _, *rest) if rest:
            return "/".join(rest)
        case _:
            return script


def came_with_it(script: Any, folder: Path) -> bool:
    """Say whether `script` is the one that writes a file for each unit, and not the pipeline's."""
    return _is(script, _EXTRACT, folder)


def post_process(work: Rewriting, folder: Path) -> None:
    """Say anew what is made of the results."""
    entries = work.at("post_process")
    if entries is None:
        return
    work.put(("post_process",), entries, ("post_process",))
    if not isinstance(entries, list):
        return
    work.value["post_process"] = [{} if isinstance(one, dict) else one for one in entries]
    for place, entry in enumerate(entries):
        if isinstance(entry, dict):
            _entry(work, ("post_process", place), entry, folder)


def _entry(work: Rewriting, keys: Keys, entry: Mapping[str, Any], folder: Path) -> None:
    if _is(entry.get("script"), _ANALYZE, folder):
        said = _as_table(work, keys, entry)
    else:
        said = {"type": "script", **entry, "script": own(entry.get("script"))}
        said["output"] = _in_outputs(entry.get("output"))
    said.setdefault("name", f"entry {int(keys[-1]) + 1}")
    for key, value in said.items():
        if value is not None:
            work.put((*keys, key), value, (*keys, key if key in entry else "script"))
    for place, pattern in work.inside(*keys, "files"):
        if "/" in str(pattern) and not str(pattern).startswith(_OUTPUTS):
            message = f"{pattern!r} is left as it is: only files in outputs/ are compressed"
            work.doubts.append(((*keys, "files", place), message))


def _as_table(work: Rewriting, keys: Keys, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry that makes our table of what the original's script counts."""
    name, options = entry.get("name"), _options(entry.get("args"))
    if unknown := sorted(options.keys() - _AS_OURS):
        message = f"{_ANALYZE} is a table here, which only counts: no {', '.join(unknown)}"
        work.doubts.append(((*keys, "args"), f"post_process {name!r}: {message}"))
    output = options.get("--output") or f"{_file_name(name)}.csv"
    return {
        **{key: value for key, value in entry.items() if key not in {"args", "script"}},
        "type": "table",
        "group_by": options.get("--group-by"),
        "count": options.get("--count-field"),
        "output": _as_csv(work, _in_outputs(entry.get("output") or output)),
    }


def _in_outputs(output: Any) -> Any:
    return output.removeprefix(_OUTPUTS) if isinstance(output, str) else output


def _as_csv(work: Rewriting, output: Any) -> Any:
    """Return the name of a table's file: the original's tables are drawn, ours are CSV."""
    if not isinstance(output, str):
        return output
    name = re.sub(r"(?<=\w)\.\w*$", "", output) + ".csv"
    taken = [
        _in_outputs(work.at("post_process", n, "output")) for n, _ in work.inside("post_process")
    ]
    return output if name in taken else name


def _options(args: Any) -> dict[str, str]:
    """Return the options among a script's arguments, each with the last of its values."""
    words = [str(word) for word in args] if isinstance(args, list) else []
    options: dict[str, str] = {}
    last = ""
    for word in words:
        if word.startswith("--"):
            last, _, options[last] = word.partition("=")
        else:
            options[last] = word
    return options


def _file_name(name: Any) -> str:
    return re.sub(r"\W+", "_", str(name)).strip("_").lower() or "table"


def _is(script: Any, name: str, folder: Path) -> bool:
    """Say whether `script` is the original's script of this name: no file of the pipeline is."""
    if not isinstance(script, str) or PurePosixPath(script).name != name:
        return False
    path = inside(folder, own(script))
    return path is None or not path.is_file()
