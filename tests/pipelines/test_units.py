"""Items become units: each once, in order, with an id of its own, or the place of what is wrong."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import PipelineError, load, units
from pipelines.units import _sample

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


CROSS = "units: {strategy: cross_product, positions: {npc: people, mood: moods}}"
GROUPS = "people: [{name: Al Fa, age: 3}, {id: be/ta}]\nmoods: [glad, sad]\n"


def test_a_cross_product_is_every_combination_in_order(made):
    assert made(CROSS, GROUPS) == [
        {"unit_id": "Al_Fa-glad", "npc": {"name": "Al Fa", "age": 3}, "mood": "glad"},
        {"unit_id": "Al_Fa-sad", "npc": {"name": "Al Fa", "age": 3}, "mood": "sad"},
        {"unit_id": "be-ta-glad", "npc": {"id": "be/ta"}, "mood": "glad"},
        {"unit_id": "be-ta-sad", "npc": {"id": "be/ta"}, "mood": "sad"},
    ]


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
        ("items.JSONL.gz", gzip.compress(LINES.encode()), ""),
        ("items.json.gz", gzip.compress(json.dumps(ROWS).encode()), ""),
        ("items.json", "\ufeff" + json.dumps(ROWS), ""),
    ],
)
def test_every_format_gives_the_same_units(made, name, items, config):
    assert made(config, items, name) == UNITS


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
        ("", "items.json.gz", gzip.compress(b"[]")[:-9], "cannot be read"),
    ],
)
def test_what_makes_no_unit_is_said_with_its_place(made, config, name, items, problem):
    with pytest.raises(PipelineError) as caught:
        made(config, items, name)
    assert problem in str(caught.value)


def test_a_bomb_is_not_read_whole(made, monkeypatch):
    monkeypatch.setattr("pipelines.items.MAX_DOCUMENT_BYTES", 1000)
    monkeypatch.setattr("pipelines.items.MAX_LINE_BYTES", 1000)
    for name in ("items.json.gz", "items.jsonl.gz"):
        with pytest.raises(PipelineError, match=r"larger than|longer than"):
            made("", gzip.compress(b" " * 5000), name)


def test_max_units_takes_the_first(made):
    assert [u["unit_id"] for u in made("", LINES, "items.jsonl", max_units=2)] == ["a_b-c", "q"]


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
