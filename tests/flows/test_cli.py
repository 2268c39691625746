"""The command line: output for people and programs, errors as sentences, exit codes."""

import json
import shutil

import pytest

import pipelines
from flows.cli.exits import Exit, exit_of
from flows.cli.main import octobatch
from flows.errors import BadRequest, RunGone, ServerError
from providers.errors import (
    BadAddress,
    BadRegistry,
    Misconfigured,
    MissingKey,
    RequestRejected,
    UnknownProvider,
    Unreachable,
)
from runs import IllegalMove, RunHeld, RunNotFound, Status
from tasks.errors import NoProvider


@pytest.fixture
def broken(tmp_path):
    """A pipeline with two mistakes in it."""
    folder = tmp_path / "Broken"
    shutil.copytree(pipelines.find("NpcDialog"), folder)
    config = folder / "config.yaml"
    config.write_text(
        config.read_text()
        .replace("chunk_size", "chunk_sice")
        .replace("name: NpcDialog", "name: Broken")
        .replace("template: score.jinja2", "template: scores.jinja2")
    )
    return folder


def test_every_command_has_help(octo):
    """-h is --help, at every level, and each command says in a line what it does."""
    code, out, _ = octo("-h")
    assert code == 0
    for name, command in octobatch.commands.items():
        assert command.help, name
        assert name in out
        assert octo(name, "-h")[0] == 0


def test_items_are_lines_of_json(octo):
    """What a step as a filter reads; the first N are a prefix of all."""
    code, out, _ = octo("items", "NpcDialog")
    units = [json.loads(line) for line in out.splitlines()]
    assert (code, len(units), len({unit["unit_id"] for unit in units})) == (0, 60, 60)
    assert octo("items", "NpcDialog", "--max-units", "7")[1].splitlines() == out.splitlines()[:7]


def test_a_sample_is_always_the_same(octo):
    """Some units at random, in input order, today as tomorrow."""
    everything = octo("items", "NpcDialog")[1].splitlines()
    sample = octo("items", "NpcDialog", "--sample", "7")[1].splitlines()
    assert sample == octo("items", "NpcDialog", "--sample", "7")[1].splitlines()
    assert sample == [line for line in everything if line in sample]
    assert len(sample) == 7


def test_check_says_that_a_pipeline_is_fine(octo):
    """With its steps in their order."""
    assert octo("check", "NpcDialog") == (0, "NpcDialog is fine: generate -> score.\n", "")


def test_check_lists_every_mistake_at_once(octo, broken):
    """With file, line and the nearest name."""
    code, out, err = octo("check", str(broken))
    assert code == 2
    assert "config.yaml:10" in out
    assert "chunk_size" in out
    assert "score.jinja2" in out
    assert "2 problems" in err


def test_check_speaks_json_to_editors(octo, broken):
    """Path, line, message of each mistake."""
    code, out, _ = octo("check", str(broken), "--json")
    problems = json.loads(out)["problems"]
    assert code == 2
    assert all(set(problem) == {"path", "line", "column", "message"} for problem in problems)
    assert len(problems) == 2


def test_ps_lists_runs_newest_first(octo, make_view):
    """Whole names, how far they are, what they cost."""
    names = ["first-of-two-runs-with-long-names", "second-of-two-runs-with-long-names"]
    for name in names:
        make_view(name=name)
    code, out, err = octo("ps")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        [name, "complete"] for name in reversed(names)
    ]
    assert "($0.0123)" in out
    assert "emulated, nothing was paid" in err
    rows = json.loads(octo("ps", "--json")[1])
    assert [(row["run"], row["valid"], row["cost_usd"]) for row in rows] == [
        (name, 3, 0.0123) for name in reversed(names)
    ]


def test_ps_without_runs_says_how_to_get_one(octo):
    """The first thing a new user types may be ps."""
    code, out, _ = octo("ps")
    assert code == 0
    assert "octobatch run NpcDialog --emulate" in out


def test_info_shows_the_newest_run_by_default(octo, make_view, failure):
    """Or the one that is named, by its beginning."""
    make_view(name="older", failures=[failure()])
    make_view(name="newer")
    assert "newer is complete" in octo("info")[1]
    code, out, _ = octo("info", "old")
    assert code == 0
    assert "2 of 3 units valid, 1 failed" in out
    assert json.loads(octo("info", "older", "--json")[1])["valid"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["items", "NpcDialgo"], "did you mean 'NpcDialog'"),
        (["check", "NpcDialgo"], "did you mean 'NpcDialog'"),
        (["run", "NpcDialgo"], "did you mean 'NpcDialog'"),
        (["info", "nothing"], "No run in"),
        (["run", "NpcDialog", "--max-units", "0"], "--max-units"),
        (["run", "NpcDialog", "--batches"], "--batches"),
        (["run", "NpcDialog", "--provider", "opnai"], "did you mean 'openai'"),
        (["run", "NpcDialog", "--emulate", "--name", "../out"], "cannot be the name of a run"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_2(octo, runs_dir, words, said):
    """What is wrong and the nearest right thing; no traceback, and nothing is written."""
    code, out, err = octo(*words)
    assert code == 2
    assert said in err
    assert out == ""
    assert "Traceback" not in err
    assert not list(runs_dir.iterdir())


def test_no_key_names_both_remedies(octo, runs_dir):
    """A key to set, or the emulator; before anything is written."""
    code, _, err = octo("run", "NpcDialog", "--yes")
    assert code == 2
    assert "OPENAI_API_KEY" in err
    assert "--emulate" in err
    assert not list(runs_dir.iterdir())


ERRORS = [
    (BadRequest("x"), 2),
    (pipelines.PipelineNotFound("x", pipelines.pipelines_root(), ()), 2),
    (pipelines.PipelineError([]), 2),
    (RunNotFound("x"), 2),
    (RunHeld("x", 1, "h", None), 2),
    (NoProvider("x"), 2),
    (MissingKey("x", "OPENAI_API_KEY"), 2),
    (UnknownProvider("x", ()), 2),
    (BadAddress("x"), 2),
    (BadRegistry("x"), 2),
    (Misconfigured("x"), 4),
    (Unreachable("x", 7), 4),
    (RequestRejected(400, None, "x", b""), 4),
    (ServerError("x"), 4),
    (RunGone("x"), 70),
    (IllegalMove("x"), 70),
    (KeyError("x"), 70),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda x: type(x).__name__)
def test_an_error_ends_with_the_exit_code_of_who_can_act(error, code):
    """2: whoever typed it; 4: whoever runs the service; 70: whoever wrote the program."""
    assert exit_of(error) == code


def test_exit_codes_are_those_of_the_design():
    """Scripts rely on them."""
    assert {code.name: code.value for code in Exit} == {
        "DONE": 0,
        "SOME_FAILED": 1,
        "BAD_INPUT": 2,
        "CAPPED": 3,
        "PROVIDER": 4,
        "WAITING": 5,
        "OURS": 70,
        "INTERRUPTED": 130,
    }


def test_a_fault_of_ours_is_said_without_its_traceback(octo, make_view):
    """Unless --debug asks for it."""
    make_view().paths.failures.write_text("no json\n")
    code, _, err = octo("run", "Sailor")
    assert code == 70
    assert err.startswith("Error: ")
    assert "--debug …` shows where" in err
    assert "Traceback" not in err


def test_debug_shows_where_it_happened(octo, make_view):
    """A traceback for whoever mends it, and the sentence as well."""
    make_view().paths.failures.write_text("no json\n")
    code, _, err = octo("run", "Sailor", "--debug")
    assert code == 70
    assert "Traceback" in err
    assert "summary.py" in err
    assert "--debug shows" not in err


def test_a_paused_run_is_named_with_what_goes_on_with_it(octo, make_view):
    """The command info is the place to look at in the morning."""
    make_view(Status.PAUSED, reason="provider: the key is refused", closed=False)
    out = octo("info")[1]
    assert "paused" in out
    assert "the key is refused" in out
    assert "octobatch run Sailor" in out
