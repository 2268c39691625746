"""A pipeline's own scripts: run only where `--allow-scripts` was said, and without our keys."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple

from pipelines import Launch, Pipeline, Scope, Step
from pipelines.folder import CONFIG, inside
from providers import registry
from runs import Run, Told
from runs.files import write_whole

__all__ = ["LIMIT_SECONDS", "SKIPPED", "Script", "call", "run_scripts"]

LIMIT_SECONDS = 3600.0
"""How long a script may take whose step does not say."""
SKIPPED = "skipped: needs --allow-scripts"
KEPT_BYTES = 64 * 1024
"""Of what a script says, the last so many go to RUN_LOG."""
BLOCK_BYTES = 1 << 18
OTHER_KEYS = frozenset({"GEMINI_API_KEY", "PREFECT_API_KEY"})


class Script(NamedTuple):
    """A script, and how to call it."""

    name: str
    """Of the step or entry that calls it."""
    path: str
    """Within the pipeline's folder."""
    arguments: Sequence[str]
    limit_seconds: float = LIMIT_SECONDS
    output: Path | None = None
    """Where its standard output goes; None: to RUN_LOG, as its standard error does."""


async def run_scripts(run: Run, pipeline: Pipeline, launch: Launch) -> list[Told]:
    """Call the script of each step of scope `run`; to be awaited when all chunks are at their end.

    A script that fails is told of, and the next is called all the same.
    """
    steps = [step for step in pipeline.steps if step.scope is Scope.RUN]
    return [await call(_script(run, step), run, pipeline, launch) for step in steps]


def _script(run: Run, step: Step) -> Script:
    assert step.script is not None, "loading sees to it that a step of scope `run` has a script"
    run_dir = run.paths.dir
    arguments = ("--run-dir", str(run_dir), "--step-name", step.name)
    return Script(
        name=step.name,
        path=step.script,
        arguments=(*arguments, "--config", str(run_dir / CONFIG)),
        limit_seconds=step.timeout_seconds or LIMIT_SECONDS,
    )


async def call(script: Script, run: Run, pipeline: Pipeline, launch: Launch) -> Told:
    """Run a script to its end, if that is allowed; its fate is in RUN_LOG and in what is returned.

    It runs in the run's directory, with nothing on standard input and no key of a provider in its
    environment. When it takes too long, or whoever waits is cancelled, it is killed with all that
    it started.
    """
    if not launch.allow_scripts:
        run.log("script_skipped", name=script.name, script=script.path)
        return Told(script.name, SKIPPED)
    path = inside(pipeline.folder, script.path)
    if path is None or not path.is_file():
        return _told(run, script, f"there is no {script.path!r} in the pipeline", 0.0)
    began = time.monotonic()
    try:
        fault = await _called(path, script, run)
    except OSError as error:
        fault = f"{script.path}: {error.strerror or error}"
    return _told(run, script, fault, time.monotonic() - began)


def _told(run: Run, script: Script, fault: str | None, seconds: float) -> Told:
    run.log(
        "script_failed" if fault else "script_done",
        name=script.name,
        script=script.path,
        seconds=seconds,
        why=fault,
    )
    if fault is not None:
        return Told(script.name, fault, failed=True)
    wrote = f", wrote {script.output.name}" if script.output else ""
    return Told(script.name, f"{script.path} took {seconds:.1f} s{wrote}")


async def _called(path: Path, script: Script, run: Run) -> str | None:
    """Return what went wrong, or None."""
    # Files take whatever it says, and whoever it leaves behind cannot hold them open against us.
    with TemporaryFile() as out, TemporaryFile() as err:
        code = await _ended(path, script, run.paths.dir, out=out, err=err)
        for file in (err,) if script.output else (out, err):
            for line in _last_lines(file):
                run.log("script_said", name=script.name, line=line)
        if code is None:
            return f"{script.path} was stopped after {script.limit_seconds:g} s"
        if code != 0:
            return _ending(script, code, err)
        if script.output is not None:
            script.output.parent.mkdir(parents=True, exist_ok=True)
            out.seek(0)
            write_whole(script.output, iter(lambda: out.read(BLOCK_BYTES), b""))
    return None


async def _ended(
    path: Path, script: Script, run_dir: Path, *, out: BinaryIO, err: BinaryIO
) -> int | None:
    """Return the exit code; None if the time was up."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(path),
        *script.arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        cwd=run_dir,
        env=_environment(),
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(script.limit_seconds):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(
                ProcessLookupError, PermissionError
            ):  # macOS: it has just ended
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _environment() -> dict[str, str]:
    hidden = {vendor.key for vendor in registry.vendors().values()} | OTHER_KEYS
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}  # what is frozen with a run stays as it was


def _ending(script: Script, code: int, err: BinaryIO) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    last = next((line for line in reversed(list(_last_lines(err))) if line.strip()), None)
    return f"{script.path} {how}: {last.strip()}" if last else f"{script.path} {how}"


def _last_lines(file: BinaryIO) -> Iterator[str]:
    """Yield the last lines of what a script said."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - KEPT_BYTES))
    yield from file.read().decode(errors="replace").splitlines()
