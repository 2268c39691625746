"""Where to look in a pipeline: what a finding concerns, and where a step has gone."""

from pipelines.folder import CONFIG
from tui.findings import Finding
from tui.folders import Folder
from tui.sections import Property

__all__ = ["concerned", "concerning", "first_look", "name_of", "same_step"]

MOST_TELLING = ("template", "expressions", "field", "script")
"""Properties that say most of a step."""


def concerning(folder: Folder, place: int, one: Property | None) -> list[Finding]:
    """Return what is found of a property and of the file that it names; of none, what is left."""
    if one is not None:
        key, file = one.name, one.file
        told = folder.of(place)
        return [f for f in told if f.file == file or (f.file == CONFIG and f.key == key)]
    known = {prop.name for prop in folder.sections[place].properties}
    return [f for f in folder.of(place) if f.file == CONFIG and f.key not in known]


def first_look(folder: Folder, step: str | None = None) -> tuple[int, str]:
    """Return where to look first: at a step, or at what is wrong, or at the first step there is."""
    wrong = next((one for one in folder.findings if one.wrong), None)
    named = (n for n, one in enumerate(folder.steps, 1) if one.name == step)
    place = next(named, None)
    if place is None and wrong is not None:
        return concerned(folder, wrong)
    if place is None:
        place = min(1, len(folder.steps))
    return place, next((key for key in MOST_TELLING if folder.sections[place].get(key)), CONFIG)


def concerned(folder: Folder, finding: Finding) -> tuple[int, str]:
    """Return the section and the property that something is said of."""
    place = next((n for n in range(len(folder.sections)) if finding in folder.of(n)), 0)
    own = folder.sections[place].properties
    return place, next((p.name for p in own if finding in concerning(folder, place, p)), CONFIG)


def name_of(folder: Folder | None, place: int) -> str | None:
    return folder.sections[place].name if folder is not None and place else None


def same_step(folder: Folder, step: str | None, place: int) -> int:
    """Return where a step is now; where it is gone, what stands in its place."""
    if step is None:
        return 0
    found = (n for n, one in enumerate(folder.steps, 1) if one.name == step)
    return next(found, min(place, len(folder.steps)))
