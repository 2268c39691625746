"""A run taken through its steps without Prefect: hostile replies, a refused key, conservation."""

import asyncio
import errno
import itertools
import json
from pathlib import Path

import orjson
import pytest

import pipelines
import runs
from pipelines import Launch
from providers.emulator import client
from runs import files
from tasks.create import create_run
from tests.tasks.conftest import through

SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["word", "count"],
}
CONFIG = """\
name: Echo
items_source: items.jsonl
units: {strategy: direct}
chunk_size: 4
max_retries: 1
api: {provider: openai, model: gpt-6-luna}
pipeline:
  - {name: echo, template: echo.jinja2, output_schema: echo.json}
"""
GOOD = '{"word": "ok", "count": 1}'


@pytest.fixture
def run_of(root, tmp_path):
    """Make and run a pipeline whose units are answered with the texts they name."""

    def run(replies: dict[str, str]) -> runs.RunView:
        folder = tmp_path / "Echo"
        for name, content in (
            ("config.yaml", CONFIG),
            ("templates/echo.jinja2", "Say it: {{ unit_id }}"),
            ("schemas/echo.json", json.dumps(SCHEMA)),
            ("rehearsal/echo.jinja2", "{{ reply }}"),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        rows = [json.dumps({"id": name, "reply": reply}) for name, reply in replies.items()]
        (folder / "items.jsonl").write_text("\n".join(rows))
        run_dir = root / f"run-{len(list(root.iterdir()))}"
        create_run(pipelines.load(folder), Launch(pipeline="Echo", emulate=True), run_dir)
        asyncio.run(through(run_dir))
        return runs.read(run_dir)

    return run


@pytest.mark.parametrize("kth", [1, 2, 4])
def test_a_full_disk_pauses_the_run_and_stops_paying(run_of, root, monkeypatch, kth):
    """What cannot be kept is not paid for; with room again the run ends as if undisturbed."""
    units = {f"u{n}": GOOD for n in range(6)}
    whole = run_of(units).paths.results.read_bytes()
    client.reset(root)
    kept = itertools.count(1)

    def append(fd: int, line: bytes) -> None:
        if next(kept) >= kth:
            raise OSError(errno.ENOSPC, "No space left on device")
        files.append(fd, line)

    with monkeypatch.context() as full:
        full.setattr("runs.results.append", append)
        view = run_of(units)
    assert view.state.status is runs.Status.PAUSED
    assert (view.state.paused_reason or "").startswith("disk: No space left on device")
    asyncio.run(through(view.paths.dir))
    assert view.paths.results.read_bytes() == whole
    assert runs.totals(runs.read(view.paths.dir).state).failed == 0


def _rows(path: Path) -> dict[str, dict[str, object]]:
    return {row["unit_id"]: row for row in runs.read_jsonl(path)}


HOSTILE = {
    "identity": '{"unit_id": "stolen", "_metadata": {"a": 1}, "word": "ok", "count": 1}',
    "markup": '{"word": "[bold red]x[/] [@click=app.quit]y[/]", "count": 1}',
    "control": '{"word": "a\\u001b]52;c;aGk=\\u0007b\\u0000c\\u202e", "count": 1}',
    "surrogate": '{"word": "half \\ud83d of it", "count": 1}',
    "nan": '{"word": "ok", "count": NaN}',
    "huge_number": '{"word": "ok", "count": 123456789012345678901234567890}',
    "megabyte": '{"word": "' + "x" * 1_000_000 + '", "count": 1}',
    "deep": '{"word": ' + "[" * 10_000 + "]" * 10_000 + ', "count": 1}',
    "prose": "I would rather not, to be honest.",
    "list": "[1, 2, 3]",
    "empty": "",
    "template": '{"word": "{{ 7 * 7 }} {% raw %}", "count": 1}',
    "wrapped": '```json\n{"word": "ok", "count": "1"}\n```',
}
FAILS = {"nan", "huge_number", "megabyte", "deep", "prose", "list", "empty"}


def test_hostile_replies_harm_nobody_but_themselves(run_of):
    """Each becomes a failure record or a clean value; every other unit passes."""
    view = run_of({"first": GOOD, **HOSTILE, "last": GOOD})
    valid, failed = _rows(view.paths.results), _rows(view.paths.failures)
    assert set(failed) == FAILS
    assert set(valid) == {"first", "last", *HOSTILE} - FAILS
    assert valid["identity"]["unit_id"] == "identity"
    assert "_metadata" not in valid["identity"]
    assert valid["markup"]["word"] == "[bold red]x[/] [@click=app.quit]y[/]"
    assert "\x1b" not in str(valid["control"]["word"])
    assert valid["template"]["word"] == "{{ 7 * 7 }} {% raw %}"
    assert valid["wrapped"]["count"] == 1
    for record in failed.values():
        assert record["errors"]
        assert record["failure_stage"] in {"schema_validation", "truncated"}
        orjson.dumps(record)


def test_every_unit_is_accounted_for_by_ids(run_of):
    """In = valid + failed, at the end of each chunk as of the run."""
    view = run_of({f"u{n}": GOOD if n % 3 else "no" for n in range(11)})
    numbers = runs.totals(view.state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (11, 7, 4, 0)
    for chunk in view.state.chunks:
        paths = view.paths.chunk(chunk)
        entered = [row["unit_id"] for row in runs.read_jsonl(paths.input)]
        left = [row["unit_id"] for row in runs.read_jsonl(paths.validated("echo"))]
        left += [row["unit_id"] for row in runs.read_jsonl(paths.failures("echo"))]
        assert sorted(entered) == sorted(left)


def test_a_chunk_without_a_valid_unit_ends_there(run_of):
    """FAILED, never an empty next step; the run is complete all the same."""
    view = run_of({f"u{n}": "no" for n in range(4)} | {"good": GOOD})
    assert view.state.status is runs.Status.COMPLETE
    assert view.state.chunks["chunk_000"].stage is runs.Stage.FAILED
    assert view.state.chunks["chunk_001"].stage is runs.Stage.VALIDATED


def test_a_refused_key_pauses_the_run_and_fails_no_unit(run_of, root):
    """Whatever came before is kept; going on finishes."""
    url = client.start(root)
    client.script(url, [{"match": "chat/completions", "do": "status", "status": 401, "nth": [3]}])
    view = run_of({f"u{n}": GOOD for n in range(6)})
    assert view.state.status is runs.Status.PAUSED
    assert "key" in (view.state.paused_reason or "")
    assert runs.totals(view.state).failed == 0
    asyncio.run(through(view.paths.dir))
    numbers = runs.totals(runs.read(view.paths.dir).state)
    assert (numbers.valid, numbers.failed) == (6, 0)
    assert client.ledger(url).repeated == 0


def test_a_refused_key_is_not_tried_on_every_unit(run_of, root):
    """The first refusal ends the asking: what waited for a turn is not sent."""
    url = client.start(root)
    client.script(url, [{"match": "chat/completions", "do": "status", "status": 401}])
    view = run_of({f"u{n}": GOOD for n in range(200)})
    asked = view.paths.trace_log.read_text().count("\n")
    assert asked <= 64  # openai's window at the start
    assert runs.totals(view.state).failed == 0


def test_every_request_leaves_a_line_in_the_trace(run_of, root):
    """Retries too: who pays must be able to see what was sent."""
    url = client.start(root)
    rule = {"match": "chat/completions", "do": "status", "status": 500, "nth": [1, 2]}
    client.script(url, [{**rule, "headers": {"retry-after": "0"}}])
    view = run_of({f"u{n}": GOOD for n in range(3)})
    lines = view.paths.trace_log.read_text().splitlines()
    assert [("status=500" in line) for line in lines].count(True) == 2
    assert len(lines) == 5
