"""A flow and its Prefect server, seen from the command line."""

import asyncio

import pytest

from flows import reporting

NOBODY = "http://127.0.0.1:1/api"


async def test_a_flow_that_ends_is_reported(tmp_path):
    """The server is not even looked at."""

    async def flow():
        return "completed"

    assert await reporting.reported(flow(), tmp_path, NOBODY) == "completed"


async def test_what_a_flow_raises_is_raised(tmp_path):
    """An exception passes through."""

    async def flow():
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        await reporting.reported(flow(), tmp_path, NOBODY)


async def test_a_flow_that_only_waits_for_its_server_is_left(tmp_path):
    """A server that does not answer is given up after a few looks, not after minutes."""
    waiting = asyncio.get_running_loop().create_future()

    async def flow():
        await waiting

    assert await reporting.reported(flow(), tmp_path, NOBODY, look_seconds=0.001) is None
    waiting.set_result(None)
    await asyncio.sleep(0)


async def test_a_flow_at_work_goes_on_without_its_server(tmp_path, monkeypatch):
    """What counts is on disk: as long as the run is held, nothing else matters."""
    looks, enough = [], asyncio.Event()

    def held(_):
        looks.append(1)
        if len(looks) > 3 * reporting.PATIENCE:
            enough.set()
        return object()

    monkeypatch.setattr(reporting.session, "find", held)

    async def flow():
        await enough.wait()
        return "completed"

    said = await reporting.reported(flow(), tmp_path, NOBODY, look_seconds=0.001)
    assert said == "completed"
