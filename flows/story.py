"""What a flow run tells of its run in the Prefect UI: artifacts, tags and a few lines in its log.

All of it is facts from the run's own folder, sent when there is time. A server that has gone holds
nothing up: what could not be told is told with the next.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.logging import get_run_logger

from flows.report import Piece, batch_lines, beginning, ending, report, standing, tags
from runs import is_run, read
from tasks.session import Session

__all__ = ["Story"]

LOOK_SECONDS = 1.0
BUSY_SECONDS = 10.0
"""While a run is worked on, artifacts are brought up to date so often."""
GONE_SECONDS = 60.0
"""And so often while the server does not answer."""
PATIENCE_SECONDS = 5.0
"""For a server, each time."""
MOST_ARTIFACTS = 200


@contextmanager
def _harmless() -> Generator[None]:
    """Let nothing that goes wrong in the telling fail what is told of."""
    try:
        yield
    except Exception:  # as in a hook
        logging.getLogger("flows").exception("The story of a run could not be told")


class Story:
    """What one flow run tells. After a deferral the same artifacts are told on."""

    def __init__(self, flow_run: FlowRun, run_dir: Path) -> None:
        self._flow_run = flow_run
        self._run_dir = run_dir
        self._ids: dict[str, UUID] | None = None
        """Of the artifacts that this flow run has, by key; None: nobody has looked yet."""
        self._told: dict[str, Piece] = {}
        self._log = get_run_logger()

    def say(self, line: str) -> None:
        """Say something in the flow run's log."""
        self._log.info(line)

    @asynccontextmanager
    async def beside(self, session: Session) -> AsyncGenerator[None]:
        """Tell how a run goes on while the block works on it."""
        stopping = asyncio.Event()
        telling = asyncio.create_task(self._go_on_telling(session, stopping))
        try:
            yield
        finally:
            stopping.set()  # an artifact that is under way is not cut off: it might be made twice
            await telling

    async def tell(self) -> None:
        """Tell how the run stands that this process has let go of."""
        with _harmless():
            await self._tell()

    async def _tell(self) -> None:
        if not is_run(self._run_dir):
            return
        view = await asyncio.to_thread(read, self._run_dir)
        closing = await asyncio.to_thread(report, view)
        await self._send([*standing(view.state), closing])
        self.say(ending(view))

    async def _go_on_telling(self, session: Session, stopping: asyncio.Event) -> None:
        with _harmless():
            await self._keep_telling(session, stopping)

    async def _keep_telling(self, session: Session, stopping: asyncio.Event) -> None:
        state = session.run.state
        if self._flow_run.run_count <= 1:
            self.say(beginning(self._run_dir, state))
        await self._tag(tags(state))
        next_time = time.monotonic()
        while True:
            if time.monotonic() >= next_time and not stopping.is_set():
                heard = await self._send(await asyncio.to_thread(standing, session.run.state))
                next_time = time.monotonic() + (BUSY_SECONDS if heard else GONE_SECONDS)
            before, state = state, session.run.state
            for line in batch_lines(before.batches, state.batches):
                self.say(line)
            if stopping.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)

    async def _tag(self, tags: set[str]) -> None:
        if tags - set(self._flow_run.tags):
            known = sorted({*self._flow_run.tags, *tags})
            await self._reach(lambda c: c.update_flow_run(self._flow_run.id, tags=known))

    async def _send(self, pieces: Iterable[Piece]) -> bool:
        """Have the artifacts say what is new; return whether the server has heard."""
        new = [piece for piece in pieces if self._told.get(piece.key) != piece]
        return not new or await self._reach(lambda client: self._write(client, new))

    async def _write(self, client: PrefectClient, pieces: Iterable[Piece]) -> None:
        if self._ids is None:
            self._ids = await self._known(client)
        for piece in pieces:
            if (known := self._ids.get(piece.key)) is None:
                self._ids[piece.key] = await self._create(client, piece)
            else:
                changed = ArtifactUpdate(data=piece.data, description=piece.description)
                await client.update_artifact(known, changed)
            self._told[piece.key] = piece

    async def _known(self, client: PrefectClient) -> dict[str, UUID]:
        """Return the artifacts that this flow run has: it may have waited, or died, since."""
        mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[self._flow_run.id]))
        rows = await client.read_artifacts(artifact_filter=mine, limit=MOST_ARTIFACTS)
        return {row.key: row.id for row in rows if row.key is not None}

    async def _create(self, client: PrefectClient, piece: Piece) -> UUID:
        artifact = ArtifactCreate(**piece._asdict(), flow_run_id=self._flow_run.id)
        return (await client.create_artifact(artifact)).id

    async def _reach(self, ask: Callable[[PrefectClient], Awaitable[object]]) -> bool:
        """Ask the server for something; return whether it heard."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), get_client() as client:
                await ask(client)
        except Exception as error:  # noqa: BLE001 - what is told must never fail what it is told of
            self._ids = None  # it may have heard all the same
            self._log.debug("The server was not reached: %s", type(error).__name__)
            return False
        return True
