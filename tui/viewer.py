"""What screens share that show a text: it can be copied and saved, and its path told."""

from collections.abc import Callable
from pathlib import Path

from textual import work

from runs import is_run
from tui.clean import clean
from tui.page import Page

__all__ = ["Viewer", "free_name", "is_of_a_run"]


class Viewer(Page):
    """A screen that shows a text."""

    def text(self) -> str:
        """Return what is shown, clean, as it is copied."""
        raise NotImplementedError

    def writer(self) -> Callable[[Path], object]:
        """Return what writes the text to a file, whole."""
        text = self.text()
        return lambda path: path.write_text(text, encoding="utf-8")

    @property
    def file(self) -> Path:
        """Return where the text has its place on disk."""
        raise NotImplementedError

    @property
    def saved_as(self) -> str:
        """Return what a file is called that the text is saved to."""
        raise NotImplementedError

    def action_copy(self) -> None:
        self.octobatch.copy(self.text())

    def action_path(self) -> None:
        self.octobatch.copy(str(self.file))

    def action_save(self) -> None:
        try:
            folder = Path.cwd()
            if is_of_a_run(folder):
                said = "this is the folder of a run, which is only read here."
                self.octobatch.say(f"Not saved: {said}")
                return
            path = folder / free_name(folder, clean(self.saved_as))
        except OSError as error:  # the folder is gone, or the name is too long for it
            self.octobatch.say(f"Not saved: {error.strerror or error}.")
            return
        self._save(path, self.writer())

    @work(thread=True, group="save")
    def _save(self, path: Path, write: Callable[[Path], object]) -> None:
        try:
            write(path)
        except OSError as error:
            said = f"Not saved: {error.strerror or error} ({path.name})."
        else:
            said = f"Saved to {path}."
        self.app.call_from_thread(self.octobatch.say, said)


def is_of_a_run(folder: Path) -> bool:
    """Say whether a folder is a run's, or in one."""
    return any(is_run(place) for place in (folder, *folder.parents))


def free_name(folder: Path, name: str) -> str:
    """Return a name that no file of a folder has: the one that is wanted, or with a number."""
    wanted = Path(name)
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{wanted.stem}_{number}{wanted.suffix}"
    return name
