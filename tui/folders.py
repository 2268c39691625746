"""A pipeline's folder as it is now, whatever is wrong with it: what it says, and what is doubted.

Texts are clean (`tui.clean`); nothing is run, and nothing is written.
"""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines import Findings, Problem, available, inspect, pipelines_root
from pipelines.folder import CONFIG, inside
from pipelines.strict_yaml import Document
from tui.asking import Checked, Question, ask
from tui.clean import clean
from tui.findings import Finding, Owners, findings_of
from tui.sections import CHECKED, Section, Sections
from tui.stamps import Stamp, stamp_of
from tui.written import written

__all__ = ["Folder", "Shelf", "Text", "Watched", "differs", "look"]

MOST_READ = 1 << 20
"""Bytes of a file that are read."""
PARTS = ("templates", "schemas", "rehearsal", "scripts")
A_LOOK_SECONDS = 0.3
MOST_FILES = 2_000
"""So many files of a folder are looked at for changes."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file as text."""

    path: Path
    text: str
    trouble: str | None = None
    """Why it is not there, or not whole."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A pipeline, as its folder was read."""

    path: Path
    frozen: bool
    """It is a run's own copy."""
    whole: Section
    steps: tuple[Section, ...]
    findings: tuple[Finding, ...]
    config: Text
    owners: Owners
    lost: int = 0
    """Lines of config.yaml that cannot be read, the last ones."""
    scattered: bool = False
    """It is in the original's form, which says of a step in several places."""
    files: Mapping[str, Text] = field(default_factory=dict[str, Text])
    """By their names, from the folder on."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """Return the whole, and the steps behind it."""
        return (self.whole, *self.steps)

    @property
    def wrong(self) -> int:
        return sum(finding.wrong for finding in self.findings)

    @property
    def doubtful(self) -> int:
        return len(self.findings) - self.wrong

    def text(self, name: str) -> Text | None:
        """Return a file by its name; None if it was not read."""
        return self.config if name == CONFIG else self.files.get(name)

    def of(self, place: int) -> tuple[Finding, ...]:
        """Return what is found of a section; what concerns no step concerns the whole."""
        if place == 0:
            used = {name for step in self.steps for name in step.files}
            return tuple(f for f in self.findings if f.step is None and f.file not in used)
        files = self.sections[place].files
        return tuple(f for f in self.findings if f.step == place - 1 or f.file in files)


def look(path: Path, *, frozen: bool = False) -> Folder:
    """Return what there is in a pipeline's folder."""
    config = text_of(path, CONFIG)
    text = written(path / CONFIG, config.text)
    found = _checked(path, config, frozen=frozen)
    document = found.document if isinstance(found.document.value, dict) else text.document
    said: Mapping[str, Any] = document.value if isinstance(document.value, dict) else {}
    sections = Sections(path, text, document, said)
    whole, steps = sections.whole(), tuple(sections.steps())
    owners = Owners(document, text.readable)
    findings = findings_of(found.problems, found.doubts, owners, path)
    named = (name for one in (whole, *steps) for name in one.files)
    told = (one.file for one in findings if one.file != CONFIG)
    return Folder(
        path=path,
        frozen=frozen,
        whole=whole,
        steps=steps,
        findings=findings,
        config=config,
        owners=owners,
        lost=len(text.lines) - text.readable,
        scattered=sections.scattered,
        files={name: text_of(path, name) for name in dict.fromkeys((*named, *told))},
    )


def _checked(path: Path, config: Text, *, frozen: bool) -> Findings:
    try:
        if config.text:
            return inspect(path, frozen=frozen)
        said = config.trouble or "is empty"
    except CHECKED as error:
        said = f"the check itself has failed: {error!r}"
    problem = Problem(path.resolve() / CONFIG, None, said)
    return Findings(None, (problem,), (), Document(None, {}), None)


def text_of(folder: Path, name: str) -> Text:
    """Return a file of a pipeline, as much of it as can be shown."""
    path = inside(folder, name)
    if path is None:
        return Text(folder / CONFIG, "", "is not in the pipeline's folder")
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            return Text(path, "", "is not a file")
        with path.open("rb") as file:
            content = file.read(MOST_READ)
    except FileNotFoundError:
        return Text(path, "", "is not there")
    except OSError as error:
        return Text(path, "", clean(f"cannot be read: {error.strerror}"))
    trouble = None
    if told.st_size > len(content):
        trouble = f"is {told.st_size:,} bytes long; these are the first {len(content):,}"
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return Text(path, clean(text, lines=True), trouble)


class Watched:
    """A pipeline's folder, read again when one of its files has changed."""

    def __init__(self, path: Path, *, frozen: bool = False) -> None:
        """Take the folder; nothing is read before the first look."""
        self.path = path
        self.frozen = frozen
        self.seen: Folder | None = None
        """What was read last."""
        self.whole = False
        """All is known of it that can be."""
        self._stamps: Mapping[str, Stamp | None] | None = None
        self._question: Question | None = None
        self._stopped = False
        self._looking = threading.Lock()
        """Screens behind one another show the same folder."""

    @classmethod
    def of_run(cls, run: Path, pipeline: str) -> "Watched":
        """Return the pipeline that a run was made from; the run's copy where it is gone."""
        if pipeline in available():
            return cls(pipelines_root() / pipeline)
        return cls(run, frozen=True)

    @property
    def is_asking(self) -> bool:
        """Say whether the command is at work on it."""
        return self._question is not None

    def look(self, *, ask_now: bool = True) -> bool:
        """See whether it has changed; return False while there is more to find out.

        What its files say is known at once; what only the command knows comes when it is done.
        """
        with self._looking:
            stamps = dict(self._stamped())
            if self.seen is None or stamps != self._stamps:
                self.seen = look(self.path, frozen=self.frozen)
                # Taken before reading: what changes meanwhile is read again.
                named = {name: stamp_of(self.path / name) for name in self.seen.files}
                self._stamps = {**named, **stamps}
                self._begin_anew()
            if not self.whole and self._question is None and ask_now and not self._stopped:
                self._question = ask(self.path)
                self.whole = self._question is None
            if self._question is not None and self._question.is_over():
                self.seen = _with_all(self.seen, self._question.answer())
                self._question, self.whole = None, True
            return self.whole

    def stop(self) -> None:
        """Ask nothing any more: nobody looks."""
        with self._looking:
            self._stopped = True
            self._drop()

    def _drop(self) -> None:
        if self._question is not None:
            self._question.drop()
        self._question = None

    def _begin_anew(self) -> None:
        self._drop()
        # A run's copy is called otherwise, and is none of the command's pipelines.
        self.whole = self.frozen

    def _stamped(self) -> Iterator[tuple[str, Stamp | None]]:
        named = self.seen.files if self.seen is not None else ()
        beside = () if self.frozen else _files(self.path, [""], deep=False)
        for name in (CONFIG, *named, *beside, *_files(self.path, PARTS)):
            yield name, stamp_of(self.path / name)


def _files(path: Path, folders: Iterable[str], *, deep: bool = True) -> Iterator[str]:
    """Yield the files below folders, links and all, up to a number; what goes away is left out."""
    left, count = [*folders], 0
    while left and count < MOST_FILES:
        folder = left.pop()
        with suppress(OSError), os.scandir(path / folder) as inside_it:
            for one in inside_it:
                count += 1
                name = f"{folder}/{one.name}" if folder else one.name
                if not one.is_dir(follow_symlinks=False):
                    yield name
                elif deep:
                    left.append(name)


def _with_all(folder: Folder, found: Checked | None) -> Folder:
    """Return a pipeline with all that was found of it."""
    if found is None:
        return folder
    findings = findings_of(found.problems, found.doubts, folder.owners, folder.path)
    return folder if findings == folder.findings else replace(folder, findings=findings)


def differs(copy: Path, folder: Path) -> bool:
    """Say whether a pipeline is another than the copy that a run was made from."""
    names = {CONFIG, *_files(copy, PARTS), *_files(folder, PARTS)}
    return any(_content(copy / name) != _content(folder / name) for name in names if _kept(name))


def _kept(name: str) -> bool:
    return "__pycache__" not in name


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


class Shelf:
    """All pipelines under the root."""

    def __init__(self) -> None:
        """Take the root; nothing is read before the first look."""
        self.root = pipelines_root()
        self.trouble: str | None = None
        """Why they cannot be listed."""
        self.pipelines: Mapping[str, Watched] = {}
        """By their names."""

    def look(self, *, timer: Callable[[], float] = time.monotonic) -> bool:
        """See what has changed; return False if there is more to find out."""
        until = timer() + A_LOOK_SECONDS
        self.trouble = None
        try:
            names = available()
        except OSError as error:
            self.trouble = clean(f"cannot be read: {error.strerror}")
            names = []
        known = self.pipelines
        self.pipelines = {name: known.get(name) or Watched(self.root / name) for name in names}
        whole = True
        for one in sorted(self.pipelines.values(), key=_known):
            if timer() > until:
                return False
            busy = any(other.is_asking for other in self.pipelines.values())
            whole = one.look(ask_now=not busy) and whole
        return whole

    def stop(self) -> None:
        """Ask nothing any more: nobody looks."""
        for one in self.pipelines.values():
            one.stop()


def _known(one: Watched) -> int:
    return 0 if one.seen is None else 1 + one.whole
