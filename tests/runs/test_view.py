"""Whether a run goes on by itself, told from the outside."""

from datetime import UTC, datetime, timedelta

import pytest

from runs import Liveness, Run, Status, Waiting, read
from runs.view import liveness

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def _waiting(minutes: float) -> Waiting:
    return Waiting(NOW + timedelta(minutes=minutes), "AwaitingBatch")


@pytest.mark.parametrize(
    ("status", "waiting", "alive", "silent", "expected"),
    [
        (Status.PENDING, None, None, None, "pending"),
        (Status.PENDING, None, True, 0, "active"),
        (Status.PENDING, None, False, 0, "pending"),
        (Status.RUNNING, None, True, 0, "active"),
        (Status.RUNNING, None, True, 29, "active"),
        (Status.RUNNING, None, True, 30, "stuck"),
        (Status.RUNNING, None, None, 29, "active"),  # on another host: its touches must do
        (Status.RUNNING, None, None, 30, "detached"),
        (Status.RUNNING, None, False, 0, "detached"),  # killed a moment ago
        (Status.RUNNING, None, None, None, "detached"),
        (Status.RUNNING, _waiting(5), None, None, "deferred"),
        (Status.RUNNING, _waiting(-1.9), None, None, "deferred"),
        (Status.RUNNING, _waiting(-2), None, None, "detached"),
        (Status.RUNNING, _waiting(5), True, 0, "active"),  # being woken, or watched
        (Status.RUNNING, _waiting(5), False, 0, "deferred"),
        (Status.PAUSED, None, None, None, "paused"),
        (Status.PAUSED, None, True, 0, "paused"),  # about to leave
        (Status.COMPLETE, None, None, None, "complete"),
        (Status.FAILED, None, None, None, "failed"),
        (Status.CANCELLED, None, None, None, "cancelled"),
    ],
)
def test_liveness(status, waiting, alive, silent, expected):
    """The whole table."""
    silent_for = None if silent is None else timedelta(seconds=silent)
    found = liveness(status, waiting, holder_alive=alive, silent_for=silent_for, now=NOW)
    assert found is Liveness(expected)


def test_a_silent_holder_is_stuck_and_one_that_left_is_not(make_run):
    """Told from the lock's last touch and the clock of whoever looks."""
    run = Run.open(make_run())
    run.set_status(Status.RUNNING)
    assert read(run.paths.dir).liveness is Liveness.ACTIVE

    def later():
        return datetime.now(UTC) + timedelta(seconds=45)

    assert read(run.paths.dir, clock=later).liveness is Liveness.STUCK
    run.close()
    assert read(run.paths.dir).liveness is Liveness.DETACHED


def test_reading_writes_nothing(make_run):
    """Not a byte, not a lock."""
    folder = make_run()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    read(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("kind", [Status, Liveness])
def test_every_state_has_its_colourless_word(kind):
    """They stand on disk and in messages: lower case, one word."""
    assert all(member.value.isalpha() and member.value.islower() for member in kind)


def test_every_status_is_a_liveness_or_running():
    """A table of runs has one column for both."""
    assert {status.value for status in Status} - {one.value for one in Liveness} == {"running"}
