"""The money of whole runs: the cap holds, and what is told is what the emulator charged."""

import asyncio
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pipelines
import runs
from pipelines import Launch
from providers.emulator import client
from providers.neutral import Usage
from providers.prices import Rate
from runs import Status, step_counts, totals
from runs.run import _held
from tasks.create import create_run
from tasks.errors import NoPrice
from tasks.opening import opened
from tasks.order import in_order
from tasks.ready import make_ready
from tests.tasks.conftest import through

PRICE = """\
        prices:
          - realtime: {{input: {0}, cached: {0}, output: {1}}}
            batch: null
            source: this test
            checked: 2026-11-22
"""
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"word": {"type": "string"}, "grade": {"type": "integer"}},
        "required": ["word", "grade"],
        "additionalProperties": False,
    }
)
REHEARSAL = '{"word": "w{{ attempt }}", "grade": {{ range(0, 9) | list | random }}}'


@dataclass(frozen=True)
class Case:
    """A pipeline of some steps, each with a model of its own, and what goes wrong with it."""

    prices: tuple[tuple[int, int], ...]
    """Of each step's model: input and output, USD per million tokens."""
    units: int
    chunk_size: int
    concurrency: int
    max_retries: int
    max_tokens: int
    bad_share: float
    """Of replies that break a rule."""
    lost_share: float
    """Of calls that are charged and never answered."""
    refused_share: float
    caps: tuple[int, ...]
    """Hundred-thousandths of a dollar; one after the other, and at last none."""


CASES = st.builds(
    Case,
    prices=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 200)), min_size=1, max_size=3).map(
        tuple
    ),
    units=st.integers(1, 14),
    chunk_size=st.integers(1, 8),
    concurrency=st.integers(1, 12),
    max_retries=st.integers(0, 2),
    max_tokens=st.sampled_from([8, 64, 512]),
    bad_share=st.sampled_from([0, 0.3]),
    lost_share=st.sampled_from([0, 0.2]),
    refused_share=st.sampled_from([0, 0.2]),
    caps=st.lists(st.integers(1, 2000), max_size=2).map(tuple),
)


def write_pipeline(folder: Path, case: Case) -> None:
    steps = [
        {
            "name": f"s{n}",
            "model": f"model-{n}",
            "template": "ask.jinja2",
            "output_schema": "reply.json",
            "into": f"from_{n}",
            "max_tokens": case.max_tokens,
            "concurrency": case.concurrency,
        }
        for n in range(len(case.prices))
    ]
    config = {
        "name": "Spend",
        "items_source": "items.jsonl",
        "chunk_size": case.chunk_size,
        "max_retries": case.max_retries,
        "api": {"provider": "openai"},
        "pipeline": steps,
    }
    for name in ("templates", "schemas"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps(config))
    (folder / "templates/ask.jinja2").write_text("Ask {{ unit_id }} something.\n")
    (folder / "schemas/reply.json").write_text(SCHEMA)
    rows = (json.dumps({"id": f"u{n}", "why": "x" * n}) for n in range(case.units))
    (folder / "items.jsonl").write_text("\n".join(rows) + "\n")


def write_prices(path: Path, case: Case) -> None:
    models = "".join(
        f"      model-{n}:\n{PRICE.format(*price)}" for n, price in enumerate(case.prices)
    )
    path.write_text(f"format: 1\nvendors:\n  openai:\n    models:\n{models}")


def rules(case: Case) -> list[dict[str, Any]]:
    faults = [
        (case.lost_share, {"do": "reset_after"}),
        (case.bad_share, {"do": "text", "text": '{"word": 1}'}),
        (case.refused_share, {"do": "refuse"}),
    ]
    return [{"match": "chat", "share": share, **fault} for share, fault in faults if share]


@contextmanager
def impatient():
    """Let nobody wait before a call is sent again."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("providers.limit.LONGEST_PAUSE_SECONDS", 0.0)
        yield patched


def charged(root: Path, case: Case) -> dict[str, Decimal]:
    """Return what the emulator has charged for each step, by its model."""
    models = client.ledger(client.start(root)).models
    return {
        f"s{n}": Rate(Decimal(read), Decimal(read), Decimal(read), Decimal(made)).cost(
            Usage(found["input"], 0, 0, found["output"], 0)
        )
        for n, (read, made) in enumerate(case.prices)
        for found in [Counter(models.get(f"model-{n}", {}))]
    }


async def go_on(run_dir: Path, cap: Decimal | None) -> None:
    async with opened(run_dir, max_cost=cap) as session:
        await in_order(session, session.advance)
        await session.end()


@given(case=CASES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_run_spends_more_than_its_cap_and_every_cent_is_told(root, case):
    """Whatever it costs, whatever goes wrong, however many calls are in flight."""
    client.reset(root)
    url = client.start(root)
    with TemporaryDirectory() as folder, impatient() as patched:
        home = Path(folder)
        write_pipeline(home / "Spend", case)
        write_prices(home / "models.yaml", case)
        patched.setenv("OCTOBATCH_MODELS", str(home / "models.yaml"))
        client.script(url, rules(case))
        run_dir = home / "run"
        caps = [Decimal(cap) / 100_000 for cap in sorted(case.caps)]
        launch = Launch(pipeline="Spend", emulate=True, max_cost=caps[0] if caps else None)
        create_run(pipelines.load(home / "Spend"), launch, run_dir)
        for cap in [*caps, Decimal(1000)]:
            asyncio.run(go_on(run_dir, cap))
            state = runs.read(run_dir).state
            bill = charged(root, case)
            assert sum(bill.values()) <= cap
            check_told(step_counts(state), bill)
            if state.status is Status.COMPLETE:
                break
            assert (state.paused_reason or "").startswith("cap: ")
        state = runs.read(run_dir).state
        assert state.status is Status.COMPLETE
        assert totals(state).open == 0


def check_told(told: dict[str, runs.Counts], bill: dict[str, Decimal]) -> None:
    """What is known is on the bill; what is on the bill is known, or known to be possible."""
    cent = Decimal("0.000001")
    for step, counts in told.items():
        assert counts.cost_usd is not None
        assert counts.possible_usd is not None
        assert counts.cost_usd <= bill[step] + cent
        assert bill[step] <= counts.cost_usd + counts.possible_usd + cent
        if not counts.possible_usd:
            assert abs(counts.cost_usd - bill[step]) < cent


def test_a_cap_does_not_start_on_an_unknown_price(root, make_pipeline):
    """Nobody could say when it is reached."""
    pipeline = make_pipeline("api: {provider: openai, model: gpt-unheard-of}\n")
    launch = Launch(pipeline="Tell", emulate=True, max_cost=Decimal(1))
    with pytest.raises(NoPrice, match="gpt-unheard-of"):
        make_ready(pipeline, launch)


def test_a_servers_price_is_not_its_vendors(make_pipeline):
    """Who speaks OpenAI's format does not charge OpenAI's prices."""
    pipeline = make_pipeline(
        "api: {provider: openai, model: gpt-6-luna, base_url: 'https://elsewhere.example/v1'}\n"
    )
    launch = Launch(pipeline="Tell", emulate=True, max_cost=Decimal(1))
    with pytest.raises(NoPrice):
        make_ready(pipeline, launch)


def test_calls_under_way_when_a_run_is_killed_count_as_possible(root, make_pipeline, tmp_path):
    """Their bill is unknown for ever, and a cap must hold."""
    pipeline = make_pipeline("api: {provider: openai, model: gpt-6-luna}\n")
    run_dir = tmp_path / "run"
    create_run(pipeline, Launch(pipeline="Tell", emulate=True, max_cost=Decimal(1)), run_dir)
    run = runs.Run.open(run_dir)
    run.set_status(Status.RUNNING)
    run.hint({}, {}, reserved_usd=Decimal("0.25"))
    run._journal.close()
    run._lock.release()  # as kill -9 leaves it: nobody says how it ends
    _held.pop(run.paths.dir, None)
    asyncio.run(through(run_dir))
    state = runs.read(run_dir).state
    assert totals(state).possible_usd == Decimal("0.25")
    assert state.status is Status.COMPLETE
