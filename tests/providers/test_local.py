"""A model on this machine: served by a child process that never outlives its run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import orjson
import psutil
import pytest

from providers import local
from providers.errors import Misconfigured

STAND_IN = """
from types import SimpleNamespace

def CommonParams():
    return SimpleNamespace(model=SimpleNamespace(path=""), sampling=SimpleNamespace())

class Server:
    def __init__(self, params):
        if "broken" in params.model.path:
            raise RuntimeError("cannot load " + params.model.path)
        print("loading", params.model.path)
        self.listening_address = "http://127.0.0.1:4321"
"""
STAND_IN_WEIGHTS = """
def assemble(path):
    path.write_text("weights")
"""
HOLD = """
import sys, time; from pathlib import Path; from providers import local
with local.serve(Path(sys.argv[1]), root=Path(sys.argv[1]).parent) as url:
    print(url, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def llama(tmp_path, monkeypatch) -> Iterator[Path]:
    """Stands in for the packages of the extra: all but the model is tried anywhere."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "xllamacpp.py").write_text(STAND_IN)
    bundle = packages / local.BUNDLE
    bundle.mkdir()
    (bundle / "__init__.py").write_text(STAND_IN_WEIGHTS)
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    weights = tmp_path / "some.gguf"
    weights.touch()
    yield weights
    sys.modules.pop(local.BUNDLE, None)


def servers(parent: int | None = None) -> list[psutil.Process]:
    children = [child for child in psutil.Process(parent).children() if not is_gone(child)]
    return [child for child in children if "providers.local" in child.cmdline()]


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def wait_until_gone(process: psutil.Process) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if is_gone(process):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(find_spec("xllamacpp") is not None, reason="the extra is installed")
def test_missing_extra_is_named_with_its_remedy(tmp_path):
    with (
        pytest.raises(local.MissingExtra, match="make demo-local"),
        local.serve(None, root=tmp_path),
    ):
        pass


def test_server_lives_as_long_as_the_context(llama, tmp_path):
    with local.serve(llama, root=tmp_path) as url:
        assert url == "http://127.0.0.1:4321/v1"
        [server] = servers()
        # Its own session: Ctrl-C on the terminal is for the run alone.
        assert os.getsid(server.pid) == server.pid
    assert is_gone(server)


def test_server_is_stopped_when_the_run_fails(llama, tmp_path):
    context = local.serve(llama, root=tmp_path)
    context.__enter__()
    [server] = servers()
    context.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert is_gone(server)


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_server_dies_with_its_run(llama, kind):
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(llama)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"http://127.0.0.1:4321/v1\n"
        [server] = servers(run.pid)
        run.send_signal(kind)
    assert wait_until_gone(server)


def test_weights_that_cannot_be_loaded_point_to_the_log(llama, tmp_path):
    broken = llama.with_name("broken.gguf")
    broken.touch()
    with (
        pytest.raises(Misconfigured, match=r"broken\.gguf.*server\.log"),
        local.serve(broken, root=tmp_path),
    ):
        pass
    assert "cannot load" in (tmp_path / "_models" / "server.log").read_text()
    assert servers() == []


def test_file_that_is_not_there_is_named(llama, tmp_path):
    with (
        pytest.raises(Misconfigured, match=r"no file .*none\.gguf"),
        local.serve(tmp_path / "none.gguf", root=tmp_path),
    ):
        pass


def test_terms_are_shown_at_first_use_only(llama, tmp_path):
    told: list[str] = []
    for _ in range(2):
        with local.serve(None, root=tmp_path, tell=told.append):
            pass
    assert len(told) == 1
    assert "https://ai.google.dev/gemma/terms" in told[0]
    assert "wrong" in told[0]
    assert [path.name for path in (tmp_path / "_models").glob("*gguf*")] == [local.BUNDLED]


@pytest.mark.cold
async def test_real_model_answers_by_the_schema(tmp_path):
    """The only test that needs the extra `local`: weights that really weigh something."""
    pytest.importorskip("xllamacpp")
    pytest.importorskip(local.BUNDLE)
    schema = {
        "type": "object",
        "properties": {"tone": {"enum": ["warm", "cold"]}, "n": {"type": "integer"}},
        "required": ["tone", "n"],
        "additionalProperties": False,
    }
    form = {"name": "sea", "strict": True, "schema": schema}
    body = {
        "model": "gemma-3-270m",
        "messages": [{"role": "user", "content": "Is the sea warm? Answer in JSON."}],
        "max_completion_tokens": 200,
        "seed": 1,
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    with local.serve(None, root=tmp_path) as url:
        async with aiohttp.request("POST", f"{url}/chat/completions", json=body) as response:
            said = await response.json()
    reply = orjson.loads(said["choices"][0]["message"]["content"])
    assert reply["tone"] in {"warm", "cold"}
    assert said["usage"]["completion_tokens"] > 0
