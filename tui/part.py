"""A file of a pipeline, whole: a template, a schema, or what else a step consists of."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from pipelines.folder import CONFIG
from tui.clean import clean
from tui.details import checked
from tui.editor import edit
from tui.folders import Folder, Watched
from tui.keymap import Context
from tui.listing import file_lines, place_of
from tui.page import bindings
from tui.paint import Part, Tone, crumbs
from tui.reading import Reading
from tui.viewer import Viewer
from tui.watching import Watching

__all__ = ["PartPage"]


class PartPage(Watching, Viewer):
    """One file; its neighbours are the others of the same step."""

    CONTEXT = Context.PART
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]

    def __init__(
        self,
        watched: Watched,
        place: int,
        name: str,
        line: int | None = None,
        run: Path | None = None,
    ) -> None:
        """Show a file of a section by its name from the pipeline's folder on; a line of it, too.

        From the page of a run, the folder is nobody else's.
        """
        super().__init__()
        self._run = run
        self._watched = watched
        self._place = place
        self._name = name
        self._line = line
        self._shown: Folder | None = None

    def body(self) -> ComposeResult:
        yield Reading()

    def on_mount(self) -> None:
        self.query_one(Reading).focus()
        self.seen()

    def on_unmount(self) -> None:
        if self._run is not None:  # else it is that of the page behind
            self._watched.stop()

    def look(self) -> bool:
        return self._watched.look()

    def seen(self) -> None:
        if self._watched.seen is not self._shown:
            self._show(from_top=self._shown is None)

    def _show(self, *, from_top: bool = True) -> None:
        folder = self._shown = self._watched.seen
        if folder is None:
            return
        names = self._names(folder)
        wrong = [one.wrong for one in folder.findings if one.file == self._name]
        section = folder.sections[self._place].name if self._place < len(folder.sections) else ""
        place = names.index(self._name) + 1 if self._name in names else 0
        self.heading.show(
            crumbs(clean(folder.path.name), section, self._name),
            checked(sum(wrong), len(wrong) - sum(wrong)) if wrong else (),
            (Part(f"   {place} of {len(names)}", Tone.DIM),),
        )
        lines = file_lines(folder, self._name, None)
        sought = place_of(lines, self._line) if from_top and self._line is not None else None
        self.query_one(Reading).show(lines, from_top=from_top, sought=sought)

    def _names(self, folder: Folder) -> list[str]:
        sections = folder.sections
        own = sections[self._place].files if self._place < len(sections) else ()
        return list(dict.fromkeys((*own, CONFIG)))

    def action_other(self, by: int) -> None:
        """Show another file of the step."""
        if (folder := self._shown) is None:
            return
        names = self._names(folder)
        place = names.index(self._name) if self._name in names else 0
        self._name, self._line = names[max(0, min(place + by, len(names) - 1))], None
        self._show()

    def action_edit(self) -> None:
        if self._shown is not None:
            edit(self.octobatch, self._shown, self._name, self._line)
            self.action_reread()

    # --- as text

    def text(self) -> str:
        file = self._shown.text(self._name) if self._shown is not None else None
        return file.text if file is not None else ""

    @property
    def file(self) -> Path:
        return self._watched.path / self._name

    @property
    def saved_as(self) -> str:
        return f"{self._watched.path.name}_{self._name.replace('/', '_')}"
