"""All keys: bindings, footer, help and the documentation are made from this one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["KEYS", "Context", "Key", "keys_of"]


class Context(StrEnum):
    """Where one is; a context's keys hold there besides those that hold everywhere."""

    EVERYWHERE = "everywhere"
    HOME = "runs"
    RUN = "run"


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
    Key("p", "pipelines", "Pipelines", "The pipelines.", instead="octobatch check PIPELINE"),
    Key("l", "log", "Log", "The log of the run.", instead="tail -f RUN/RUN_LOG.txt"),
    Key("f", "files", "Files", "The files of the run.", instead="octobatch info RUN"),
    Key("n", "new", "New", "Start a run.", instead="octobatch run PIPELINE"),
    Key("r", "go_on", "Go on", "Go on with the run.", instead="octobatch resume RUN"),
    Key("k", "stop", "Stop…", "Pause the run, or give it up.", instead="octobatch pause RUN"),
    Key("x", "archive", "Archive", "Put the run away.", instead="mv RUN into runs/_archive"),
    Key("h", "archived", "Archived", "Show archived runs too, or hide them."),
    Key("d", "doctor", "Doctor", "Look what is wrong.", instead="octobatch tidy --dry-run"),
    Key("g", "report", "Report", "A report of the run.", instead="octobatch info RUN"),
    Key("space", "mark", "Mark", "Mark a row, or unmark it."),
    Key("equals_sign", "freeze", "Freeze", "Hold the screen still; reading goes on behind it."),
    Key("f5", "reread", "Reread", "Read everything anew, now.", shown=False),
    Key("q", "quit", "Quit", "Leave. Runs go on."),
)

_RUN = (
    Key("left", "step(-1)", "Step", "The step before.", shown=False),
    Key("right", "step(1)", "Step", "The next step.", shown=False),
)

KEYS: Mapping[Context, tuple[Key, ...]] = MappingProxyType(
    {
        Context.EVERYWHERE: _EVERYWHERE,
        Context.HOME: (),
        Context.RUN: _RUN,
    }
)


def keys_of(context: Context) -> list[Key]:
    """Return the keys that hold in a context, its own first."""
    own = KEYS[context] if context is not Context.EVERYWHERE else ()
    return [*own, *KEYS[Context.EVERYWHERE]]
