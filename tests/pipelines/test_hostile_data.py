"""Whatever a template, a schema or a reply says: nothing is fetched, each ends soon and small."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.hostile import REPLIES, SCHEMAS, TEMPLATES

ROOT = Path(__file__).parents[2]
SECONDS = 2
MEGABYTES = 300

SCHEMA_ENDS = {
    "of itself": "valid",
    "of itself twice": "valid",
    "not itself": "1 errors",
    "costly pattern": "1 errors",
    "costly lookahead": "1 errors",
    "costly reference": "1 errors",
    "costly key": "valid",
    "huge pattern": "1 errors",
    "tree": "1 errors",
    "many errors": "1 errors",
    "many options": "1 errors",
    "many alike": "valid",
}
"""Of the schemas that are schemas."""
REPLY_ENDS = {
    "deep lists": "json",
    "integer beyond 64 bits": "integer_64_bit",
    "NaN": "finite",
    "infinity": "finite",
}
"""Where it is not that there is no JSON."""


@pytest.fixture(scope="module")
def trial():
    """All of it, tried in one process: its peak of memory is that of the worst."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, str(ROOT / "tests" / "pipelines" / "hostile.py"), host]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        server.setblocking(False)
        try:
            server.accept()
        except BlockingIOError:
            connected = False
        else:
            connected = True
    return {**json.loads(done.stdout), "connected": connected}


def test_nothing_is_ever_fetched(trial):
    assert not trial["connected"]


def test_none_takes_much_memory(trial):
    assert trial["peak_mb"] < MEGABYTES


def test_each_ends_soon(trial):
    late = {name: took for name, (_, took) in trial["results"].items() if took >= SECONDS}
    assert late == {}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_makes_too_much_or_gets_out_is_refused(trial, name):
    said, _ = trial["results"][f"template: {name}"]
    assert said in {"TemplateError", "TemplateSyntaxError"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_refused_or_says_what_it_means(trial, name):
    said, _ = trial["results"][f"schema: {name}"]
    assert said == SCHEMA_ENDS.get(name, "SchemaFault")


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_cannot_be_kept_is_told_by_rule(trial, name):
    said, _ = trial["results"][f"reply: {name}"]
    assert said == REPLY_ENDS.get(name, "json")
