"""Other items than the pipeline's: named, or by standard input; a run needs them only once."""

import gzip
import io
import json

import pytest

import pipelines
import runs
from flows import door
from flows.cli.main import main
from flows.errors import BadRequest
from pipelines import PipelineError

QUIET = door.Show(quiet=True, as_json=False, debug=False)
ROWS = [{"id": n, "topic": f"topic {n}"} for n in range(4)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
CONFIG = """\
name: Bare
chunk_size: 3
api: {provider: openai, model: gpt-6-luna}
pipeline:
  - {name: ask, template: ask.jinja2}
"""


@pytest.fixture
def bare(tmp_path):
    """A pipeline that names no items."""
    folder = tmp_path / "Bare"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "ask.jinja2").write_text("What of {{ topic }}?")
    (folder / "config.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def give(monkeypatch):
    def give(text):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


def init(folder, **told):
    return door.run(
        str(folder), {"emulate": True, "name": "mine", **told}, show=QUIET, init_only=True
    )


def stored(runs_dir):
    view = runs.read(runs_dir / "mine")
    paths = [view.paths.chunk(name).input for name in view.state.chunks]
    return [unit for path in paths for unit in runs.read_jsonl(path)]


UNITS = [{"unit_id": str(row["id"]), **row} for row in ROWS]


def test_a_run_is_made_of_the_items_that_are_named(bare, runs_dir, tmp_path, monkeypatch):
    """A relative path is kept as an absolute one; the file is frozen, and not needed any more."""
    (tmp_path / "rows.jsonl").write_text(LINES)
    monkeypatch.chdir(tmp_path)
    assert init(bare, items="rows.jsonl") == 0
    assert stored(runs_dir) == UNITS
    state = runs.read(runs_dir / "mine").state
    assert state.launch["items"] == str(tmp_path / "rows.jsonl")
    assert (runs_dir / "mine" / "items.jsonl").read_text() == LINES
    assert ("items.jsonl", True) in {(file.path, file.copied) for file in state.files}
    (tmp_path / "rows.jsonl").unlink()
    assert pipelines.load_frozen(runs_dir / "mine").steps[0].name == "ask"


def test_only_the_items_that_are_used_are_frozen(runs_dir, tmp_path):
    """A pipeline's own are none of the run's business then."""
    unit = next(pipelines.units(pipelines.load(pipelines.find("NpcDialog"))))
    lists = {"characters": [unit["npc"]], "moods": [unit["mood"]], "topics": [unit["topic"]]}
    path = tmp_path / "few.JSON.gz"
    path.write_bytes(gzip.compress(json.dumps(lists).encode()))
    assert init(pipelines.find("NpcDialog"), items=str(path)) == 0
    assert stored(runs_dir) == [unit]
    assert [path.name for path in (runs_dir / "mine").glob("items*")] == ["items.json.gz"]


def test_standard_input_is_kept_in_the_run(bare, runs_dir, give):
    """Units are made twice, to be counted and to be written; a stream is read once."""
    give(LINES)
    assert init(bare, items="-") == 0
    assert stored(runs_dir) == UNITS
    state = runs.read(runs_dir / "mine").state
    assert state.launch["items"] == "-"
    assert (runs_dir / "mine" / "items.jsonl").read_text() == LINES


def test_a_mistake_in_standard_input_has_its_line_and_leaves_nothing(bare, runs_dir, give):
    give(LINES + "{broken\n")
    with pytest.raises(PipelineError, match=r"^standard input \(JSON lines\):5: not JSON"):
        init(bare, items="-")
    assert not list(runs_dir.iterdir())


def test_a_pipeline_without_items_is_told_both_remedies_and_leaves_nothing(bare, runs_dir):
    with pytest.raises(PipelineError, match="add `items_source: FILE`, or say --items FILE"):
        init(bare)
    assert not list(runs_dir.iterdir())


def test_what_will_be_paid_for_is_counted_with_items_and_repetitions(
    bare, runs_dir, give, monkeypatch
):
    """4 items, 30 times each, at one step."""
    monkeypatch.setattr(door, "make_ready", lambda *_, **__: None)
    give(LINES)
    with pytest.raises(BadRequest, match="At least 120 requests"):
        door.run(str(bare), {"items": "-", "repeat": 30}, show=QUIET, init_only=True)
    assert not list(runs_dir.iterdir())


def test_repetitions_are_units_of_the_run(bare, runs_dir, give):
    give(LINES)
    assert init(bare, items="-", repeat=2, max_units=6) == 0
    assert [unit["unit_id"] for unit in stored(runs_dir)] == [
        *(f"{n}__rep0000" for n in range(4)),
        *(f"{n}__rep0001" for n in range(2)),
    ]


@pytest.mark.parametrize("told", [{"items": "rows.csv"}, {"repeat": 2}])
def test_a_run_that_is_gone_on_with_takes_no_other_items(make_view, told):
    """It has its units."""
    make_view(runs.Status.PAUSED)
    with pytest.raises(BadRequest, match="goes on as it was made"):
        door.run("Sailor", told, show=QUIET)


def test_the_filter_of_items_takes_them_from_anywhere(bare, give, capfdbinary):
    """`octobatch items PIPELINE --items -` is the first half of a Unix pipe."""
    give(LINES)
    with pytest.raises(SystemExit) as left:
        main(["items", str(bare), "--items", "-", "--repeat", "2", "--max-units", "5"])
    assert left.value.code == 0
    out = capfdbinary.readouterr().out
    assert [json.loads(line)["unit_id"] for line in out.splitlines()][4:] == ["0__rep0001"]
