"""Items become units: each once, in order, with an id of its own, or the place of what is wrong."""

import gzip
import itertools
import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from pipelines import PipelineError, load, units
from pipelines.distinct import Repeated
from pipelines.item_file import Item
from pipelines.making import Maker, _Named, _never_alike
from pipelines.units import _refuse_twins, _sample

HEAD = "name: Small\npipeline:\n  - {name: ask, template: ask.jinja2}\n"
ASK = {"templates/ask.jinja2": "{{ unit_id }}"}


@pytest.fixture
def made(make_folder):
    def make(config, items, name="items.yaml", **options):
        files = {**ASK, "config.yaml": f"{HEAD}items_source: {name}\n{config}"}
        folder = make_folder({**files, name: items} if isinstance(items, str) else files)
        if isinstance(items, bytes):
            (folder / name).write_bytes(items)
        return list(units(load(folder), **options))

    return make


JSONL = "items.jsonl"
SEEDED = "units: {repeat: 2, seed: 1}"
CROSS = "units: {strategy: cross_product, positions: {npc: people, mood: moods}}"


def ids(found):
    return [unit["unit_id"] for unit in found]


GROUPS = "people: [{name: Al Fa, age: 3}, {id: be/ta}]\nmoods: [glad, sad]\n"


@pytest.fixture(scope="session")
def pipeline_of(tmp_path_factory):
    def make(items):
        folder = tmp_path_factory.mktemp("pipelines") / "Small"
        (folder / "templates").mkdir(parents=True)
        (folder / "templates" / "ask.jinja2").write_text("{{ unit_id }}")
        (folder / JSONL).write_text("".join(json.dumps({"id": n}) + "\n" for n in range(items)))
        (folder / "config.yaml").write_text(f"{HEAD}items_source: {JSONL}\n")
        return load(folder)

    return make


def test_a_cross_product_is_every_combination_in_order(made):
    assert made(CROSS, GROUPS) == [
        {"unit_id": "Al_Fa-glad", "npc": {"name": "Al Fa", "age": 3}, "mood": "glad"},
        {"unit_id": "Al_Fa-sad", "npc": {"name": "Al Fa", "age": 3}, "mood": "sad"},
        {"unit_id": "be-ta-glad", "npc": {"id": "be/ta"}, "mood": "glad"},
        {"unit_id": "be-ta-sad", "npc": {"id": "be/ta"}, "mood": "sad"},
    ]


PERMUTED = [
    {"unit_id": "a-b", "past": "a", "future": "b"},
    {"unit_id": "a-c", "past": "a", "future": "c"},
    {"unit_id": "b-a", "past": "b", "future": "a"},
    {"unit_id": "b-c", "past": "b", "future": "c"},
    {"unit_id": "c-a", "past": "c", "future": "a"},
    {"unit_id": "c-b", "past": "c", "future": "b"},
]


@pytest.mark.parametrize(
    ("config", "items"),
    [
        ("units: {strategy: permutation, positions: [past, future]}", "[a, b, c]"),
        (
            "items_key: cards\nunits: {strategy: permutation, positions: [past, future]}",
            "cards: [a, b, c]",
        ),
        (
            "units: {strategy: permutation, positions: {past: cards, future: cards}}",
            "cards: [a, b, c]",
        ),
    ],
)
def test_a_permutation_is_every_ordered_choice(made, config, items):
    """From the file's one list, the list under `items_key`, or the one all positions name."""
    assert made(config, items) == PERMUTED


def test_a_permutation_can_be_of_rows(made):
    config = "units: {strategy: permutation, positions: [one, two]}"
    one, two = made(config, "id,n\na,1\nb,2\n", "items.csv")
    assert one == {"unit_id": "a-b", "one": {"id": "a", "n": "1"}, "two": {"id": "b", "n": "2"}}
    assert two["unit_id"] == "b-a"


@given(st.integers(1, 5), st.integers(1, 4))
def test_a_permutation_has_as_many_units_as_there_are_choices(tmp_path_factory, items, places):
    folder = tmp_path_factory.mktemp("pipelines") / "Small"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "ask.jinja2").write_text("{{ unit_id }}")
    (folder / "items.json").write_text(json.dumps([{"id": n} for n in range(items)]))
    names = json.dumps([f"p{n}" for n in range(places)])
    strategy = f"units: {{strategy: permutation, positions: {names}}}\n"
    (folder / "config.yaml").write_text(f"{HEAD}items_source: items.json\n{strategy}")
    if items < places:
        with pytest.raises(PipelineError, match=f"{places} positions need as many items"):
            load(folder)
        return
    ids = [unit["unit_id"] for unit in units(load(folder))]
    assert len(ids) == len(set(ids)) == math.perm(items, places)


ROWS = [{"id": "a b/c", "n": 1}, {"name": "q"}, {"unit_id": "own", "id": 3}, {"id": 0}]
UNITS = [
    {"unit_id": "a_b-c", "id": "a b/c", "n": 1},
    {"unit_id": "q", "name": "q"},
    {"unit_id": "own", "id": 3},
    {"unit_id": "0", "id": 0},
]
LINES = "\n".join(json.dumps(row) for row in ROWS) + "\n\n"


@pytest.mark.parametrize(
    ("name", "items", "config"),
    [
        ("items.yaml", json.dumps(ROWS), ""),
        ("items.json", json.dumps(ROWS), ""),
        ("items.json", json.dumps({"rows": ROWS}), "items_key: rows"),
        ("items.jsonl", LINES, ""),
        ("items.ndjson", LINES, ""),
        ("items.JSONL.gz", gzip.compress(LINES.encode(), mtime=0), ""),
        ("items.json.gz", gzip.compress(json.dumps(ROWS).encode(), mtime=0), ""),
        ("items.json", "\ufeff" + json.dumps(ROWS), ""),
    ],
)
def test_every_format_gives_the_same_units(made, name, items, config):
    assert made(config, items, name) == UNITS


def test_repetitions_come_one_after_the_other(made):
    """Ids and numbers as the original Octobatch had them."""
    repeated = made("units: {repeat: 2}", "[{id: a b/c, n: 1}, {id: q}]")
    assert repeated == [
        {
            "unit_id": "a_b-c__rep0000", "id": "a b/c", "n": 1,
            "_repetition_id": 0, "_repetition_seed": 1689180185,
        },
        {"unit_id": "q__rep0000", "id": "q", "_repetition_id": 0, "_repetition_seed": 978843599},
        {
            "unit_id": "a_b-c__rep0001", "id": "a b/c", "n": 1,
            "_repetition_id": 1, "_repetition_seed": 1689180186,
        },
        {"unit_id": "q__rep0001", "id": "q", "_repetition_id": 1, "_repetition_seed": 978843600},
    ]  # fmt: skip


def test_a_seed_gives_other_numbers_and_the_same_ids(made):
    plain, seeded = made("units: {repeat: 2}", LINES, JSONL), made(SEEDED, LINES, JSONL)
    assert ids(plain) == ids(seeded)
    assert not {u["_repetition_seed"] for u in plain} & {u["_repetition_seed"] for u in seeded}


def test_repetitions_can_be_asked_for_at_the_start(made):
    """More, fewer, or one of many, which keeps the ids that it has among them."""
    assert ids(made("", "[{id: a}]", repeat=2)) == ["a__rep0000", "a__rep0001"]
    assert ids(made("", "[{id: a}]", repeat=1)) == ["a"]
    assert ids(made("units: {repeat: 9}", "[{id: a}]", repeat=1)) == ["a__rep0000"]


@given(st.integers(1, 4), st.integers(1, 30), st.integers(1, 30))
def test_repetitions_multiply_and_the_first_are_taken(pipeline_of, items, times, most):
    """`max_units` counts units, after generation."""
    pipeline = pipeline_of(items)
    everything = ids(units(pipeline, repeat=times))
    assert len(everything) == len(set(everything)) == items * times
    assert ids(units(pipeline, repeat=times, max_units=most)) == everything[:most]
    sample = ids(units(pipeline, repeat=times, sample=most))
    assert sample == [each for each in everything if each in sample]
    assert len(sample) == min(most, len(everything))


def test_tables_make_units_as_lines_do(make_folder):
    """A row is an item; what a cell is, its format says."""
    folder = make_folder({**ASK, "config.yaml": f"{HEAD}items_source: items.yaml\n"})
    (folder / "rows.tsv").write_text("name\tn\nAl Fa\t1\n")
    parquet.write_table(pa.table({"name": ["Al Fa"], "n": [1]}), folder / "rows.parquet")
    for name, n in (("rows.tsv", "1"), ("rows.parquet", 1)):
        found = list(units(load(folder, folder / name)))
        assert found == [{"unit_id": "Al_Fa", "name": "Al Fa", "n": n}]


def test_the_field_that_names_an_item_can_be_chosen(made):
    assert [u["unit_id"] for u in made("units: {id_field: sku}", "[{sku: x, id: 1}]")] == ["x"]


def test_lone_surrogates_do_not_enter(made):
    (unit,) = made("", '{"id": "a", "text": "x\\ud800"}\n', "items.jsonl")
    assert unit["text"] == "x\ufffd"


@pytest.mark.parametrize(
    ("config", "name", "items", "problem"),
    [
        (
            "",
            "items.yaml",
            "- {id: a}\n- {id: b}\n- {id: a}",
            "items.yaml:3: the id 'a' is taken: line 1",
        ),
        (
            "",
            "items.yaml",
            "- {id: a b}\n- {id: a_b}",
            "items.yaml:2: the id 'a_b' is taken: line 1",
        ),
        (
            "",
            "items.jsonl",
            '{"id": 1}\n\n{"id": "1"}',
            "items.jsonl:3: the id '1' is taken: line 1",
        ),
        (
            "",
            "items.json",
            '[{"id":1},{"id":1}]',
            "items.json: item 2: the id '1' is taken: item 1",
        ),
        (
            CROSS,
            "items.yaml",
            "people: [a, a-b]\nmoods:\n  - b-c\n  - c",
            "is taken: line 1 with line 3",
        ),
        ("", "items.yaml", "- {id: ''}", "'' cannot name an item"),
        ("", "items.yaml", "- {id: [1]}", "[1] cannot name an item"),
        ("", "items.yaml", "- {id: true}", "True cannot name an item"),
        ("", "items.yaml", '- {id: "a\\tb"}', "cannot name an item"),
        ("", "items.yaml", "- {n: 1}", "items.yaml:1: the item has no field unit_id or id or name"),
        ("", "items.yaml", "- word", "items.yaml:1: an item must be a mapping of fields"),
        ("", "items.yaml", "rows: []", "items.yaml:1: the items are not a list"),
        ("", "items.yaml", "[]", "there are no items"),
        (
            "items_key: row",
            "items.yaml",
            "rows: []",
            "there is no list 'row'; did you mean 'rows'?",
        ),
        (CROSS, "items.yaml", "people: [a]\nmods: [b]", "no list 'moods'; did you mean 'mods'?"),
        (CROSS, "items.jsonl", "{}", "positions need several"),
        ("", "items.json", "[{]", "items.json:1: not JSON"),
        ("", "items.jsonl", '{"id": 1}\n{"id"', "items.jsonl:2: not JSON"),
        ("", "items.jsonl", '{"id": 1, "x": NaN}', "items.jsonl:1: nan is not a finite number"),
        ("", "items.jsonl", '{"id": 1, "x": ' + "[" * 150 + "]" * 150 + "}", "nested deeper"),
        ("", "items.json", "[" * 9_000 + "]" * 9_000, "items.json"),
        ("", "items.json.gz", b"no gzip", "cannot be read: Not a gzipped file"),
        ("", "items.json.gz", gzip.compress(b"[]", mtime=0)[:-9], "cannot be read"),
    ],
)
def test_what_makes_no_unit_is_said_with_its_place(made, config, name, items, problem):
    with pytest.raises(PipelineError) as caught:
        made(config, items, name)
    assert problem in str(caught.value)


def test_a_bomb_is_not_read_whole(made, monkeypatch):
    monkeypatch.setattr("pipelines.items.MAX_DOCUMENT_BYTES", 1000)
    monkeypatch.setattr("pipelines.item_file.MAX_LINE_BYTES", 1000)
    for name in ("items.json.gz", "items.jsonl.gz"):
        with pytest.raises(PipelineError, match=r"larger than|longer than"):
            made("", gzip.compress(b" " * 5000), name)


def test_max_units_takes_the_first(made):
    assert [u["unit_id"] for u in made("", LINES, "items.jsonl", max_units=2)] == ["a_b-c", "q"]


def test_the_whole_of_the_input_is_held_against_itself(made):
    """However far apart twins are: a second look finds both."""
    lines = [json.dumps({"id": n}) for n in range(30_000)]
    lines += [json.dumps({"id": 17}), json.dumps({"id": 18}), json.dumps({"id": 18})]
    with pytest.raises(PipelineError) as caught:
        made("", "\n".join(lines), JSONL)
    said = r"items.jsonl:30001: the id '17' is taken: line 18 has it too; rename one (2 more"
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1


def test_what_is_not_taken_is_not_held_against_what_is(make_folder):
    """Twins among the first N are found though nobody asks for more; others do no harm."""
    folder = make_folder({**ASK, "config.yaml": f"{HEAD}items_source: items.jsonl\n"})
    lines = [json.dumps({"id": n}) for n in range(12_000)]
    (folder / "items.jsonl").write_text("\n".join([*lines, '{"id": 3}', '{"id": 4}']))
    pipeline = load(folder)
    assert len(list(units(pipeline, max_units=12_000))) == 12_000
    with pytest.raises(PipelineError, match=r"items\.jsonl:12001: the id '3' is taken: line 4 "):
        list(units(pipeline, max_units=12_001))
    with pytest.raises(PipelineError, match="the id '3' is taken"):
        list(units(pipeline, sample=1))


@pytest.mark.parametrize(
    ("one", "other"), [("caf\u00e9", "cafe\u0301"), ("\ufb01n", "fin"), ("\uff21", "A")]
)
@pytest.mark.parametrize(
    ("config", "items"),
    [
        ("", "- {{id: {0}}}\n- {{id: {1}}}"),
        (CROSS, "people:\n- {0}\n- {1}\nmoods: [a]"),
        ("units: {strategy: permutation, positions: [x, y]}", "- {0}\n- {1}"),
    ],
)
def test_ids_that_look_the_same_are_twins(made, config, items, one, other):
    """Nobody could tell them apart in a table of results."""
    with pytest.raises(PipelineError) as caught:
        made(config, items.format(one, other))
    assert f"the id {other!r} is taken: line " in str(caught.value)
    assert f"has it too as {one!r}, which looks the same" in str(caught.value)


def test_hashes_that_are_alike_by_chance_are_no_twins(pipeline_of):
    """Only the ids themselves can tell."""
    pipeline = pipeline_of(3)
    maker = Maker(pipeline, pipeline.folder / JSONL)
    suspects = frozenset(map(hash, ["0", "1", "2"]))
    _refuse_twins(maker, maker.making().make(), Repeated(suspects, 1))


def test_a_permutation_whose_names_join_alike_is_refused(made):
    with pytest.raises(PipelineError, match=r":3: the id 'a-a-a' of line 3 with line 2 is taken"):
        made("units: {strategy: permutation, positions: [x, y]}", "\n- a\n- a-a")


NAMES = st.lists(st.text("a-", min_size=1, max_size=4), min_size=1, max_size=4, unique=True)


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_names_that_are_said_never_to_join_alike_do_not(lists):
    """The proof that spares cross products a look at every id is right."""
    named = [[_Named(name, Item(name, None, 1)) for name in names] for names in lists]
    joined = ["-".join(names) for names in itertools.product(*lists)]
    if _never_alike(named):
        assert len(set(joined)) == len(joined)


def test_other_items_can_be_named_at_the_start(make_folder, tmp_path):
    """From anywhere, in any format; those of the pipeline may be missing then, even as a file."""
    rows = tmp_path / "rows.csv"
    rows.write_text("id,topic\na,rain\n")
    folder = make_folder()
    (folder / "items.yaml").unlink()
    pipeline = load(folder, rows)
    assert (pipeline.items, pipeline.own_items) == (rows, False)
    assert list(units(pipeline)) == [{"unit_id": "a", "id": "a", "topic": "rain"}]


def test_items_named_at_the_start_are_checked_like_ones_own(make_folder, tmp_path):
    """What the template asks for must be a field of these."""
    rows = tmp_path / "rows.csv"
    rows.write_text("id,theme\na,rain\n")
    with pytest.raises(PipelineError, match="topic"):
        load(make_folder(), rows)
    for name, problem in (
        ("row.csv", r"row\.csv: there is no 'row\.csv'; did you mean 'rows\.csv'\?"),
        (
            "rows.xls",
            r"rows\.xls: 'rows\.xls' is in no known format: \.yaml, .*each also with \.gz",
        ),
    ):
        with pytest.raises(PipelineError, match=problem):
            load(make_folder(), tmp_path / name)


def test_a_pipeline_without_items_is_told_both_remedies(make_folder):
    """It can be loaded: a filter brings units, and a run may name items."""
    pipeline = load(make_folder({**ASK, "config.yaml": HEAD}))
    with pytest.raises(PipelineError, match=r"add `items_source: FILE`, or say --items FILE"):
        units(pipeline)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ("units: {strategy: cross_product, positions: [npc, mood]}", "names the key of its list"),
        (
            "units: {strategy: permutation, positions: {npc: people, mood: moods}}",
            "a permutation chooses from one list",
        ),
        (
            "items_key: moods\nunits: {strategy: permutation, positions: {npc: people}}",
            "a permutation chooses from one list",
        ),
        ("units: {strategy: permutation, positions: [a, a]}", "must not name a position twice"),
        ("units: {strategy: permutation, positions: [1]}", "positions"),
        ("units: {strategy: permutation}", "strategy `permutation` needs `positions`"),
        ("units: {repeat: 0}", "'repeat'"),
    ],
)
def test_positions_that_fit_no_strategy_are_told(made, config, problem):
    with pytest.raises(PipelineError, match=problem):
        made(config, GROUPS)


def _numbered(numbers):
    return [{"unit_id": str(n)} for n in numbers]


@given(st.sets(st.integers(0, 200), min_size=1), st.integers(1, 30), st.randoms())
def test_a_sample_is_the_same_units_whatever_their_order(numbers, size, random):
    ordered = sorted(numbers)
    shuffled = list(ordered)
    random.shuffle(shuffled)
    chosen = list(_sample(iter(_numbered(ordered)), size))
    assert len(chosen) == min(size, len(numbers))
    assert chosen == sorted(chosen, key=lambda unit: int(unit["unit_id"]))
    again = list(_sample(iter(_numbered(shuffled)), size))
    assert sorted(u["unit_id"] for u in again) == sorted(u["unit_id"] for u in chosen)


def test_units_are_streamed(make_folder):
    files = {**ASK, "config.yaml": f"{HEAD}items_source: items.jsonl\n"}
    folder = make_folder(files)
    good = [json.dumps({"id": n}) for n in range(200)]
    (folder / "items.jsonl").write_text("\n".join(good))
    pipeline = load(folder)
    (folder / "items.jsonl").write_text("\n".join([*good, "{broken"]))
    stream = units(pipeline)
    assert next(stream) == {"unit_id": "0", "id": 0}
    with pytest.raises(PipelineError, match=r"items\.jsonl:201"):
        list(stream)


def test_repetitions_that_nobody_wants_cost_nothing(made):
    """Also where there is nothing to repeat."""
    assert len(made("units: {repeat: 1000000000000}", "[{id: a}]", max_units=2)) == 2
    with pytest.raises(PipelineError, match="there are no items"):
        made("units: {repeat: 1000000000000}", "[]")
