"""A step as an assistant needs it, to be pasted: where it lies, how to check it, its files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from tui.folders import Folder
from tui.sections import REHEARSAL, Section

__all__ = ["context"]

FENCE = re.compile(r"^\s*(`{3,})", re.MULTILINE)
LANGUAGES = {".jinja2": "jinja", ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".py": "python"}
CONFIG = "config.yaml"
WHAT = """\
Octobatch takes many units of data through several steps; most steps ask a language model about
each unit, check its reply, and ask again where it does not pass. A pipeline is a folder:
config.yaml says which steps there are, templates/ holds their prompts (Jinja2), schemas/ what
replies must look like (JSON Schema), rehearsal/ replies to try it with."""


def context(folder: Folder, place: int) -> str:
    """Return a step, or the whole pipeline if `place` is 0, as one text."""
    section = folder.sections[place]
    parts = [_introduced(folder, section, place), *_found(folder, place)]
    if place == 0 or folder.scattered or not section.yaml:
        parts.append(_titled(CONFIG, folder.config.text, CONFIG, folder.config.trouble))
    else:
        whole = "\n".join(one.yaml for one in folder.whole.properties if one.yaml)
        title = f"The step {section.name!r} in {CONFIG}, from line {section.line}"
        parts += [
            _titled(title, section.yaml, CONFIG),
            _titled(f"What {CONFIG} says of all steps", whole, CONFIG),
        ]
    for name in section.files if place else ():
        if not name.startswith(f"{REHEARSAL}/"):
            file = folder.files[name]
            parts.append(_titled(name, file.text, name, file.trouble))
    return "\n\n".join(parts) + "\n"


def _introduced(folder: Folder, section: Section, place: int) -> str:
    what = f"the step {section.name!r} of the pipeline" if place else "the pipeline"
    steps = " -> ".join(f"{step.name} ({step.asks})" for step in folder.steps) or "none"
    return "\n\n".join(
        (
            f"This is {what} {folder.whole.name!r} of Octobatch.\n{WHAT}",
            _where(folder),
            f"Its steps: {steps}.",
        )
    )


def _where(folder: Folder) -> str:
    path = shlex.quote(str(folder.path))
    if folder.frozen:
        return (
            f"This is the copy that a run was made from, in {path}.\nThe run goes on with it: "
            "it is never to be changed. Say what to change\nin the pipeline's own folder."
        )
    return (
        f"Its folder is {path}: change files there. Then check it with\n\n"
        f"    octobatch check {path}\n\n"
        "which tells everything that is wrong or doubtful by file and line, asks no model, and "
        "costs\nnothing; and try it, without a key and free of charge, with\n\n"
        f"    octobatch run {path} --emulate --max-units 5 --yes"
    )


def _found(folder: Folder, place: int) -> Iterator[str]:
    """Yield what a check says of it, if it says anything."""
    told = folder.findings if place == 0 else folder.of(place)
    lines = [f"- {one.place}: {'' if one.wrong else 'doubtful: '}{one.message}" for one in told]
    if lines:
        yield "\n".join(("## What the check says of it now", *lines))


def _titled(title: str, text: str, file: str, trouble: str | None = None) -> str:
    note = f"\n(it {trouble})" if trouble else ""
    fence = "`" * max((len(one) + 1 for one in FENCE.findall(text)), default=3)
    language = LANGUAGES.get(PurePosixPath(file).suffix, "")
    end = "" if text.endswith("\n") else "\n"
    return f"## {title}{note}\n{fence}{language}\n{text}{end}{fence}"
