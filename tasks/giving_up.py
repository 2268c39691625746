"""Give up a run that nobody works on: its vendors stop, and what they have done of it is kept."""

from pathlib import Path

from providers.errors import ProviderError
from runs import Run, Status, read
from tasks.batch_lane import BatchLane
from tasks.errors import NotGivenUp
from tasks.keys import Keys
from tasks.opening import opened
from tasks.shipping import Shipping

__all__ = ["give_up"]


async def give_up(run_dir: Path, kept: Keys | None = None) -> None:
    """Cancel a run, its batches as well; of one that is cancelled already, fetch what is left.

    What its vendors do not say at once stays in the manifest: giving it up once more asks again.
    `kept` are keys from elsewhere than the environment.

    Raises:
        RunHeld: another process works on it.
        NotGivenUp: a provider that has batches of it cannot be asked from here.
    """
    if not read(run_dir).state.batches.open:
        run = Run.open(run_dir)
        run.set_status(Status.CANCELLED)
        run.close()
        return
    try:
        async with opened(run_dir, kept=kept) as session:
            session.batch_lane = BatchLane(session, Shipping(session.run, session.desk))
            session.cancel()
            await session.end()
    except ProviderError as error:
        raise NotGivenUp(
            f"{run_dir.name} has batches at a provider that cannot be asked from here: {error}"
        ) from error
