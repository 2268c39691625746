"""Nothing of a unit, a prompt, a reply or a key is anywhere in Prefect, however a run ends."""

import asyncio
import itertools
import json
from typing import Any

import pytest

import runs
from providers.emulator import client as client_of_emulator
from runs import Status, read_jsonl
from tasks import desk
from tests.flows import test_deferral, test_flow

pytestmark = pytest.mark.flow
api, catalog = test_flow.api, test_flow.catalog

CANARY = "xylophonic-canary-4409"
FILES = {
    "templates/say.jinja2": f"Say {{{{ secret }}}} and {CANARY}.",
    "schemas/said.json": json.dumps(
        {
            "type": "object",
            "properties": {"said": {"type": "string"}, "mood": {"enum": ["calm", "loud"]}},
            "required": ["said", "mood"],
            "additionalProperties": False,
        }
    ),
    "rehearsal/say.jinja2": (
        '{"said": "{{ secret }}", "mood": "{{ secret if odd else mood }}"}'  # odd: not its schema
    ),
}
CONFIG = {
    "name": "Leaky",
    "description": "Every word of it is a secret.",
    "items_source": "items.jsonl",
    "chunk_size": 10,
    "max_retries": 1,
    "api": {"provider": "openai", "model": "gpt-6-luna"},
    "pipeline": [
        {"name": "keep", "scope": "expression", "expressions": {"kept": "secret + '!'"}},
        {
            "name": "say",
            "template": "say.jinja2",
            "output_schema": "said.json",
            "rules": [{"name": "calm", "expr": "mood == 'calm'", "error": "loud: {said} {kept}"}],
        },
    ],
}


@pytest.fixture
def leaky(tmp_path, monkeypatch, catalog):
    """A pipeline of secrets, as many of them loud as a test wants; its flow."""
    folder = tmp_path / "pipelines" / "Leaky"
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(folder.parent))
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(variable, f"sk-{CANARY}")

    def write(units: int, *, loud: int = 0, odd: int = 0, **bent: str) -> Any:
        rows = (
            {
                "id": f"u{n:04d}",
                "secret": f"{CANARY} {n}",
                "mood": "loud" if n < loud else "calm",
                "odd": units - n <= odd,
            }
            for n in range(units)
        )
        items = "\n".join(map(json.dumps, rows))
        files = {**FILES, "config.yaml": json.dumps(CONFIG), "items.jsonl": items, **bent}
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return catalog.Leaky

    return write


@pytest.fixture
def clean(api, prefect_database, caplog):
    """See that the canary is nowhere, once Prefect has written down how flow runs ended."""

    async def look(*flow_runs: Any, logged: str = "Finished in state") -> None:
        for flow_run in flow_runs:
            await _logged(api, flow_run, logged)
        for answer in [one async for one in _answers(api)]:
            assert CANARY not in answer
        for file in prefect_database.parent.glob(f"{prefect_database.name}*"):
            assert CANARY.encode() not in file.read_bytes()
        theirs = [one for one in caplog.records if one.name.startswith("prefect")]
        assert theirs
        shown = caplog.handler.formatter
        assert shown is not None
        assert not [one for one in theirs if CANARY in shown.format(one)]

    return look


async def _logged(api, flow_run, words):
    """Return once a flow run's log is with the server."""
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run]))
    async with api() as client, asyncio.timeout(30):
        while not any(words in one.message for one in await client.read_logs(mine)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _answers(api):
    """Yield what the server says of everything that it has."""
    kinds = ("flows", "flow_runs", "task_runs", "deployments", "artifacts", "artifacts/latest")
    kinds += ("logs", "events", "variables", "block_documents", "work_pools", "automations")
    async with api() as client:
        for kind in kinds:
            for offset in itertools.count(step=200):
                page = {} if kind == "events" else {"limit": 200, "offset": offset}
                answer = await client.request("POST", f"/{kind}/filter", json=page)
                yield answer.text
                if kind == "events" or len(answer.json()) < 200:
                    break
        for row in (await client.request("POST", "/flow_runs/filter", json={})).json():
            states = await client.request("GET", f"/flow_run_states/?flow_run_id={row['id']}")
            yield states.text


def flow_run_of(state):
    return state.state_details.flow_run_id


async def test_a_run_in_realtime_with_failures(leaky, clean):
    """Failing rules quote the unit, and stay in its folder."""
    flow = leaky(12, loud=3, odd=2)
    state = await flow(emulate=True, return_state=True)
    assert state.message == "7 of 12 valid"
    view = test_flow.run_of(state)
    failures = list(read_jsonl(view.paths.failures))
    assert len(failures) == 5
    assert all(CANARY in str(one["errors"]) + str(one["raw_response"]) for one in failures)
    await clean(flow_run_of(state))


async def test_a_run_in_batches_with_deferrals_and_failures(leaky, clean, api, emulated):
    """Through a deployment; artifacts are told at each deferral."""
    client_of_emulator.batches(emulated.url, seconds=1000)
    deployed = test_deferral.Deployed(leaky(12, loud=3, odd=2), api)
    state = await deployed.start()
    assert state.name == "AwaitingBatch"
    client_of_emulator.batches(emulated.url, seconds=0)
    client_of_emulator.clock(emulated.url, step=2000)
    while not (state := await deployed.wake()).is_final():
        pass
    assert state.message == "7 of 12 valid"
    async with api() as client:
        artifacts = [one for one in await client.read_artifacts() if "leaky" in (one.key or "")]
    assert {one.key for one in artifacts} == {
        *("leaky-report", "leaky-funnel", "leaky-keep", "leaky-say")
    }
    await clean(deployed.flow_run.id)


async def test_a_first_wave_that_fails(leaky, clean):
    """The pause says which rules failed; what they said of which unit is for the terminal."""
    state = await leaky(60, loud=60)(emulate=True, return_state=True)
    assert "x calm; go on with: octobatch resume" in state.message
    assert CANARY in str(test_flow.run_of(state).state.paused_reason)
    await clean(flow_run_of(state))


async def test_a_canary_that_fails(leaky, clean):
    """Of a large run three units go ahead."""
    state = await leaky(1001, loud=1001)(emulate=True, lane="batch", return_state=True)
    assert "units that went ahead passes say: 3 x calm; go on with" in state.message
    assert CANARY in str(test_flow.run_of(state).state.paused_reason)
    await clean(flow_run_of(state))


async def test_a_provider_that_quotes_what_it_was_sent(leaky, clean, emulated):
    """A refused key pauses the run; a refused request fails its unit."""
    body = {"error": {"message": f"no such key: sk-{CANARY}", "type": "x", "code": "x"}}
    emulated.plays({**test_flow.CHAT, "do": "status", "status": 401, "body": body})
    refused = await leaky(2)(emulate=True, return_state=True)
    assert refused.name == "Paused"
    emulated.plays({**test_flow.CHAT, "do": "status", "status": 400, "body": body})
    rejected = await leaky(2)(emulate=True, return_state=True)
    assert rejected.message == "0 of 2 valid"
    await clean(flow_run_of(refused), flow_run_of(rejected))


async def test_a_file_of_a_batch_that_is_quoted_back(leaky, clean, emulated):
    body = {"error": {"message": f"line 1: {CANARY}", "type": "x", "code": "x"}}
    rule = {"match": "POST /openai/v1/files", "do": "status", "status": 400, "body": body}
    emulated.plays(rule)
    state = await leaky(2)(emulate=True, lane="batch", return_state=True)
    assert (state.name, CANARY in str(test_flow.run_of(state).state.paused_reason)) == (
        "Paused",
        True,
    )
    await clean(flow_run_of(state))


@pytest.mark.parametrize("lane", ["realtime", "batch"])
async def test_a_fault_of_ours_that_quotes_a_unit(leaky, clean, monkeypatch, lane):
    """In a task: its text is in no state and no traceback, and yet in the manifest."""

    def broken(*_: Any, **__: Any):
        raise ValueError(f"cannot make anything of {CANARY} 7")

    with monkeypatch.context() as patch:
        patch.setattr(desk.Desk, "take", broken)
        state = await leaky(2)(emulate=True, lane=lane, return_state=True)
    assert state.is_failed()
    assert "ValueError" in state.message
    view = test_flow.run_of(state)
    assert view.state.status is Status.FAILED
    assert view.state.error == f"ValueError: cannot make anything of {CANARY} 7"
    await clean(flow_run_of(state))

    from flows import flow_runs, tidy

    await flow_runs.tell(str(flow_run_of(state)), view)
    told: Any = await tidy.tidy(return_state=True)  # pyright: ignore[reportGeneralTypeIssues] - its body is a coroutine
    await clean(flow_run_of(told))


async def test_items_that_cannot_be_read(leaky, clean):
    """The flow run fails before there is a run: it says where, not what."""
    bad = {"items.jsonl": json.dumps({"id": "u1"}) + f"\n{{{CANARY}"}
    state = await leaky(1, **bad)(emulate=True, return_state=True)
    assert state.is_failed()
    assert "items.jsonl:2" in state.message
    await clean(flow_run_of(state))
    assert runs.list_runs() is not None
