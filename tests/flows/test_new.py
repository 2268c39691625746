"""`octobatch new`: a pipeline that checks and rehearses from its first moment."""

import asyncio
import json
from pathlib import Path

import pytest

import pipelines
from pipelines import Launch
from tasks.preview import preview


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of pipelines of the test's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(folder))
    return folder


def test_a_new_pipeline_is_without_fault_or_doubt(octo, root):
    """Nothing to mend before the first change."""
    assert octo("new", "Letters")[0] == 0
    code, out, err = octo("check", "Letters", "--json")
    assert (code, json.loads(out)["problems"], err) == (0, [], "")
    assert octo("check", "Letters")[1] == "Letters is fine: read -> answer.\n"


def test_a_new_pipeline_rehearses_every_unit_at_every_step(octo, root):
    """Every prompt renders, and every rehearsed reply passes, whoever would be asked."""
    octo("new", "Letters")
    pipeline = pipelines.load(pipelines.find("Letters"))
    units = list(pipelines.units(pipeline))
    assert len(units) == 6

    async def notes():
        return [[shown.note async for shown in preview(pipeline, unit, Launch())] for unit in units]

    assert asyncio.run(notes()) == [["rehearsed", "rehearsed"]] * 6


def test_it_says_what_to_do_next(octo, root):
    """Three commands, to be typed as they stand."""
    _, out, _ = octo("new", "Letters")
    assert out.splitlines()[-3:] == [
        "  octobatch check Letters",
        "  octobatch preview Letters",
        "  octobatch run Letters --emulate",
    ]


@pytest.mark.parametrize(
    "words", [("here/Letters",), ("./Letters", "--in", "here"), ("Letters", "--in", "./here")]
)
def test_a_pipeline_can_be_made_anywhere(octo, root, tmp_path, monkeypatch, words):
    """The name may be a path; what is to be typed next means the folder from here."""
    monkeypatch.chdir(tmp_path)
    code, out, _ = octo("new", *words)
    assert code == 0
    assert "  octobatch check here/Letters\n" in out
    assert octo("check", "here/Letters")[0] == 0


def test_what_to_type_next_is_quoted_and_no_bare_word(octo, root, tmp_path, monkeypatch):
    """A bare word could be another pipeline's name."""
    (tmp_path / "a b").mkdir()
    monkeypatch.chdir(tmp_path / "a b")
    assert "  octobatch check ./Letters\n" in octo("new", "./Letters")[1]
    monkeypatch.chdir(tmp_path)
    assert "  octobatch check 'a b/Other'\n" in octo("new", "Other", "--in", "a b")[1]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("my-letters", "; try 'MyLetters'"),
        ("2nd try", "; try 'ndTry'"),
        ("../mine/häuser", "; try 'HUser'"),
        ("x" * 65, f"; try '{'X' + 'x' * 63}'"),
        ("…", "cannot be one"),
        ("..", "cannot be one"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(octo, root, name, remedy):
    """Nothing is made."""
    code, _, err = octo("new", name)
    assert code == 2
    assert remedy in err
    assert list(root.iterdir()) == []


def test_what_is_there_is_never_touched(octo, root):
    """Be it a folder, a file or a link to nowhere."""
    (root / "Folder").mkdir()
    (root / "File").write_text("mine")
    (root / "Link").symlink_to("nowhere")
    for name in ("Folder", "File", "Link"):
        code, _, err = octo("new", name)
        assert (code, "is there already; choose another name" in err) == (2, True)
    assert (root / "File").read_text() == "mine"


def test_a_pipeline_shadows_no_module(octo, monkeypatch):
    """Among the demos stand this package's modules."""
    monkeypatch.delenv("OCTOBATCH_PIPELINES_DIR", raising=False)
    code, _, err = octo("new", "model")
    assert code == 2
    assert "would shadow the module model.py; choose another name" in err
    assert not (Path(pipelines.__file__).parent / "model").exists()


def test_a_place_that_cannot_be_written_is_told(octo, root):
    """In a sentence, with the remedy."""
    (root / "file").write_text("")
    code, _, err = octo("new", str(root / "file" / "Letters"))
    assert code == 2
    assert "Choose another place with --in DIR." in err


@pytest.mark.cold
def test_a_new_pipeline_runs_by_the_real_command_line(shell, tmp_path):
    """The three commands, typed as they were printed."""
    made = shell.octobatch("new", "Letters", "--in", str(tmp_path))
    assert made.returncode == 0, made.stderr
    said = [shell.octobatch(*line.split()[1:]) for line in made.stdout.splitlines()[-3:]]
    assert [one.returncode for one in said] == [0, 0, 0], said
    assert "6 of 6 units valid" in said[-1].stdout
