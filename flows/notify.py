"""Tell somebody how a run has ended: a command of theirs, or an address."""

import os
import subprocess
import urllib.error
import urllib.request

import orjson

from flows import pipes
from flows.summary import exit_of
from runs import RunView, totals

__all__ = ["notify"]

PATIENCE_SECONDS = 30


def notify(target: str, view: RunView) -> None:
    """Send how a run stands to `target`, a URL or a command; that it fails is said, and no more.

    A URL gets it as JSON (POST); a command, run by the shell, on its standard input and as
    OCTOBATCH_RUN, OCTOBATCH_STATUS and OCTOBATCH_MESSAGE in its environment.
    """
    told = _told(view)
    body = orjson.dumps(told)
    try:
        if target.startswith(("http://", "https://")):
            _post(target, body)
        else:
            _call(target, body, told)
    except (OSError, subprocess.SubprocessError, urllib.error.URLError, ValueError) as error:
        pipes.say(f"Nobody could be told ({target}): {error}")


def _told(view: RunView) -> dict[str, object]:
    state, numbers = view.state, totals(view.state)
    counts = f"{numbers.valid:,} of {numbers.units:,} units valid, {numbers.failed:,} failed"
    why = state.error or state.paused_reason
    return {
        "run": view.name,
        "pipeline": state.spec.pipeline,
        "status": view.liveness.value,
        "message": f"{view.name} is {view.liveness.value}: {counts}{f'. {why}' if why else ''}",
        "units": numbers.units,
        "valid": numbers.valid,
        "failed": numbers.failed,
        "cost_usd": None if numbers.cost_usd is None else float(numbers.cost_usd),
        "emulated": state.spec.emulate,
        "exit_code": exit_of(view),
        "run_dir": str(view.paths.dir),
    }


def _post(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - http or https, as was typed
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):  # noqa: S310
        pass


def _call(command: str, body: bytes, told: dict[str, object]) -> None:
    names = {"run": "OCTOBATCH_RUN", "status": "OCTOBATCH_STATUS", "message": "OCTOBATCH_MESSAGE"}
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    subprocess.run(  # noqa: S602 - a person has typed it for that
        command,
        shell=True,
        input=body,
        env={**kept, **{names[key]: str(told[key]) for key in names}},
        check=True,
        timeout=PATIENCE_SECONDS,
    )
