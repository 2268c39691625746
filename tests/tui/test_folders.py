"""A pipeline's folder is read whatever is wrong with it, and again when it has changed."""

import os

import pytest

from pipelines import Problem
from tests.tui.shelf import BROKEN, HERE, change, put
from tui import folders
from tui.asking import Checked
from tui.details import FlowRows, PropertyRows
from tui.folders import Folder, Shelf, Watched, differs, look
from tui.listing import file_lines, property_lines
from tui.places import first_look


class Asked:
    """The command, which has said something, or is still at work."""

    def __init__(self, answer: Checked | None = None) -> None:
        self.said = answer
        self.dropped = False

    def is_over(self) -> bool:
        return self.said is not None

    def answer(self) -> Checked | None:
        return self.said

    def drop(self) -> None:
        self.dropped = True


@pytest.fixture(autouse=True)
def questions(monkeypatch):
    """What the command is asked; else there is nobody to ask."""
    questions: list[Asked] = []
    monkeypatch.setattr(folders, "ask", lambda _: questions[-1] if questions else None)
    return questions


@pytest.fixture
def folder(tmp_path):
    return put(tmp_path)


def all_of(found) -> str:
    """Return everything that a screen can show of a pipeline."""
    said = [str(cell) for row in range(len(FlowRows(found))) for cell in FlowRows(found).cells(row)]
    for place in range(len(found.sections)):
        rows = PropertyRows(found, place)
        for row in range(len(rows)):
            said += [str(cell) for cell in rows.cells(row)]
            said += [
                part.text for line in property_lines(found, place, rows.key(row)) for part in line
            ]
    return "\n".join(said)


def test_steps_are_there_with_what_they_inherit(folder):
    found = look(folder)
    assert [step.name for step in found.steps] == ["generate", "score"]
    step = found.steps[1]
    said = {one.name: (one.value, one.source) for one in step.properties}
    assert said["template"] == ("score.jinja2", None)
    assert said["model"] == ("gpt-6-luna", "from api")
    assert said["scope"] == ("chunk", "default")
    assert said["rules"] == ("in_character, in_mood", None)
    assert found.steps[0].files == (
        *("templates/character.jinja2", "templates/generate.jinja2", "schemas/dialog.json"),
        *("rehearsal/generate.jinja2", "rehearsal/voices.jinja2"),
    )
    assert not found.findings


def test_a_property_is_told_with_what_it_means_and_its_file(folder):
    found = look(folder)
    lines = ["".join(part.text for part in line) for line in property_lines(found, 2, "template")]
    assert lines[0] == "template  The prompt: a Jinja2 file in templates/."
    assert " 1 Judge a piece of dialogue. Be strict: most lines that sound right" in lines[3]


def test_what_a_check_says_stands_where_it_says_it(folder):
    change(folder, "greeting not in", "greetin not in")
    change(folder, "{{ npc.name }}, ", "{{ nobody }}, ", "templates/score.jinja2")
    found = look(folder)
    rule, template = found.findings
    assert (rule.step, rule.key, rule.place) == (0, "rules", "config.yaml:27")
    assert (template.file, template.line) == ("templates/score.jinja2", 3)
    assert found.of(1) == (rule,)
    assert found.of(2) == (template,)
    assert found.of(0) == ()
    lines = ["".join(part.text for part in line) for line in file_lines(found, template.file)]
    assert "{{ nobody }}" in lines[2]
    assert lines[3].strip().startswith("✗ 'nobody' is")


def test_the_original_s_form_is_read_as_ours_with_its_own_lines(tmp_path):
    found = look(HERE.parent / "tests" / "pipelines" / "long_form" / "Ferry")
    assert found.scattered
    tell = next(step for step in found.steps if step.name == "tell")
    template = tell.get("template")
    assert template is not None
    assert (template.value, template.yaml.strip()) == ("tell.jinja2", "tell: tell.jinja2")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_pipeline_is_read(folder, kind):
    """As far as it can be; it says what is wrong, and nothing in it reaches a terminal."""
    BROKEN[kind](folder)
    found = look(folder)
    assert found.wrong
    shown = all_of(found)
    assert not any(ord(char) < 32 and char != "\n" for char in shown)
    assert not any(char in shown for char in "\x9b\u202e\ud800")


@pytest.mark.parametrize(
    ("kind", "steps"), [("a bracket left open", 2), ("a tab", 2), ("a key twice", 0)]
)
def test_what_stands_before_a_mistake_is_shown(folder, kind, steps):
    BROKEN[kind](folder)
    assert len(look(folder).steps) == steps


def test_no_file_out_of_the_folder_is_read(folder):
    (folder.parent / "secret.jinja2").write_text("secret")
    change(folder, "generate.jinja2", "../../secret.jinja2")
    (folder / "templates" / "score.jinja2").unlink()
    (folder / "templates" / "score.jinja2").symlink_to(folder.parent / "secret.jinja2")
    assert "secret\n" not in all_of(look(folder))


def test_what_never_ends_is_not_read(folder):
    (folder / "templates" / "score.jinja2").unlink()
    os.mkfifo(folder / "templates" / "score.jinja2")
    found = look(folder)
    assert found.files["templates/score.jinja2"].trouble == "is not a file"


def seen(watched: Watched) -> Folder:
    assert watched.seen is not None
    return watched.seen


def test_it_is_read_again_when_a_file_has_changed(folder):
    watched = Watched(folder)
    watched.look()
    before = watched.seen
    watched.look()
    assert watched.seen is before
    change(folder, "Be strict", "Be kind", "templates/score.jinja2")
    watched.look()
    assert watched.seen is not before
    assert "Be kind" in seen(watched).files["templates/score.jinja2"].text
    (folder / "templates" / "new.jinja2").write_text("nobody uses it")
    watched.look()
    assert [one.message for one in seen(watched).findings] == ["no step uses this file"]


def test_what_only_the_command_knows_comes_when_it_is_done(folder, questions):
    questions.append(Asked())
    watched = Watched(folder)
    assert not watched.look()
    assert not watched.look()
    problem = Problem(folder / "config.yaml", 20, "no such model")
    questions[0].said = Checked((problem,), ())
    assert watched.look()
    found = seen(watched).findings
    assert [(one.step, one.key, one.message) for one in found] == [(0, "template", "no such model")]


def test_what_changes_while_the_command_is_at_work_is_asked_again(folder, questions):
    questions.append(Asked())
    watched = Watched(folder)
    watched.look()
    change(folder, "Be strict", "Be kind", "templates/score.jinja2")
    questions.append(Asked(Checked((), ())))
    assert watched.look()
    assert questions[0].dropped


def test_all_under_the_root_are_on_the_shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(tmp_path))
    put(tmp_path, "Second")
    put(tmp_path, "First")
    (tmp_path / "no_pipeline").mkdir()
    shelf = Shelf()
    while not shelf.look():
        """There is more to find out."""
    assert [*shelf.pipelines] == ["First", "Second"]
    kept = shelf.pipelines["First"]
    assert shelf.look()
    assert shelf.pipelines["First"] is kept


def test_a_root_that_is_not_there_holds_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(tmp_path / "nowhere"))
    shelf = Shelf()
    assert shelf.look()
    assert not shelf.pipelines


def test_a_copy_differs_when_a_file_of_the_pipeline_does(folder, tmp_path):
    copy = put(tmp_path / "runs")
    assert not differs(copy, folder)
    (copy / "RUN_LOG.txt").write_text("no part of it")
    (copy / "items.yaml").unlink()
    assert not differs(copy, folder)
    (folder / "schemas" / "score.json").unlink()
    assert differs(copy, folder)


def test_one_looks_first_at_the_step_one_comes_from(tmp_path):
    """Whatever is wrong elsewhere; without one, at what is wrong."""
    folder = put(tmp_path)
    assert first_look(look(folder)) == (1, "template")
    assert first_look(look(folder), "score") == (2, "template")
    change(folder, "template: score", "template: nothing")
    assert first_look(look(folder)) == (2, "template")
    assert first_look(look(folder), "generate") == (1, "template")
    assert first_look(look(folder), "gone") == (2, "template")
