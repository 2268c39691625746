"""Keys that are kept in Prefect Secret blocks reach the provider, and nobody else."""

import os

import pytest

import runs
from flows.reconcile import Action
from providers.emulator import client as client_of_emulator
from runs import Status
from tests.flows import test_deferral, test_flow

pytestmark = pytest.mark.flow
api, catalog = test_flow.api, test_flow.catalog

CANARY = "emulated-canary-of-a-secret-block"
"""The emulator takes no key that could be a real one."""
CONFIG = """
name: Keyed
items_source: items.jsonl
units: {strategy: direct}
api: {provider: openai, model: gpt-6-luna, base_url: URL}
pipeline:
  - {name: say, template: say.jinja2}
"""


@pytest.fixture
def keyed(tmp_path, monkeypatch, emulated):
    """A pipeline whose provider is a server of one's own, here: the emulator."""
    folder = tmp_path / "pipelines" / "Keyed"
    (folder / "templates").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG.replace("URL", f"{emulated.url}/openai/v1"))
    (folder / "items.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    (folder / "templates" / "say.jinja2").write_text("Say {{ id }}.")
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(folder.parent))
    return folder


@pytest.fixture
def far(keyed):
    """The same pipeline, but for the provider's own address."""
    (keyed / "config.yaml").write_text(CONFIG.replace(", base_url: URL", ""))


@pytest.fixture
def deployed(keyed, catalog, api):
    return test_deferral.Deployed(catalog.flow("Keyed"), api)


async def keep(value):
    from prefect.blocks.system import Secret
    from pydantic import SecretStr

    await Secret(value=SecretStr(value)).asave("openai-api-key", overwrite=True)


@pytest.fixture
async def secret(prefect_database):
    """A Secret block that holds a key."""
    from prefect.blocks.system import Secret

    await keep(CANARY)
    yield CANARY
    await Secret.adelete("openai-api-key")


def holding(folder, text):
    return [
        path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()
    ]


async def test_a_key_of_a_secret_block_reaches_the_provider_alone(
    deployed, secret, emulated, prefect_database
):
    """It is in no file of the run, nowhere at the Prefect server in clear, in no environment."""
    state = await deployed.start(emulate=False, lane="realtime")
    assert state.is_completed(), state.message
    assert list(client_of_emulator.ledger(emulated.url).keys) == [secret]
    assert holding(deployed.view.paths.dir, secret) == []
    assert holding(prefect_database.parent, secret) == []
    assert secret not in str(os.environ)


async def test_the_environment_comes_first(deployed, secret, emulated, monkeypatch):
    """Who sets a key where the worker runs means that one."""
    monkeypatch.setenv("OPENAI_API_KEY", "emulated-environment")
    assert (await deployed.start(emulate=False, lane="realtime")).is_completed()
    assert list(client_of_emulator.ledger(emulated.url).keys) == ["emulated-environment"]


async def test_a_flow_run_that_wakes_finds_its_key_again(deployed, secret, emulated):
    client_of_emulator.batches(emulated.url, seconds=1000)
    state = await deployed.start(emulate=False)
    assert state.name == "AwaitingBatch"
    client_of_emulator.batches(emulated.url, seconds=0)
    client_of_emulator.clock(emulated.url, step=2000)
    for _ in range(10):
        if (state := await deployed.wake()).is_final():
            break
    assert state.is_completed()
    assert list(client_of_emulator.ledger(emulated.url).keys) == [secret]


async def test_a_run_is_given_up_with_its_key(deployed, secret, emulated, api):
    """Whoever tidies has no key in the environment either, and the batches have to end."""
    from prefect.states import Cancelled

    from flows.tidy import tidied

    client_of_emulator.batches(emulated.url, seconds=1000)
    await deployed.start(emulate=False)
    async with api() as client:
        await client.set_flow_run_state(deployed.flow_run.id, Cancelled(), force=True)
    folder = deployed.view.paths.dir
    assert [one.action async for one in tidied([folder])] == [Action.GIVE_UP]
    assert runs.read(folder).state.status is Status.CANCELLED


async def test_a_key_that_is_nowhere_is_missed_with_both_remedies(far, deployed):
    """Before a run is made of it."""
    before = runs.list_runs()
    state = await deployed.start(emulate=False)
    assert state.is_failed()
    assert state.message == (
        "no key for 'openai': set OPENAI_API_KEY where the worker runs (its environment, or the "
        ".env beside the code), or keep the key in a Prefect Secret block called 'openai-api-key'"
    )
    assert runs.list_runs() == before


async def test_a_secret_that_can_be_no_key_is_said(far, deployed, secret):
    """And not shown."""
    await keep(f"{secret} {secret}")
    state = await deployed.start(emulate=False)
    assert state.is_failed()
    assert "the Secret block 'openai-api-key' holds spaces" in state.message
    assert secret not in state.message
