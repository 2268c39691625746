"""The app: one source of what is shown, and the screens that show it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from textual import work
from textual.actions import parse
from textual.app import App, SystemCommand
from textual.dom import DOMNode
from textual.events import Key as Pressed
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from runs.times import Clock, now
from tui.clean import clean
from tui.copying import copy
from tui.diff import Event
from tui.home import Home
from tui.keymap import KEYS, Key
from tui.notices import Notices
from tui.otto.stage import Stage
from tui.otto.widget import Form, form_asked
from tui.page import Page
from tui.palette import Commands
from tui.run import RunPage
from tui.snapshot import Snapshot
from tui.source import Connect, Source
from tui.tones import readable

__all__ = ["OctobatchApp"]


Action: TypeAlias = str | tuple[str, str, tuple[object, ...]]
"""As it is written, or as Textual takes it apart: of whom it is asked, its name, its parameters."""
AHEAD, AHEAD_SECONDS = ("tui.chosen", "tui.unit", "tui.pipelines"), 0.5
"""What takes a while to import, and when that is done after the first screen is there."""
PICTURE = "Screenshot"
OURS = frozenset({"Keys", "Quit"})
"""What our own keys do is found by them."""


class OctobatchApp(App[None]):
    """Screens over the files of runs and pipelines."""

    TITLE = "octobatch"
    CSS_PATH = "octobatch.tcss"
    COMMANDS = {Commands}  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (110, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    class Read(Message):
        """There is something new to show."""

        def __init__(self, snapshot: Snapshot, events: tuple[Event, ...]) -> None:
            super().__init__()
            self.snapshot = snapshot
            self.events = events

    def __init__(
        self,
        connect: Connect,
        run: Path | None = None,
        *,
        theme: str = "tokyo-night",
        read_only: bool = False,
        clock: Clock = now,
    ) -> None:
        """Show what a source reads.

        Args:
            connect: makes the source.
            run: what to begin with; None is Home.
            theme: the name of one of Textual's.
            read_only: refuse what would start, stop or change anything.
            clock: tells Otto the time.
        """
        super().__init__()
        self.theme = theme
        self.read_only = read_only
        self.source: Source = connect(self._read)
        self.snapshot: Snapshot | None = None
        """What is shown."""
        self._newest: Snapshot | None = None
        """What was read last: another one only while the screen is held still."""
        self._begin_with = run
        self._notices = Notices()
        self.otto = form_asked()
        """How much there is to see of Otto."""
        self.clock = clock
        self.stage = Stage(self.set_timer, clock=clock, read_only=read_only)
        self.frozen = False
        self._archived = False

    def get_css_variables(self) -> dict[str, str]:
        """Give every theme colours that can be read, one for a low voice among them."""
        return readable(super().get_css_variables())

    def on_mount(self) -> None:
        self.push_screen(Home(greets=self._begin_with is None and self.otto is Form.FULL))
        if self._begin_with is not None:
            self.open_run(self._begin_with)
        self.source.start()

    def _read(self, snapshot: Snapshot, events: tuple[Event, ...]) -> None:
        """Take what the source has read, in its thread."""
        self.post_message(self.Read(snapshot, events))

    def on_app_focus(self) -> None:
        self.source.focus(True)

    def on_app_blur(self) -> None:
        self.source.focus(False)

    def on_unmount(self) -> None:
        self.source.stop()

    def on_key(self, event: Pressed) -> None:
        """Give a letter to the line one types in, if it was on its way before the line had opened.

        What is typed there never comes here; as a key, it might stop a run.
        """
        if isinstance(self.focused, Input) and event.is_printable:
            event.prevent_default()
            self.focused.post_message(Pressed(event.key, event.character))

    def on_octobatch_app_read(self, message: Read) -> None:
        """Show what is newer than what is shown, and say what has happened."""
        for said in self._notices.of(message.snapshot, message.events):
            self.say(said)
        if message.snapshot.number <= (self._newest.number if self._newest else 0):
            return
        self._newest = message.snapshot
        if not self.frozen:
            self._show(message.snapshot, message.events)

    def _show(self, snapshot: Snapshot, events: tuple[Event, ...] = ()) -> None:
        if self.snapshot is None:
            self.set_timer(AHEAD_SECONDS, self._import_ahead)
        self.snapshot = snapshot
        if snapshot.run is not None:
            self.stage.play(snapshot.run, events, self._on_with_otto)
        if isinstance(self.screen, Page):
            self.screen.show(snapshot)

    @work(thread=True, group="ahead")
    def _import_ahead(self) -> None:
        """Import what other screens need while one looks at the first: that is there sooner so."""
        for module in AHEAD:
            import_module(module)

    def _on_with_otto(self) -> None:
        """Show what Otto does now that time has passed."""
        if isinstance(self.screen, RunPage):
            self.screen.show_otto()

    def cycle_otto(self) -> None:
        """Show more of Otto, or less."""
        self.otto = self.otto.next
        self.say(f"Otto: {self.otto}.")

    def open_run(self, run: Path) -> None:
        """Show one run."""
        self.source.open(run)
        self.push_screen(RunPage(run))

    def go_to(self, run: Path) -> None:
        """Show one run, from wherever one is; the way back leads to all runs."""
        while not isinstance(self.screen, Home):
            self.pop_screen()
        self.open_run(run)

    def close_run(self) -> None:
        """Show all runs again."""
        self.source.open(None)
        self.pop_screen()

    def now(self) -> datetime:
        """Return when what is shown was read."""
        return self.snapshot.at if self.snapshot is not None else datetime.now(UTC)

    def say(self, text: str) -> None:
        """Say something in a corner for a while; it is never markup."""
        self.notify(clean(text), markup=False)

    @work(thread=True, group="copy")
    def copy(self, text: str) -> None:
        """Copy a text, and say by which way; a desktop's tools may take their time."""
        told = copy(text, lambda text: self.call_from_thread(self.copy_to_clipboard, text))
        self.call_from_thread(self.say, told)

    def action_help_quit(self) -> None:
        """Say how one leaves, where Textual would name a key of its own."""
        self.say("Q leaves. Runs go on.")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield what Textual itself can do and we cannot; who only looks takes no picture of it."""
        for told in super().get_system_commands(screen):
            if told.title not in OURS and not (self.read_only and told.title == PICTURE):
                yield told

    async def run_action(
        self,
        action: Action,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key, a click or a command asks for; who only looks changes nothing by it."""
        if self.read_only and (key := _changing(action)) is not None:
            self.say(f"{key.label} would change something: not with --read-only.")
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def freeze(self) -> None:
        """Hold the screen still, or let it go on."""
        self.frozen = not self.frozen
        self.say("Frozen: = goes on." if self.frozen else "Live again.")
        if self.frozen:
            if isinstance(self.screen, Page) and self.snapshot is not None:
                self.screen.show(self.snapshot)  # its heading says so
            return
        if self._newest is not None:
            self._show(self._newest)
        self.source.poke()

    def thaw(self) -> None:
        """Go on: what was held still is not in front any more."""
        if self.frozen:
            self.freeze()

    def toggle_archived(self) -> None:
        """Show archived runs too, or hide them."""
        self._archived = not self._archived
        self.source.show_archived(self._archived)
        self.say("Archived runs are shown." if self._archived else "Archived runs are hidden.")


def _changing(action: Action) -> Key | None:
    """Return the key whose action this is, if it changes something."""
    wanted = _bare(action)
    keys = (key for keys in KEYS.values() for key in keys if key.changes)
    return next((key for key in keys if wanted in (_bare(key.action), _bare(key.does))), None)


def _bare(action: Action) -> tuple[str, tuple[object, ...]]:
    """Return an action's name and parameters, whoever it is asked of."""
    _, name, parameters = parse(action) if isinstance(action, str) else action
    return name, parameters
