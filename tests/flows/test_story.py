"""What a flow run tells in the Prefect UI: artifacts, tags, log lines."""

import asyncio
import json
import time
from typing import Any, Self

import pytest

import runs
from flows import story
from providers.emulator import client as client_of_emulator
from runs import RunView, step_counts, totals
from tests.flows import test_deferral, test_flow

pytestmark = pytest.mark.flow
api, catalog, deployed = test_flow.api, test_flow.catalog, test_deferral.deployed

KEYS = ["npc-dialog-funnel", "npc-dialog-generate", "npc-dialog-report", "npc-dialog-score"]


async def artifacts_of(api, flow_run) -> dict[str, Any]:
    """Return the artifacts of a flow run by key; none is there twice."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run]))
    async with api() as client:
        rows = await client.read_artifacts(artifact_filter=mine)
    assert len({row.key for row in rows}) == len(rows)
    return {row.key: row for row in rows}


async def log_of(api, flow_run, *, until: str) -> list[str]:
    """Return the lines of a flow run's log, as soon as one of them begins so."""
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run]))
    async with api() as client, asyncio.timeout(30):
        while True:
            lines = [row.message for row in await client.read_logs(mine)]
            if any(line.startswith(until) for line in lines):
                return lines
            await asyncio.sleep(0.05)


def agrees(artifacts: dict[str, Any], view: RunView) -> None:
    """Hold what was told against the manifest."""
    counts, numbers = step_counts(view.state), totals(view.state)
    funnel = json.loads(artifacts["npc-dialog-funnel"].data)
    told = [(row["step"], row["in"], row["valid"], row["failed"]) for row in funnel]
    assert told == [
        (step, one.units, one.units_passed - one.units_skipped, one.lost)
        for step, one in counts.items()
    ]
    manifest = json.loads(view.paths.manifest.read_bytes())
    assert {step: row["attempts"] for step, row in manifest["steps"].items()} == {
        row["step"]: row["asked again"] + (row["in"] if row["valid"] or row["asked again"] else 0)
        for row in funnel
    }
    report = artifacts["npc-dialog-report"]
    assert report.description == (
        f"{numbers.valid} of {numbers.units} valid, {numbers.failed} failed"
    )
    assert manifest["totals"]["valid"] == numbers.valid


async def test_a_local_run_tells_its_story(catalog, api):
    """All steps at their end, numbers as in the manifest, and the report says what is where."""
    state = await catalog.NpcDialog(emulate=True, return_state=True)
    flow_run, view = state.state_details.flow_run_id, test_flow.run_of(state)
    artifacts = await artifacts_of(api, flow_run)
    assert sorted(artifacts) == KEYS
    agrees(artifacts, view)
    assert [artifacts[key].data for key in (KEYS[1], KEYS[3])] == [100, 100]
    assert [artifacts[key].type for key in KEYS] == ["table", "progress", "markdown", "progress"]
    assert f"\nIn `{view.paths.dir}`:\n" in artifacts["npc-dialog-report"].data
    assert "| `score` | validation | `in_character` |" in artifacts["npc-dialog-report"].data

    tags = (await test_flow.flow_run_of(api, state)).tags
    assert set(tags) == {"octobatch", "NpcDialog", "realtime", "openai", "emulated"}

    lines = await log_of(api, flow_run, until="Finished in state")
    ours = [line for line in lines if line.startswith(("60 units", "Complete"))]
    began = (
        "60 units; in realtime, asking openai/gpt-6-luna (emulated). "
        f"Run directory: {view.paths.dir}"
    )
    assert ours[0] == began
    assert ours[1].startswith("Complete: 57 of 60 units valid, 3 failed; $0.00")
    assert len(lines) == 4, lines  # ours, and two of Prefect: not a line for each task run


async def test_a_deferred_run_tells_one_story(deployed, emulated, api):
    """The same artifacts are told on; the log says what became of batches, and until when."""
    client_of_emulator.batches(emulated.url, seconds=1000)
    await deployed.start(max_units=6)
    first = await artifacts_of(api, deployed.flow_run.id)
    assert sorted(first) == KEYS
    assert first["npc-dialog-generate"].description == ("6 units: 0 valid, 0 failed, 6 in batches")
    assert "It goes on by itself at **" in first["npc-dialog-report"].data
    agrees(first, deployed.view)

    client_of_emulator.batches(emulated.url, seconds=0)
    client_of_emulator.clock(emulated.url, step=2000)
    while not (await deployed.wake()).is_final():
        pass
    last = await artifacts_of(api, deployed.flow_run.id)
    assert {key: one.id for key, one in last.items()} == {key: one.id for key, one in first.items()}
    agrees(last, deployed.view)
    assert {"octobatch", "batch", "NpcDialog", "openai"} <= set(deployed.flow_run.tags)

    lines = await log_of(api, deployed.flow_run.id, until="Finished in state Completed")
    begins = [n for n, line in enumerate(lines) if line.startswith("6 units; in batches, asking")]
    assert len(begins) == 1
    story_of_it = "\n".join(lines)
    assert "\n1 batch of generate handed in at openai: 6 units (" in story_of_it
    assert "\n1 batch of generate fetched from openai: 6 units, 6 answered (" in story_of_it
    assert "\nWaits until " in story_of_it
    assert "\nComplete: " in story_of_it
    assert "AwaitingBatch" not in story_of_it


async def test_a_run_that_is_gone_on_with_has_its_own_artifacts(catalog, api):
    """Each flow run has a page; the keys are the same, so that Prefect lines them up."""
    state = await catalog.NpcDialog(emulate=True, max_units=2, return_state=True)
    view = test_flow.run_of(state)
    again = await catalog.NpcDialog(run=view.name, return_state=True)
    first = await artifacts_of(api, state.state_details.flow_run_id)
    second = await artifacts_of(api, again.state_details.flow_run_id)
    assert sorted(first) == sorted(second) == KEYS
    assert not {one.id for one in first.values()} & {one.id for one in second.values()}


async def test_a_paused_run_says_how_to_go_on(catalog, emulated, api):
    emulated.plays({**test_flow.CHAT, "do": "status", "status": 401})
    state = await catalog.NpcDialog(emulate=True, max_units=4, return_state=True)
    view = test_flow.run_of(state)
    report = (await artifacts_of(api, state.state_details.flow_run_id))["npc-dialog-report"]
    assert "is paused\n" in report.data
    assert f"\n    octobatch run {view.name}" in report.data
    lines = await log_of(api, state.state_details.flow_run_id, until="Paused: 0 of 4 units valid")
    assert lines


async def test_a_run_that_fails_is_told_to_its_end(catalog, api, monkeypatch):
    from tasks import session

    async def broken(*_: Any):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(session.Session, "advance", broken)
    state = await catalog.NpcDialog(emulate=True, max_units=2, return_state=True)
    assert state.is_failed()
    report = (await artifacts_of(api, state.state_details.flow_run_id))["npc-dialog-report"]
    assert "is failed\n" in report.data


async def test_while_it_is_worked_on_artifacts_follow(catalog, api, emulated, monkeypatch):
    """At once, then every so often; only what has changed is sent."""
    monkeypatch.setattr(story, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(story, "LOOK_SECONDS", 0.01)
    sent: list[list[str]] = []
    write = story.Story._write

    async def seen(self, client, pieces):
        pieces = list(pieces)
        sent.append([piece.key for piece in pieces])
        await write(self, client, pieces)

    monkeypatch.setattr(story.Story, "_write", seen)
    client_of_emulator.latency(emulated.url, 0.3)
    try:
        state = await catalog.NpcDialog(emulate=True, max_units=6, return_state=True)
    finally:
        client_of_emulator.latency(emulated.url, 0)
    assert sorted(sent[0]) == ["npc-dialog-funnel", "npc-dialog-generate", "npc-dialog-score"]
    assert len(sent) > 2
    assert all(sent)
    artifacts = await artifacts_of(api, state.state_details.flow_run_id)
    agrees(artifacts, test_flow.run_of(state))


@pytest.mark.parametrize("trouble", ["refuses", "is silent"])
async def test_a_server_that_has_gone_holds_nothing_up(catalog, monkeypatch, trouble):
    """The run ends as ever; nobody waits longer than patience says, nor asks too often."""
    asked: list[float] = []

    class Gone:
        async def __aenter__(self) -> Self:
            asked.append(time.monotonic())
            if trouble == "refuses":
                raise OSError("nobody there")
            await asyncio.Event().wait()
            return self

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(story, "get_client", Gone)
    monkeypatch.setattr(story, "PATIENCE_SECONDS", 0.05)
    state = await catalog.NpcDialog(emulate=True, max_units=4, return_state=True)
    assert state.is_completed()
    assert len(asked) == 3  # the tags, what stands at the beginning, and at the end


async def test_what_goes_wrong_in_the_telling_fails_no_run(catalog, monkeypatch, caplog):
    def broken(*_: Any):
        raise ZeroDivisionError("a fault in the telling")

    monkeypatch.setattr(story, "standing", broken)
    state = await catalog.NpcDialog(emulate=True, max_units=2, return_state=True)
    assert state.is_completed()
    assert runs.read(test_flow.run_of(state).paths.dir).state.error is None
    assert "The story of a run could not be told" in caplog.text
