"""The door `watch`: see a run go on that another process works on, or nobody for the moment."""

import asyncio
import contextlib
from pathlib import Path

import runs
from flows import pipes, progress, summary, together
from runs import Follower, Liveness, RunState, RunView

__all__ = ["watch"]

LOOK_SECONDS = 1.0
ENDS = frozenset(
    {Liveness.PAUSED, Liveness.COMPLETE, Liveness.FAILED, Liveness.CANCELLED, Liveness.PENDING}
)
"""Where nothing goes on by itself."""


def watch(run: str, *, as_json: bool) -> int:
    """Show how a run goes on until it stands still; return the exit code that says how."""
    run_dir = runs.resolve(run)
    together.agreed(runs.read(run_dir))
    try:
        asyncio.run(_until_it_stands(run_dir))
    except KeyboardInterrupt:
        pipes.say(f"{run_dir.name} goes on. Watch it again with: octobatch watch {run_dir.name}")
        return 0
    view = runs.read(run_dir)
    summary.say(view, as_json=as_json)
    return summary.exit_of(view)


async def _until_it_stands(run_dir: Path) -> None:
    seen = _Seen(run_dir)
    if seen.view.liveness in ENDS:
        return
    showing = asyncio.create_task(progress.show(lambda: seen.state))
    try:
        while (await asyncio.to_thread(seen.look)).liveness not in ENDS:  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing


class _Seen:
    """A run as it was seen last."""

    def __init__(self, run_dir: Path) -> None:
        self._follower = Follower(run_dir)
        self.view = self._follower.look()

    @property
    def state(self) -> RunState:
        return self.view.state

    def look(self) -> RunView:
        """See how it stands now."""
        self.view = self._follower.look()
        return self.view
