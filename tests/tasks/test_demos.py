"""The demos, run whole: what they promise, who was asked again, and with what in the prompt."""

import asyncio
import csv
import hashlib
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

import pipelines
import runs
from pipelines import Error, Exchange, Launch, Pipeline, Unit, prepare
from providers.connect import wire
from providers.emulator import client
from providers.emulator.client import Ledger
from runs import Attempt, RunView, Status
from tasks.ask import request_of
from tasks.choose import choose, settle_choice
from tasks.create import create_run
from tasks.judging import reply_of
from tests.tasks.conftest import through


class Demo(NamedTuple):
    """A demo, and what its rehearsal comes to."""

    name: str
    units: int
    valid: int
    maker: str
    """The step that makes what is judged."""
    sent_back: dict[str, int]
    """How many units a judging step sends back, once or more often."""
    other_chunk_size: int


DEMOS = (
    Demo("NpcDialog", 60, 57, "generate", {"score": 12}, 13),
    Demo("DrunkenSailor", 300, 299, "tell", {}, 170),
    Demo("Blackjack", 75, 73, "play", {"check_hand": 14, "check_strategy": 15}, 40),
)


class Ran(NamedTuple):
    """A demo that has been run, and what the emulator was asked meanwhile."""

    pipeline: Pipeline
    view: RunView
    ledger: Ledger

    def attempts(self, step: str) -> dict[str, list[Attempt]]:
        """Return all askings of each unit at a step, oldest first."""
        asked: dict[str, list[Attempt]] = {}
        for chunk in self.view.state.chunks:
            asked |= runs.attempts(self.view.paths.chunk(chunk).results(step))
        return asked

    def returned(self, steps: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """Return why units were sent back by these steps, by unit, oldest first."""
        records: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for step in steps:
            for chunk in self.view.state.chunks:
                for record in runs.read_jsonl(self.view.paths.chunk(chunk).returned(step)):
                    records[record["unit_id"]].append(record)
        return {
            unit_id: sorted(some, key=lambda record: record["round"])
            for unit_id, some in records.items()
        }

    def entered(self, step: str) -> Iterator[Unit]:
        """Yield units as they come to a step."""
        names = [one.name for one in self.pipeline.steps]
        place = names.index(step)
        for chunk in map(self.view.paths.chunk, self.view.state.chunks):
            yield from runs.read_jsonl(chunk.validated(names[place - 1]) if place else chunk.input)

    def outputs(self) -> dict[str, bytes]:
        """Return the files that were made of the units."""
        return {path.name: path.read_bytes() for path in self.view.paths.outputs.iterdir()}

    def table(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a table that was made of the results."""
        with (self.view.paths.outputs / name).open() as lines:
            return list(csv.DictReader(lines))


def _ran(folder: Path, root: Path) -> Ran:
    client.reset(root)
    pipeline = pipelines.load(folder)
    run_dir = root / f"demo-{len(list(root.iterdir()))}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCTOBATCH_RUNS_DIR", str(root))
        create_run(pipeline, Launch(pipeline=pipeline.name, emulate=True), run_dir)
        asyncio.run(through(run_dir))
        return Ran(pipeline, runs.read(run_dir), client.ledger(client.start(root)))


@pytest.fixture(scope="module", params=DEMOS, ids=lambda demo: demo.name)
def demo(request: pytest.FixtureRequest) -> Demo:
    return request.param


@pytest.fixture(scope="module")
def ran(demo: Demo, emulated: Path) -> Ran:
    """A demo as it is, run once for all tests."""
    return _ran(pipelines.find(demo.name), emulated)


def ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [row["unit_id"] for row in rows]


def test_every_unit_ends_and_few_fail(demo, ran):
    """Complete, with every unit either valid or failed, in the order of the input."""
    assert ran.view.state.status is Status.COMPLETE
    entered = ids(pipelines.units(ran.pipeline))
    valid = ids(runs.read_jsonl(ran.view.paths.results))
    failed = ids(runs.read_jsonl(ran.view.paths.failures))
    assert (len(entered), len(valid)) == (demo.units, demo.valid)
    assert sorted(valid + failed) == sorted(entered)
    for some in (valid, failed):
        assert some == [unit_id for unit_id in entered if unit_id in some]
    numbers = runs.totals(ran.view.state)
    assert (numbers.units, numbers.valid, numbers.open) == (demo.units, demo.valid, 0)


def test_the_bill_has_what_is_on_file_and_no_more(ran):
    """Each asking once."""
    asked = [some for step in ran.pipeline.asking for some in ran.attempts(step.name).values()]
    assert ran.ledger.calls == sum(map(len, asked))


def test_exactly_the_units_that_are_sent_back_are_made_again(demo, ran):
    """Once each time that they are sent back; nobody else is asked in another round."""
    rounds = {
        unit_id: len({one.round for one in asked})
        for unit_id, asked in ran.attempts(demo.maker).items()
    }
    again = {unit_id: n - 1 for unit_id, n in rounds.items() if n > 1}
    returned = ran.returned(demo.sent_back)
    assert again == {unit_id: len(records) for unit_id, records in returned.items()}
    for records in returned.values():
        often = Counter(record["step"] for record in records)
        assert max(often.values()) <= ran.pipeline.max_retries


def test_who_makes_it_again_is_told_what_was_wrong(demo, ran):
    """The emulator saw requests with the earlier reply, the errors, and what was found."""
    asked = ran.attempts(demo.maker)
    units = {unit["unit_id"]: unit for unit in ran.entered(demo.maker)}
    expected: Counter[str] = Counter()
    for unit_id, records in ran.returned(demo.sent_back).items():
        rounds = [list(some) for _, some in groupby(asked[unit_id], key=lambda one: one.round)]
        for (before, _), record in zip(pairwise(rounds), records, strict=True):
            body = _next_request(ran.pipeline, demo.maker, units[unit_id], before[-1], record)
            expected[hashlib.sha256(body).hexdigest()] += 1
            *_, reply, told = [turn["content"] for turn in orjson.loads(body)["messages"]]
            assert reply == reply_of(before[-1]).text
            assert record["raw_response"] in told
            assert all(error["message"] in told for error in record["errors"])
    assert expected == {sha: ran.ledger.requests.get(sha) for sha in expected}


def _next_request(
    pipeline: Pipeline, maker: str, unit: Unit, before: Attempt, record: Mapping[str, Any]
) -> bytes:
    """Return what must be asked of a unit whose reply was sent back with this record."""
    prepared = prepare(pipeline, pipeline.step(maker))
    asked = choose(pipeline, prepared.step, Launch(emulate=True))
    at = datetime.now(UTC)
    choice = settle_choice(pipeline, prepared.step, asked, base_url=None, at=at)
    exchange = Exchange(
        attempt=before.attempt,
        reply=reply_of(before).text,
        errors=tuple(Error(**error) for error in record["errors"]),
        sent_back_by=record["step"],
        findings=record["raw_response"],
    )
    prompt = prepared.prompt(unit, [exchange])
    return wire(choice.provider, request_of(prepared, choice, unit["unit_id"], prompt))


def test_more_pass_in_the_end_than_at_first(demo, ran):
    """The counts say how many, before anything was sent back and after."""
    for step, expected in demo.sent_back.items():
        counts = runs.step_counts(ran.view.state)[step]
        seen = counts.entered - counts.again
        failed = [row for row in runs.read_jsonl(ran.view.paths.failures) if row["step"] == step]
        assert len(ran.returned([step])) == expected
        assert counts.passed - counts.mended == seen - expected
        assert counts.lost == len(failed)
        assert 0 < len(failed) < expected


def test_the_same_again_gives_the_same_bytes(demo, ran, emulated):
    """Results, failures and tables."""
    assert _ran(pipelines.find(demo.name), emulated).outputs() == ran.outputs()


def test_other_chunks_give_the_same_bytes(demo, ran, emulated, tmp_path):
    """Which units travel together changes nothing of any of them."""
    folder = tmp_path / demo.name
    shutil.copytree(pipelines.find(demo.name), folder)
    config = folder / "config.yaml"
    own = f"chunk_size: {ran.pipeline.chunk_size}"
    config.write_text(config.read_text().replace(own, f"chunk_size: {demo.other_chunk_size}"))
    other = _ran(folder, emulated)
    assert len(other.view.state.chunks) != len(ran.view.state.chunks)
    assert other.outputs() == ran.outputs()


def test_tables_count_every_result_once(demo, ran):
    """A row for each group, a column for each value; both add up."""
    for made in ran.pipeline.post_process:
        rows = ran.table(made.output)
        groups = [row.pop(made.group_by) for row in rows]
        numbers = [{value: int(n) for value, n in row.items()} for row in rows]
        assert len(set(groups)) == len(groups) == 3
        assert sum(row["n"] for row in numbers) == demo.valid
        assert all(sum(row.values()) == 2 * row["n"] for row in numbers)
