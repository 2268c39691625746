"""The real command line, killed at each vendor: one process after the other, none of them warm."""

import asyncio
import signal

import pytest

import pipelines
import runs
from pipelines import Launch
from providers.emulator import client
from tasks.create import create_run
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.mill import STEPS, VENDORS, derived, through, write_mill

pytestmark = [pytest.mark.cold, SDK_WARNINGS]

KILLED = """
import os, signal, sys
from flows.cli import enter
from providers import points
where = sys.argv.pop(1)
points.on(lambda point: point == where and os.kill(os.getpid(), signal.SIGKILL))
enter()
"""
"""`octobatch`, killed where its first argument says."""
STEPS_OF_VENDORS = [{**STEPS[0], "name": vendor, "provider": vendor} for vendor in VENDORS]
REHEARSALS = {
    f"rehearsal/{vendor}.jinja2": '{"word": "' + vendor + '-{{ unit_id }}"}' for vendor in VENDORS
}
KILLED_AT = {"openai": "submit.after_accept", "anthropic": "settle.mid", "gemini": "download.mid"}


def test_killed_at_each_vendor_a_run_ends_as_if_undisturbed(shell, tmp_path, monkeypatch):
    """`octobatch run last` goes on each time: the same bytes, the same bill, no batch twice."""
    write_mill(tmp_path / "Mill", 6, 2, pipeline=STEPS_OF_VENDORS, bent=REHEARSALS)
    url = client.start(shell.root)
    client.reset(shell.root)
    made = ("run", str(tmp_path / "Mill"), "--batch", "--emulate", "--yes", "--name", "cold")
    for point in KILLED_AT.values():
        ended = shell.run("-c", KILLED, point, *made)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        made = ("run", "last")
    assert shell.octobatch(*made).returncode == 0
    view = runs.read(shell.root / "cold")
    ledger = client.ledger(url)
    for vendor in VENDORS:
        batches = [batch for batch in view.state.batches.values() if batch.step == vendor]
        assert sorted(str(batch.batch_id) for batch in batches) == sorted(ledger.batches[vendor])
        assert sum(batch.requests for batch in batches) == 6
    assert (ledger.calls, ledger.repeated) == (18, 0)
    monkeypatch.setenv("OCTOBATCH_RUNS_DIR", str(shell.root))
    create_run(
        pipelines.load(tmp_path / "Mill"),
        Launch(pipeline="Mill", emulate=True, lane="batch"),
        shell.root / "warm",
    )
    asyncio.run(through(shell.root / "warm"))
    assert derived(view.paths.dir) == derived(shell.root / "warm")
