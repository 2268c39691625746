"""Every vendor, one at a time and together, without Prefect: same results, same care."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

import pipelines
import runs
from flows.summary import exit_of
from pipelines import Launch
from providers.emulator import client
from runs import RunView, Status
from tasks.choose import choose
from tasks.create import create_run
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.conftest import through

pytestmark = SDK_WARNINGS

VENDORS = {
    "openai": ("gpt-6-luna", "/openai/v1/chat"),
    "anthropic": ("claude-haiku-5-5", "/anthropic/v1/messages"),
    "gemini": ("gemini-3.5-flash-lite", ":generateContent"),
}
UNITS = 12


@pytest.fixture
def url(root):
    return client.start(root)


@pytest.fixture
def run_on(root):
    """Run the demo, or go on with it."""

    def run(launch: Launch, known: Path | None = None) -> RunView:
        run_dir: Path = known or root / f"run-{len(list(root.iterdir()))}"
        if known is None:
            create_run(pipelines.load(pipelines.find("NpcDialog")), launch, run_dir)
        asyncio.run(through(run_dir))
        return runs.read(run_dir)

    return run


def demo(vendor: str, **more) -> Launch:
    return Launch(pipeline="NpcDialog", emulate=True, max_units=UNITS, provider=vendor, **more)


def test_the_same_demo_gives_the_same_results_at_each_vendor(run_on):
    """A rehearsal knows the unit and the attempt, not who is asked."""
    results, failures = set(), set()
    for vendor in VENDORS:
        view = run_on(demo(vendor))
        assert view.state.status is Status.COMPLETE
        results.add(view.paths.results.read_bytes())
        failures.add(view.paths.failures.read_bytes())
    assert len(results) == len(failures) == 1
    assert results.pop()


def test_each_step_may_have_a_vendor_of_its_own(root, url, tmp_path):
    """And each is asked for its own step only."""
    folder = tmp_path / "Three"
    steps = [
        {
            "name": f"s_{vendor}",
            "provider": vendor,
            "template": "ask.jinja2",
            "output_schema": "word.json",
            "into": vendor,
        }
        for vendor in VENDORS
    ]
    config = {"name": "Three", "items_source": "items.jsonl", "pipeline": steps}
    for name, text in {
        "config.yaml": json.dumps(config),
        "items.jsonl": "\n".join(json.dumps({"id": f"u{n}"}) for n in range(5)),
        "templates/ask.jinja2": "A word for {{ unit_id }}.",
        "schemas/word.json": json.dumps(
            {
                "type": "object",
                "properties": {"word": {"type": "string"}},
                "required": ["word"],
                "additionalProperties": False,
            }
        ),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    pipeline = pipelines.load(folder)
    run_dir = root / "three"
    create_run(pipeline, Launch(pipeline="Three", emulate=True), run_dir)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert runs.totals(view.state).valid == 5
    calls = {model: found["calls"] for model, found in client.ledger(url).models.items()}
    assert calls == {model: 5 for model, _ in VENDORS.values()}
    overruled = Launch(pipeline="Three", emulate=True, provider="gemini")
    assert {choose(pipeline, step, overruled).provider for step in pipeline.asking} == {"gemini"}


TROUBLES = {
    "the key is refused": {"openai": (401, None), "anthropic": (401, None), "gemini": (401, None)},
    "nothing is left": {
        "openai": (429, "insufficient_quota"),
        "anthropic": (429, "enforced_spend_limit_reached"),
        "gemini": (429, "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    },
    "an outage": {"openai": (503, None), "anthropic": (529, None), "gemini": (503, None)},
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("vendor", VENDORS)
def test_trouble_in_the_middle_pauses_a_run_and_fails_nothing(
    vendor, trouble, run_on, url, monkeypatch
):
    """With the reason, exit 4, and all that came; going on asks only what is missing."""
    monkeypatch.setattr("providers.limit.RETRIES", 0)
    whole = run_on(demo(vendor))
    status, code = TROUBLES[trouble][vendor]
    client.reset(url_root(whole))
    down = {"match": VENDORS[vendor][1], "do": "status", "status": status}
    nth = list(range(8, 400))
    client.script(url, [{**down, "nth": nth, **({"code": code} if code else {})}])
    view = run_on(demo(vendor))
    assert view.state.status is Status.PAUSED
    assert (view.state.paused_reason or "").startswith(f"provider: {vendor}: ")
    assert exit_of(view) == 4
    assert runs.totals(view.state).failed == 0
    assert client.ledger(url).calls == 7
    client.script(url, [])
    view = run_on(demo(vendor), view.paths.dir)
    assert view.state.status is Status.COMPLETE
    assert view.paths.results.read_bytes() == whole.paths.results.read_bytes()
    charged = Counter(client.ledger(url).requests)
    assert max(charged.values()) == 1


def url_root(view: RunView) -> Path:
    return view.paths.dir.parent
