"""A pipeline as a deployment at a Prefect server: made, or brought up to what is asked for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema
from prefect.workers.process import ProcessWorker

from flows.compile import flow_of
from flows.errors import BadRequest

__all__ = ["Deployed", "Wanted", "deploy"]

TAGS = ("octobatch",)


class Wanted(NamedTuple):
    """What a deployment is to be."""

    pipeline: str
    description: str | None
    name: str
    pool: str
    parameters: Mapping[str, Any]
    cron: str | None
    timezone: str
    environment: Mapping[str, str]
    """Of its flow runs, beside that of their worker."""


class Deployed(NamedTuple):
    """What was done."""

    created: bool
    """It was not there before."""
    pool_created: bool
    dropped: tuple[str, ...]
    """Schedules that it had, and has no more."""


async def deploy(wanted: Wanted) -> Deployed:
    """Make a deployment, or make it anew where one of its name is there; and its work pool.

    Raises:
        BadRequest: the schedule is none, or the pool is not for processes.
    """
    schedule = _schedule(wanted)
    async with get_client() as client:
        pool_created = await _pool(client, wanted.pool)
        before = await _before(client, wanted)
        flow = flow_of(wanted.pipeline, wanted.description)
        await client.create_deployment(
            await client.create_flow(flow),
            wanted.name,
            description=wanted.description,
            entrypoint=f"flows.catalog.{wanted.pipeline}",
            # Nothing is fetched: workers have this program installed.
            pull_steps=[],
            parameters=dict(wanted.parameters),
            parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
            enforce_parameter_schema=True,
            schedules=[DeploymentScheduleCreate(schedule=schedule)] if schedule else [],
            tags=list(TAGS),
            work_pool_name=wanted.pool,
            # A worker that dies takes no run with it: without its console a run misses nobody.
            job_variables={"stream_output": False, "env": dict(wanted.environment)},
            concurrency_limit=1,
            concurrency_options=ConcurrencyOptions(
                collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
            ),
        )
    crons = () if before is None else tuple(_crons(before))
    return Deployed(before is None, pool_created, tuple(one for one in crons if one != wanted.cron))


def _schedule(wanted: Wanted) -> CronSchedule | None:
    if wanted.cron is None:
        return None
    try:
        return CronSchedule(cron=wanted.cron, timezone=wanted.timezone)
    except ValueError as error:
        raise BadRequest(
            f"--cron {wanted.cron!r} in --timezone {wanted.timezone!r} is no schedule. Five fields "
            "say minute, hour, day, month and day of the week, as in '0 2 * * *'; a time zone is "
            "called, for example, Europe/Berlin."
        ) from error


async def _pool(client: PrefectClient, name: str) -> bool:
    """See that the work pool is there; say whether it was made."""
    try:
        pool = await client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        made = WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template)
        await client.create_work_pool(made)
        return True
    if pool.type != ProcessWorker.type:
        raise BadRequest(
            f"The work pool {name!r} is of type {pool.type!r}, and runs need one of type "
            f"{ProcessWorker.type!r}: name another with --pool."
        )
    return False


async def _before(client: PrefectClient, wanted: Wanted) -> DeploymentResponse | None:
    try:
        return await client.read_deployment_by_name(f"{wanted.pipeline}/{wanted.name}")
    except ObjectNotFound:
        return None


def _crons(deployment: DeploymentResponse) -> list[str]:
    return [
        one.schedule.cron if isinstance(one.schedule, CronSchedule) else "one made elsewhere"
        for one in deployment.schedules
    ]
