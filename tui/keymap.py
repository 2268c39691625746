"""All keys: bindings, footer, help and the documentation are made from this one table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["KEYS", "VIEWERS", "Context", "Key", "keys_of"]


class Context(StrEnum):
    """Where one is; a context's keys hold there besides those that hold everywhere."""

    EVERYWHERE = "everywhere"
    HOME = "runs"
    RUN = "run"
    UNIT = "unit"
    LOG = "log"
    FILES = "files"
    PIPELINES = "pipelines"


@dataclass(frozen=True, slots=True)
class Key:
    """A key, and what it does."""

    key: str
    """As Textual calls it; letters hold in both cases."""
    action: str
    label: str
    """In the footer, one or two words."""
    says: str
    """In the help, a sentence."""
    instead: str | None = None
    """Of one whose action comes later: the command that does it today."""
    shown: bool = True
    """Whether it may stand in the footer."""

    @property
    def later(self) -> bool:
        return self.instead is not None

    @property
    def name(self) -> str:
        """Return what the key is called for people."""
        return _NAMES.get(self.key, self.key.upper() if len(self.key) == 1 else self.key)

    @property
    def keys(self) -> str:
        """Return the key in both cases, as a binding wants it."""
        is_letter = len(self.key) == 1 and self.key.isalpha()
        return f"{self.key},{self.key.upper()}" if is_letter else self.key


_NAMES = {
    "enter": "⏎",
    "escape": "esc",
    "slash": "/",
    "comma": ",",
    "equals_sign": "=",
    "question_mark": "?",
    "ctrl+p": "^p",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left": "←",
    "right": "→",
}

_EVERYWHERE = (
    Key("enter", "open", "Open", "Open what the cursor is on."),
    Key("escape", "back", "Back", "Go back to where you came from."),
    Key("slash", "filter", "Filter", "Show only what matches, as you type; Escape shows all."),
    Key("comma", "sort", "Sort", "Sort by the next column; once more, the other way round."),
    Key("question_mark", "help", "Keys", "The keys that hold here, to search in."),
    Key("ctrl+p", "command_palette", "Commands", "Everything that can be done, by name."),
    Key("p", "pipelines", "Pipelines", "The pipelines, their steps and files."),
    Key("l", "log", "Log", "The log of the run, as it grows."),
    Key("f", "files", "Files", "The files of the run."),
    Key("n", "new", "New", "Start a run.", instead="octobatch run PIPELINE"),
    Key("r", "go_on", "Go on", "Go on with the run.", instead="octobatch resume RUN"),
    Key("k", "stop", "Stop…", "Pause the run, or give it up.", instead="octobatch pause RUN"),
    Key("x", "archive", "Archive", "Put the run away.", instead="mv RUN into runs/_archive"),
    Key("h", "archived", "Archived", "Show archived runs too, or hide them."),
    Key("d", "doctor", "Doctor", "Look what is wrong.", instead="octobatch tidy --dry-run"),
    Key("g", "report", "Report", "A report of the run.", instead="octobatch info RUN"),
    Key("space", "mark", "Mark", "Mark a row, or unmark it."),
    Key("equals_sign", "freeze", "Freeze", "Hold the screen still; reading goes on behind it."),
    Key("o", "otto", "Otto", "Otto whole, in one line, or away."),
    Key("f5", "reread", "Reread", "Read everything anew, now.", shown=False),
    Key("q", "quit", "Quit", "Leave. Runs go on."),
)

_RUN = (
    Key("left", "step(-1)", "Step", "The step before.", shown=False),
    Key("right", "step(1)", "Step", "The next step.", shown=False),
    Key("u", "switch", "Units", "Units, or chunks."),
    Key("c", "copy_context", "Copy context", "Copy the step: configuration, template, schema."),
    Key("v", "template", "Template", "The template of the step."),
    Key("e", "edit", "Editor", "Open the step's template in your editor."),
)

_VIEWS = (
    Key("c", "copy", "Copy", "Copy what is shown."),
    Key("s", "save", "Save", "Save what is shown to a file in the current directory."),
    Key("p", "path", "Path", "Copy the path of the file."),
)

_UNIT = (
    Key("t", "view('tree')", "Tree", "Its data as a tree."),
    Key("r", "view('raw')", "Raw", "Its data as JSON, with line numbers."),
    Key("l", "view('reply')", "Reply", "What the model said."),
    Key("m", "view('prompt')", "Prompt", "What the model was asked."),
    Key("i", "view('history')", "History", "Each asking, with its cost."),
    Key("left_square_bracket", "other(-1)", "Previous", "The unit before, of those shown."),
    Key("right_square_bracket", "other(1)", "Next", "The next unit, of those shown."),
    Key("a", "copy_case", "Copy case", "Copy the case for an assistant: all there is to know."),
    *_VIEWS,
)

_LOG = (Key("w", "follow", "Follow", "Stay at the end as it grows, or stop there."), *_VIEWS)

_PIPELINES = (
    Key("c", "copy_context", "Copy context", "Copy the step: configuration, template, schema."),
    Key("v", "template", "Template", "The template of the step."),
    Key("e", "edit", "Editor", "Open the step's template in your editor."),
)

KEYS: Mapping[Context, tuple[Key, ...]] = MappingProxyType(
    {
        Context.EVERYWHERE: _EVERYWHERE,
        Context.HOME: (),
        Context.RUN: _RUN,
        Context.UNIT: _UNIT,
        Context.LOG: _LOG,
        Context.FILES: _VIEWS,
        Context.PIPELINES: _PIPELINES,
    }
)
VIEWERS = frozenset({Context.UNIT, Context.LOG, Context.FILES})
"""Only there may a letter that holds everywhere mean something else."""


def keys_of(context: Context) -> list[Key]:
    """Return the keys that hold in a context, its own first; they hide others of their name."""
    own = KEYS[context] if context is not Context.EVERYWHERE else ()
    return [*own, *_but(KEYS[Context.EVERYWHERE], {key.key for key in own})]


def _but(keys: Iterable[Key], hidden: set[str]) -> list[Key]:
    return [key for key in keys if key.key not in hidden]
