"""Which run is meant, and names for new ones."""

import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

import runs
from runs import (
    AmbiguousRun,
    RunNameError,
    RunNotFound,
    chunk_name,
    claim,
    list_runs,
    resolve,
    runs_root,
)

AT = datetime(2026, 11, 22, 18, 5, 6, tzinfo=UTC)


def test_the_root_is_absolute_wherever_one_stands(monkeypatch, tmp_path):
    """The environment's folder, else the checkout's; never the current directory's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTOBATCH_RUNS_DIR", "elsewhere")
    assert runs_root() == tmp_path / "elsewhere"
    monkeypatch.delenv("OCTOBATCH_RUNS_DIR")
    assert runs_root() == Path(runs.__file__).parent


def test_a_run_is_named_for_its_pipeline_and_time(runs_dir):
    """A clash gets a number; only the owner may look in."""
    names = [claim(None, "Sailor", AT).name for _ in range(3)]
    assert names == [
        "Sailor_20261122_180506",
        "Sailor_20261122_180506_2",
        "Sailor_20261122_180506_3",
    ]
    assert (runs_dir / names[0]).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "_x", "a b", "ä", "x" * 65, "a\n", "last"])
def test_names_that_cannot_be_a_runs_are_refused(name, runs_dir):
    """Before anything is made."""
    with pytest.raises(RunNameError, match="cannot be the name"):
        claim(name, "Sailor", AT)
    assert not list(runs_dir.iterdir())


@pytest.fixture
def three(make_run, clock):
    """Three runs, made one after another; the middle one's name sorts last."""
    made = []
    for name in ("alpha", "zeta", "alpine"):
        made.append(make_run(units=1, name=name))
        clock.forward(minutes=1)
    return made


def test_runs_are_listed_newest_first(three, runs_dir):
    """The archive, half-made folders and files are no runs."""
    (runs_dir / "_archive").mkdir()
    (runs_dir / "half").mkdir()
    (runs_dir / "startup.log").touch()
    assert [run.name for run in list_runs()] == ["alpine", "zeta", "alpha"]


@pytest.mark.parametrize(
    ("target", "name"), [("last", "alpine"), ("zeta", "zeta"), ("z", "zeta"), ("alpi", "alpine")]
)
def test_a_run_goes_by_name_prefix_or_last(three, target, name):
    """Whatever is unambiguous."""
    assert resolve(target).name == name


def test_a_run_goes_by_its_path(three, monkeypatch):
    """Absolute or from here, wherever it lies."""
    assert resolve(str(three[0])) == three[0]
    monkeypatch.chdir(three[0].parent)
    assert resolve("./alpha") == three[0]


def test_a_whole_name_is_not_ambiguous(three, make_run):
    """Though another begins with it."""
    make_run(units=1, name="alpha_2")
    assert resolve("alpha").name == "alpha"


def test_an_ambiguous_prefix_names_the_candidates(three):
    """And survives the way to another process."""
    with pytest.raises(AmbiguousRun, match="alpine, alpha") as raised:
        resolve("alp")
    assert pickle.loads(pickle.dumps(raised.value)).candidates == ("alpine", "alpha")


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("alpah", "Did you mean 'alpha'"),
        ("qqq", "newest is 'alpine'"),
        ("./x", "not a run"),
        ("", "begins so"),
    ],
)
def test_an_unknown_run_names_the_nearest(three, target, hint):
    """What, where, and what else there is."""
    with pytest.raises(RunNotFound, match=hint):
        resolve(target)


def test_no_runs_at_all_is_said(monkeypatch, tmp_path):
    """Also when the root does not exist yet."""
    monkeypatch.setenv("OCTOBATCH_RUNS_DIR", str(tmp_path / "none"))
    for target in ("last", "x"):
        with pytest.raises(RunNotFound, match="yet"):
            resolve(target)


def test_chunk_names_have_three_digits_or_more():
    """Order is by number, which a run's chunks keep."""
    assert [chunk_name(i) for i in (0, 42, 999, 1000)] == [
        "chunk_000", "chunk_042", "chunk_999", "chunk_1000",
    ]  # fmt: skip
