"""The door `run`: what is meant by what was typed, and what is refused before anything happens."""

import shutil
from decimal import Decimal

import pytest

import pipelines
import runs
from flows import door
from flows.errors import BadRequest
from runs import Status
from tasks.errors import NoProvider

QUIET = door.Show(quiet=True, as_json=False, debug=False)


def go(target, *, told=None, **how):
    return door.run(target, told or {}, show=QUIET, **how)


@pytest.fixture
def folder(tmp_path):
    """A pipeline outside the root."""
    folder = tmp_path / "Elsewhere"
    shutil.copytree(pipelines.find("NpcDialog"), folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("name: NpcDialog", "name: Elsewhere"))
    return folder


def test_a_name_of_a_pipeline_is_a_pipeline(runs_dir):
    """Even if a run is called so too: its path still reaches that one."""
    (runs_dir / "NpcDialog").mkdir()
    assert not door._means_a_run("NpcDialog")


@pytest.mark.parametrize("target", ["last", "NpcDialog_2026", "nobody"])
def test_any_other_name_means_a_run(target):
    """A run is found by name, beginning or `last`."""
    assert door._means_a_run(target)


def test_a_folder_is_a_run_when_it_holds_one(make_view, folder, monkeypatch):
    """A run directory is a loadable pipeline too; going on with it must not begin a new run."""
    run_dir = make_view().paths.dir
    monkeypatch.chdir(run_dir.parent)
    assert door._means_a_run(str(run_dir))
    assert door._means_a_run(run_dir.name)
    assert door._means_a_run(f"./{run_dir.name}")
    monkeypatch.chdir(folder.parent)
    assert not door._means_a_run(str(folder))
    assert not door._means_a_run("Elsewhere")


def test_a_run_beside_us_is_gone_on_with_wherever_it_lies(make_view, monkeypatch, tmp_path, capsys):
    """A run outside the root is reached by its folder's name from beside it."""
    run_dir = make_view().paths.dir
    moved = run_dir.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert go(moved.name) == 0
    assert "moved is complete" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["NpcDialgo", "npcdialog"])
def test_an_unknown_target_names_the_nearest_pipeline(target):
    """A typing mistake is answered with what was probably meant."""
    with pytest.raises(BadRequest, match="did you mean 'NpcDialog'"):
        go(target)


def test_an_unknown_target_names_the_nearest_run(make_view):
    """The same for runs."""
    make_view(name="harbour-talk")
    with pytest.raises(BadRequest, match="Did you mean 'harbour-talk'"):
        go("harbor-talk")


def test_without_any_run_there_is_no_last():
    """`last` is not taken for a misspelt pipeline."""
    with pytest.raises(BadRequest, match=r"^There is no run in .* yet\.$"):
        go("last")


def test_a_path_to_nothing_is_no_pipeline(tmp_path):
    """Neither a run nor a pipeline is made up."""
    with pytest.raises(pipelines.PipelineNotFound):
        go(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"max_units": 3}, "--max-units"),
        ({"provider": "openai", "emulate": True}, "--provider, --emulate"),
        ({"name": "other"}, "--name"),
    ],
)
def test_a_run_goes_on_as_it_was_made(make_view, told, named):
    """Options that would make it another run are refused by name."""
    make_view(Status.PAUSED)
    with pytest.raises(BadRequest, match=f"goes on as it was made: {named} has no place"):
        go("Sailor", told=told)


def test_a_run_is_not_made_twice(make_view):
    """--init makes runs; this one is."""
    make_view(Status.PAUSED)
    with pytest.raises(BadRequest, match="--init has no place"):
        go("Sailor", init_only=True)


def test_a_cancelled_run_does_not_go_on(make_view):
    """Somebody gave it up."""
    make_view(Status.CANCELLED)
    with pytest.raises(BadRequest, match="Sailor was cancelled"):
        go("Sailor")


def test_a_pipeline_is_nothing_to_resume(runs_dir):
    """--resume never begins a new run, which would be paid for again."""
    with pytest.raises(BadRequest, match="--resume goes on with a run"):
        go("NpcDialog", resume=True, told={"emulate": True})
    assert not list(runs_dir.iterdir())


@pytest.mark.parametrize(("fails", "code"), [(0, 0), (1, 1)])
def test_a_complete_run_only_says_its_summary(make_view, failure, capsys, fails, code):
    """Going on with what is at its end needs no Prefect, and changes nothing."""
    view = make_view(failures=[failure()] * fails)
    before = view.paths.journal.read_bytes()
    assert go("last") == code
    assert "Sailor is complete" in capsys.readouterr().out
    assert view.paths.journal.read_bytes() == before


def test_init_makes_the_run_and_stops_there(runs_dir):
    """Its units are on disk, nobody has worked on it, and it is named as asked."""
    assert (
        go("NpcDialog", told={"emulate": True, "name": "mine", "max_units": 3}, init_only=True) == 0
    )
    view = runs.read(runs_dir / "mine")
    assert (view.state.status, view.state.units, view.state.epoch) == (Status.PENDING, 3, 0)


def test_a_pipeline_outside_the_root_makes_a_run_inside_it(folder, runs_dir):
    """A run freezes its pipeline, wherever that is."""
    assert go(str(folder), told={"emulate": True, "name": "mine"}, init_only=True) == 0
    assert pipelines.load_frozen(runs_dir / "mine").name == "Elsewhere"


def test_many_requests_are_agreed_to_first(runs_dir, monkeypatch, capsys):
    """120 paid requests are not sent because somebody pressed return; a script says --yes."""
    monkeypatch.setattr(door, "make_ready", lambda *_, **__: None)
    monkeypatch.setenv("OCTOBATCH_ASK_ABOVE_UNITS", "50")
    with pytest.raises(BadRequest, match=r"At least 120 requests, for about .* say --yes"):
        go("NpcDialog")
    assert not list(runs_dir.iterdir())
    table = capsys.readouterr().err
    assert "openai/gpt-6-luna" in table
    assert "at most" in table


def test_dear_requests_are_agreed_to_first(runs_dir, monkeypatch):
    """However few they are."""
    monkeypatch.setattr(door, "make_ready", lambda *_, **__: None)
    monkeypatch.setenv("OCTOBATCH_ASK_ABOVE_USD", "0.000001")
    with pytest.raises(BadRequest, match="say --yes"):
        go("NpcDialog", told={"max_units": 2})
    assert not list(runs_dir.iterdir())


def test_a_threshold_that_is_no_number_is_said(monkeypatch):
    monkeypatch.setattr(door, "make_ready", lambda *_, **__: None)
    monkeypatch.setenv("OCTOBATCH_ASK_ABOVE_USD", "much")
    with pytest.raises(BadRequest, match="OCTOBATCH_ASK_ABOVE_USD is 'much'"):
        go("NpcDialog", told={"max_units": 2})


def test_a_run_keeps_to_the_options_it_was_made_with(folder, runs_dir):
    """But for a cap, which may be raised."""
    go(str(folder), told={"emulate": True, "name": "mine"}, init_only=True)
    with pytest.raises(BadRequest, match="--sample has no place here"):
        go("mine", told={"sample": 3, "max_cost": Decimal(1)})


def test_nobody_to_ask_is_found_before_anything_is_written(folder, runs_dir):
    """A pipeline without a provider says so at once."""
    config = folder / "config.yaml"
    config.write_text("\n".join(x for x in config.read_text().splitlines() if x[:4] != "api:"))
    with pytest.raises(NoProvider):
        go(str(folder))
    assert not list(runs_dir.iterdir())
