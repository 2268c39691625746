"""Why units fail adds up to how many have."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from runs import Run, totals
from tui.reasons import Reasons

Make = Callable[..., Path]
Take = Callable[..., None]


def test_units_that_begin_again_have_not_failed(make_run: Make, take: Take) -> None:
    """However long one looks; those that fail again count once."""
    with closing(Run.open(make_run(units=3))) as run:
        long = Reasons(run.paths)

        def told() -> list[tuple[str, int]]:
            found, fresh = long.look(run.state), Reasons(run.paths).look(run.state)
            assert found == fresh
            assert sum(reason.units for reason in found) == totals(run.state).failed
            return [(reason.step, reason.units) for reason in found]

        take(run, "chunk_000", "write", failing=2)
        take(run, "chunk_000", "judge")
        assert told() == [("write", 2)]
        assert run.retry_failures() == 2
        assert told() == []
        take(run, "chunk_000_retry_000", "write", failing=1)
        assert told() == [("write", 1)]
