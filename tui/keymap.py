"""All keys: bindings, footer, help and the documentation are made from this one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["KEYS", "Context", "Key", "document", "keys_of"]


class Context(StrEnum):
    """Where one is; a context's keys hold there besides those that hold everywhere."""

    EVERYWHERE = "everywhere"
    HOME = "runs"
    RUN = "run"
    LOG = "file"
    TEXT = "text"
    FILES = "files"
    UNIT = "unit"
    PIPELINES = "pipelines"
    PIPELINE = "pipeline"
    PART = "file of a pipeline"


LISTS = (Context.HOME, Context.RUN, Context.LOG, Context.FILES, Context.PIPELINES)
"""Where there is a list to search and to choose from."""
VIEWERS = frozenset({Context.LOG, Context.TEXT, Context.FILES, Context.UNIT, Context.PART})
"""Only there may a letter that holds everywhere mean something else."""


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
    only: tuple[Context, ...] = ()
    """Where it holds, of one that has no meaning elsewhere."""
    changes: bool = False
    """Whether it starts, stops or writes anything: `--read-only` refuses that."""

    @property
    def later(self) -> bool:
        return self.instead is not None

    @property
    def does(self) -> str:
        """Return what happens when it is pressed, as Textual calls it."""
        return f"later('{self.action}')" if self.later else self.action

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
    Key(
        *("enter", "open", "Open", "Open what the cursor is on."),
        only=(*LISTS, Context.PIPELINE),
    ),
    Key("escape", "back", "Back", "Go back to where you came from."),
    Key(
        *("slash", "filter", "Filter", "Show only what matches, as you type; Escape shows all."),
        only=LISTS,
    ),
    Key(
        *("comma", "sort", "Sort", "Sort by something else, again and again."),
        only=(Context.HOME, Context.RUN, Context.FILES, Context.PIPELINES),
    ),
    Key("question_mark", "help", "Keys", "The keys that hold here, to search in."),
    Key("ctrl+p", "command_palette", "Commands", "Everything that can be done, by name."),
    Key(
        *("p", "pipelines", "Pipelines", "The pipelines; of a run, the one it was made from."),
        only=(Context.HOME, Context.RUN, Context.PIPELINE),
    ),
    Key("l", "log", "Log", "The log of the run, as it grows."),
    Key("f", "files", "Files", "The files of the run."),
    Key(
        *("n", "new", "New", "Start a run."),
        instead="octobatch run PIPELINE",
        changes=True,
    ),
    Key(
        *("r", "go_on", "Go on", "Go on with the run."),
        instead="octobatch resume RUN",
        changes=True,
    ),
    Key(
        *("k", "stop", "Stop…", "Pause the run, or give it up."),
        instead="octobatch pause RUN",
        changes=True,
    ),
    Key(
        *("x", "archive", "Archive", "Put the run away."),
        instead="mv RUN into runs/_archive",
        changes=True,
    ),
    Key(
        *("h", "archived", "Archived", "Show archived runs too, or hide them."),
        only=(Context.HOME,),
    ),
    Key("d", "doctor", "Doctor", "Look what is wrong.", instead="octobatch tidy --dry-run"),
    Key("g", "report", "Report", "A report of the run.", instead="octobatch info RUN"),
    Key("space", "mark", "Mark", "Mark a row, or unmark it.", only=(Context.HOME,)),
    Key("equals_sign", "freeze", "Freeze", "Hold the screen still; reading goes on behind it."),
    Key(
        *("o", "otto", "Otto", "Otto whole, in one line, or away."),
        shown=False,
        only=(Context.HOME, Context.RUN),
    ),
    Key("f5", "reread", "Reread", "Read everything anew, now.", shown=False),
    Key("q", "quit", "Quit", "Leave. Runs go on."),
)

_EDIT = Key(
    *("e", "edit", "Editor", "Open the file in your editor: $VISUAL, or else $EDITOR."),
    changes=True,
)

_RUN = (
    Key("u", "switch", "Units", "Units, or chunks."),
    Key("c", "copy", "Copy context", "Copy the step with its files, for an assistant."),
    Key("v", "template", "Template", "The template of the step."),
    _EDIT,
    Key("i", "facts", "Facts", "What there is to know of the run, or only its tables."),
    Key("left", "step(-1)", "Step", "The step before.", shown=False),
    Key("right", "step(1)", "Step", "The next step.", shown=False),
)

_TAKE = (
    Key("c", "copy", "Copy", "Copy what is shown."),
    Key(
        *("s", "save", "Save", "Save what is shown to a file in the current directory."),
        changes=True,
    ),
    Key("p", "path", "Path", "Copy the path of the file."),
)

_BESIDE = (
    Key("left_square_bracket", "other(-1)", "Previous", "The one before, of those shown."),
    Key("right_square_bracket", "other(1)", "Next", "The next one, of those shown."),
)

_LOG = (
    Key("w", "follow", "Follow", "Stay at the end as it grows; going up stops that."),
    *_TAKE,
)

_UNIT = (
    Key("l", "view('reply')", "Reply", "What the model said, and what is wrong with it."),
    Key("m", "view('prompt')", "Prompt", "What the model was asked."),
    Key("t", "view('tree')", "Tree", "Its data as a tree."),
    Key("r", "view('raw')", "Raw", "Its data as JSON, with line numbers."),
    Key("i", "view('history')", "History", "Each asking, with its cost."),
    Key("a", "copy_case", "Copy case", "Copy all there is to know, for an assistant."),
    *_BESIDE,
    *_TAKE,
    Key("left", "step(-1)", "Step", "The step before.", shown=False),
    Key("right", "step(1)", "Step", "The next step.", shown=False),
)

_PIPELINE = (
    Key("c", "copy", "Copy context", "Copy the step with its files, for an assistant."),
    Key("v", "template", "Template", "The template of the step, and its other files."),
    _EDIT,
    Key("left", "step(-1)", "Step", "The step before.", shown=False),
    Key("right", "step(1)", "Step", "The next step.", shown=False),
    Key("tab", "pane", "Pane", "The next pane: what up and down move in."),
)

KEYS: Mapping[Context, tuple[Key, ...]] = MappingProxyType(
    {
        Context.EVERYWHERE: _EVERYWHERE,
        Context.HOME: (),
        Context.RUN: _RUN,
        Context.LOG: _LOG,
        Context.TEXT: (*_BESIDE, *_TAKE),
        Context.FILES: _TAKE,
        Context.UNIT: _UNIT,
        Context.PIPELINES: (),
        Context.PIPELINE: _PIPELINE,
        Context.PART: (_EDIT, *_BESIDE, *_TAKE),
    }
)


def keys_of(context: Context, *, read_only: bool = False) -> list[Key]:
    """Return the keys that hold in a context, its own first; they hide others of their letters.

    Who only looks has none that changes anything.
    """
    own = KEYS[context] if context is not Context.EVERYWHERE else ()
    taken = {key.key for key in own}
    shared = (key for key in KEYS[Context.EVERYWHERE] if key.key not in taken)
    there = [*own, *(key for key in shared if not key.only or context in key.only)]
    return [key for key in there if not (read_only and key.changes)]


def document() -> str:
    """Return all keys as Markdown: what `docs/keys.md` holds."""
    parts = [
        "# Keys of the screens",
        "",
        "Letters hold in both cases. `?` shows the keys that hold where you are.",
    ]
    for context, keys in KEYS.items():
        if keys:
            title = "Everywhere" if context is Context.EVERYWHERE else _TITLES[context]
            parts += ["", f"## {title}", "", "| key | does | |", "|---|---|---|"]
            parts += [f"| `{key.name}` | {key.label} | {_explained(key)} |" for key in keys]
    return "\n".join(parts) + "\n"


def _explained(key: Key) -> str:
    later = f" Not there yet: `{key.instead}`." if key.later else ""
    where = f" ({', '.join(_TITLES[context] for context in key.only)})" if key.only else ""
    return f"{key.says}{where}{later}"


_TITLES = {
    Context.HOME: "All runs",
    Context.RUN: "A run",
    Context.UNIT: "A unit",
    Context.LOG: "A file, or the log",
    Context.TEXT: "A line of a file",
    Context.FILES: "The files of a run",
    Context.PIPELINES: "All pipelines",
    Context.PIPELINE: "A pipeline",
    Context.PART: "A file of a pipeline",
}
