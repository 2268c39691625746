"""The step that is chosen on a run's page, in the pipeline that the run was made from."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from pipelines.folder import CONFIG
from tui.context import context
from tui.editor import edit
from tui.folders import Folder, Watched, look
from tui.part import PartPage

if TYPE_CHECKING:
    from tui.app import OctobatchApp

__all__ = ["ChosenStep"]


class ChosenStep(NamedTuple):
    """A step as its pipeline has it now."""

    run: Path
    watched: Watched
    folder: Folder
    place: int
    """Among the folder's sections; 0, the pipeline as a whole, if it has no such step any more."""

    @classmethod
    def of(cls, run: Path, pipeline: str, step: str | None) -> Self:
        """Read the pipeline of a run; the run's own copy where it is gone."""
        watched = Watched.of_run(run, pipeline)
        folder = look(watched.path, frozen=watched.frozen)
        names = [section.name for section in folder.sections]
        return cls(run, watched, folder, names.index(step) if step in names[1:] else 0)

    @property
    def template(self) -> str | None:
        """Return its template, from the pipeline's folder on; None if it has none."""
        template = self.folder.sections[self.place].get("template")
        return template.file if template is not None else None

    def copy(self, app: "OctobatchApp") -> None:
        """Copy it with all that an assistant must know of it."""
        app.copy(context(self.folder, self.place))

    def edit(self, app: "OctobatchApp") -> None:
        """Open its template in an editor; where it has none, the pipeline's configuration."""
        edit(app, self.folder, self.template or CONFIG)

    def show_template(self, app: "OctobatchApp") -> None:
        """Show its template, if it has one."""
        if self.template is None:
            app.say("This step has no template.")
        else:
            app.push_screen(PartPage(self.watched, self.place, self.template, run=self.run))
