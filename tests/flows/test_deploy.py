"""`octobatch deploy`: a pipeline becomes a deployment, by one command as often as one likes."""

import asyncio
import sys
from pathlib import Path

import pytest
import yaml

import pipelines
from flows import server
from flows.cli import deploy as command
from tests.flows import test_flow

pytestmark = pytest.mark.flow
api = test_flow.api

CONFIG = """
name: Tides
description: How high the water stands.
items_source: items.jsonl
units: {strategy: direct}
api: {provider: openai}
pipeline:
  - {name: say, template: say.jinja2}
"""


@pytest.fixture
def tides(tmp_path):
    """A user's own pipeline, outside of the checkout."""
    folder = tmp_path / "mine" / "Tides"
    (folder / "templates").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "items.jsonl").write_text('{"id": "a"}\n')
    (folder / "templates" / "say.jinja2").write_text("Say {{ id }}.")
    return folder


@pytest.fixture
def pool(tmp_path):
    """A work pool for each test."""
    return tmp_path.name


@pytest.fixture
def deploy(octo, prefect_database, tmp_path, monkeypatch, pool):
    """Run `octobatch deploy …`, whose server is the one of all flow tests."""
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.setenv("PREFECT_API_URL", str(PREFECT_API_URL.value()))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    return lambda *words: octo("deploy", "--pool", pool, *words)


@pytest.fixture
def read(api):
    """Return a deployment as the server knows it."""

    async def reading(name):
        async with api() as client:
            return await client.read_deployment_by_name(name)

    return lambda name: asyncio.run(reading(name))


def test_a_pipeline_of_ones_own_is_deployed(tides, deploy, read, pool, runs_dir):
    """With its pool, which was not there; and what to do next is said."""
    params = ("--param", "lane=batch", "--param", "max-cost=2.50", "--param", "deadline=6h")
    code, out, err = deploy(str(tides), *params, "--cron", "0 2 * * *")
    assert (code, out.split("\n")) == (
        0,
        [f"  prefect worker start --pool {pool}", "  prefect deployment run Tides/default", ""],
    )
    assert f"Made the work pool {pool}.\n" in err
    assert "Created the deployment Tides/default, at 0 2 * * * (UTC).\n" in err
    assert "OPENAI_API_KEY is not set here" in err

    made = read("Tides/default")
    assert made.description == "How high the water stands."
    assert made.entrypoint == "flows.catalog.Tides"
    assert made.pull_steps == []
    assert made.parameters == {"lane": "batch", "max_cost": 2.5, "deadline": "6h"}
    assert made.parameter_openapi_schema["properties"]["lane"]["title"] == "Lane"
    assert made.enforce_parameter_schema
    assert made.work_pool_name == pool
    assert made.job_variables == {
        "stream_output": False,
        "env": {"OCTOBATCH_RUNS_DIR": str(runs_dir), "OCTOBATCH_PIPELINES_DIR": str(tides.parent)},
    }
    assert made.global_concurrency_limit.limit == 1
    assert made.concurrency_options.collision_strategy == "ENQUEUE"
    [schedule] = made.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 2 * * *", "UTC")
    assert schedule.active


def test_what_is_deployed_again_is_updated(tides, deploy, read):
    """It becomes what the last command says, and what it has lost is told."""
    deploy(str(tides), "--cron", "0 2 * * *", "--param", "emulate=true")
    before = read("Tides/default")
    code, _, err = deploy(str(tides), "--param", "max_units=3")
    assert code == 0
    assert "Updated the deployment Tides/default, without a schedule.\n" in err
    assert "It had a schedule that it has no more: 0 2 * * *.\n" in err
    assert "Made the work pool" not in err
    after = read("Tides/default")
    assert after.id == before.id
    assert (after.parameters, after.schedules) == ({"max_units": 3}, [])

    deploy(str(tides), "--param", "max_units=3", "--name", "small")
    assert read("Tides/small").id != after.id


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--param", "max_units=-1"], "max_units cannot be '-1': input should be greater than 0."),
        (["--param", "max_unit=1"], "'max_unit' is no option of a run; did you mean 'max_units'?"),
        (["--param", "provider=opena"], "no provider 'opena'; did you mean 'openai'?"),
        (["--param", "emulate"], "--param 'emulate' says no value: write emulate=VALUE."),
        (["--param", "run=last"], "'run' is said of a run that is there, not of a deployment."),
        (["--param", "items=-"], "A worker has no standard input: items=FILE names a file."),
        (["--cron", "nightly"], "--cron 'nightly' in --timezone 'UTC' is no schedule. Five fields"),
        (["--cron", "0 2 * * *", "--timezone", "Mars"], "in --timezone 'Mars' is no schedule."),
    ],
)
def test_what_makes_no_sense_is_refused(tides, deploy, api, words, sentence):
    """In the words of `octobatch run`, before anything is deployed."""
    code, out, err = deploy(str(tides), "--name", "wrong", *words)
    assert (code, out) == (2, "")
    assert sentence in err

    async def deployed():
        async with api() as client:
            return [one.name for one in await client.read_deployments()]

    assert "wrong" not in asyncio.run(deployed())


def test_a_pipeline_with_mistakes_is_not_deployed(tides, deploy):
    (tides / "templates" / "say.jinja2").unlink()
    code, _, err = deploy(str(tides))
    assert code == 2
    assert "say.jinja2" in err


def test_a_pool_of_another_kind_is_refused(tides, deploy, pool, api):
    from prefect.client.schemas.actions import WorkPoolCreate

    async def make():
        async with api() as client:
            await client.create_work_pool(WorkPoolCreate(name=pool, type="docker"))

    asyncio.run(make())
    code, _, err = deploy(str(tides))
    assert code == 2
    assert f"The work pool '{pool}' is of type 'docker', and runs need one of type 'proc" in err


def test_a_server_of_ours_is_named_for_the_worker(tides, deploy, monkeypatch):
    """Whose shell does not know it."""
    ready = server.ready
    monkeypatch.setattr(server, "ready", lambda chosen: ready(chosen)._replace(ours=True))
    _, out, _ = deploy(str(tides), "--param", "emulate=true")
    assert out.startswith("  export PREFECT_API_URL=http://")


def test_a_prefect_that_is_not_on_the_path_is_named_in_full(tides, deploy, monkeypatch):
    """Whoever says `.venv/bin/octobatch` has no `prefect`, or another one."""
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir("/")
    _, out, _ = deploy(str(tides), "--param", "emulate=true")
    assert f"{Path(sys.executable).with_name('prefect')}"[1:] in out
    assert command._prefect() != "prefect"


DEMOS = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize(
    "demo",
    [one for one in DEMOS if "catalog" in one["entrypoint"]],
    ids=lambda demo: demo["entrypoint"],
)
def test_a_demo_is_deployed_as_its_form_wants_it(demo, prefect_database):
    """A clone does nothing by itself, and pays nothing: schedules wait, the emulator answers."""
    from prefect.utilities.callables import parameter_schema
    from prefect.utilities.schema_tools import validate

    from flows import catalog

    module, _, pipeline = demo["entrypoint"].rpartition(".")
    assert module == catalog.__name__
    assert pipeline in pipelines.available()
    form = parameter_schema(getattr(catalog, pipeline)).model_dump_for_openapi()
    assert validate(demo["parameters"], form) == []
    assert demo["parameters"]["emulate"]
    assert [one["active"] for one in demo["schedules"]] == [False]
    assert demo["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert demo["work_pool"]["job_variables"] == {"stream_output": False}
    assert "octobatch" in demo["tags"]
    assert demo["description"]
