"""Scripts over a whole run: how they are called, what they may know, how they end."""

import asyncio
import os
import re
from contextlib import suppress

import psutil
import pytest

from pipelines import Launch
from tasks import scripts
from tasks.scripts import run_scripts

STEP = "  - {name: publish, scope: run, script: publish.py%s}\n"


@pytest.fixture
def run(make_run):
    """A run with one result."""
    return make_run([{"unit_id": "a"}])


@pytest.fixture
def publish(run, make_pipeline):
    """Call the script of a step of scope `run`; what was told, and what is in RUN_LOG."""

    async def publish(source: str, *, more: str = "", allow_scripts: bool = True):
        pipeline = make_pipeline(STEP % more, {"publish.py": source})
        told = await run_scripts(run, pipeline, Launch(allow_scripts=allow_scripts))
        return told, run.paths.run_log.read_text()

    return publish


async def test_a_script_knows_where_it_is_called_for(run, publish):
    """It is called as the original calls it, in the run's directory."""
    source = "import os, sys\nprint(*sys.argv[1:])\nprint(os.getcwd(), repr(sys.stdin.read()))\n"
    [told], log = await publish(source)
    assert not told.failed
    here = run.paths.dir
    assert f"--run-dir {here} --step-name publish --config {here / 'config.yaml'}" in log
    assert f"{here} ''" in log
    assert "script_done name=publish script=publish.py" in log


async def test_a_script_does_not_run_unless_that_is_allowed(publish, tmp_path):
    """One line says so."""
    told, log = await publish(f"open({str(tmp_path / 'x')!r}, 'w')", allow_scripts=False)
    assert told == [("publish", "skipped: needs --allow-scripts", False)]
    assert "script_skipped name=publish" in log
    assert not (tmp_path / "x").exists()


async def test_a_script_does_not_see_our_keys(publish, monkeypatch):
    """What else is in the environment it may need."""
    for key in ("OPENAI_API_KEY", "GEMINI_API_KEY", "PREFECT_API_KEY"):
        monkeypatch.setenv(key, "sk-secret")
    monkeypatch.setenv("GDRIVE_CREDENTIALS", "here.json")
    _, log = await publish("import os\nprint(os.environ)\n")
    assert "sk-secret" not in log
    assert "here.json" in log


async def test_a_script_that_fails_is_told_of(publish):
    """With the last thing it said, and the exit code."""
    [told], log = await publish("print('all', 'well')\nraise ValueError('not so')\n")
    assert told == ("publish", "publish.py ended with exit code 1: ValueError: not so", True)
    assert 'line="all well"' in log
    assert "script_failed name=publish" in log


async def test_a_script_that_takes_too_long_is_killed_with_its_children(publish):
    """No child keeps working behind our back, nor keeps us waiting."""
    source = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    [told], log = await publish(source, more=", timeout_seconds: 1.5")
    assert told == ("publish", "publish.py was stopped after 1.5 s", True)
    assert _gone(int(re.findall(r"line=(\d+)", log)[0]))


async def test_who_stops_waiting_stops_the_script(run, make_pipeline, tmp_path):
    """A cancelled run leaves nobody behind."""
    os.mkfifo(tmp_path / "pid")
    source = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    pipeline = make_pipeline(STEP % "", {"publish.py": source})
    calling = asyncio.create_task(run_scripts(run, pipeline, Launch(allow_scripts=True)))
    pid = int(await asyncio.to_thread((tmp_path / "pid").read_text))
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert _gone(pid)


async def test_much_talk_is_cut_to_its_end(publish, monkeypatch):
    """A chatty script fills neither the memory nor RUN_LOG."""
    monkeypatch.setattr(scripts, "KEPT_BYTES", 1000)
    _, log = await publish("for n in range(100_000):\n    print('line', n)\n")
    assert "line 99999" in log
    assert len(log) < 20_000


async def test_a_script_that_is_gone_is_told_of(run, make_pipeline):
    """It was there when the pipeline was checked."""
    pipeline = make_pipeline(STEP % "", {"publish.py": ""})
    (pipeline.folder / "publish.py").unlink()
    [told] = await run_scripts(run, pipeline, Launch(allow_scripts=True))
    assert told == ("publish", "there is no 'publish.py' in the pipeline", True)


def test_scripts_are_frozen_with_a_run(make_pipeline):
    """Those that are named, and all that stands in scripts/ for them to import."""
    pipeline = make_pipeline(
        STEP % "" + "post_process: [{name: Say, type: script, script: scripts/say.py}]\n",
        {
            "publish.py": "",
            "scripts/say.py": "import helper",
            "scripts/helper.py": "",
            "scripts/__pycache__/helper.pyc": "",
        },
    )
    frozen = {path.as_posix() for path in pipeline.files()}
    assert {"publish.py", "scripts/say.py", "scripts/helper.py"} <= frozen
    assert "scripts/__pycache__/helper.pyc" not in frozen
    assert len(frozen) == len(pipeline.files())


def test_how_long_a_model_may_take_is_no_limit_for_a_script(make_pipeline):
    """`api.timeout_seconds` is about answers."""
    more = f"{STEP % ''}api: {{timeout_seconds: 5}}\n"
    assert make_pipeline(more, {"publish.py": ""}).step("publish").timeout_seconds is None


def _gone(pid: int) -> bool:
    """Say whether a process is dead; a container's first process may leave zombies."""
    with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        psutil.Process(pid).wait(2)
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
