"""A run whose files say whatever a person, a model or a provider could make them say."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

from runs import (
    Attempt,
    Batch,
    BatchState,
    Counts,
    Parcel,
    Run,
    RunPaths,
    RunSpec,
    Status,
    StepSpec,
    create,
    dumps,
)
from runs.attempts import encode
from runs.journal import decode
from runs.journal import encode as journaled

__all__ = ["MARK", "TEXTS", "hostile_run", "obeyed"]

AT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
MARK = "b2N0b2V2aWw"
"""What would be in the clipboard."""
TEXTS = {
    "clipboard": f"\x1b]52;c;{MARK}\x07\x1b]52;c;{MARK}\x1b\\",
    "c1": "\x9b2J\x9d52;c;evil\x9c\x90\x85\x84",
    "bidi": "\u202eevil\u202c \u2066x\u2069 \u200f\u061c",
    "markup": "[/bold][@click=app.quit]quit[/][red]red[/red] \\[x [link=http://evil.example]l[/link]",
    "title": "\x1b]0;EVIL\x07\x1b]2;EVIL\x1b\\",
    "escapes": "\x1b[2J\x1b[1;1H\x1b[?1049l\x1b[6n\x1bc\x1bP+q544e\x1b\\\x1b_G\x1b\\",
    "control": "a\0b\x07c\x08d\x7fe\rf\x0bg\x0ch",
    "halves": "\ud83d \udc19 \udfff",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ❤️ 漢字 ｶﾅ e\u0301 ﷽ \u200b\ufeff",
    "lines": "one\ntwo\r\nthree\u2028four\u2029five\ttab",
}
ALL = " ".join(TEXTS.values())
NAME = f"\x1b]52;c;{MARK}\x07\x9b2J\u202e[bold]👩‍👩‍👧"
"""As a file may be called."""
STEPS = (
    StepSpec("write", "chunk", "openai", f"m{ALL}"),
    StepSpec(f"ju{NAME}", "chunk", f"p{ALL}", f"m{ALL}", retry_step="write"),
)
CONFIG = """\
name: evil
items_source: items.yaml
api: {provider: openai, model: m}
pipeline:
  - {name: write, template: write.jinja2}
"""
MEGABYTE = 1 << 20


def hostile_run(root: Path, units: int = 12) -> Path:
    """Make a run that is paused in the middle: units have failed, some are asked again."""
    folder = root / f"R{NAME}"
    spec = RunSpec(f"P{ALL}", "batch", 4, STEPS, {}, emulate=True)
    create(folder, spec, list(_pipeline(root.parent)), _units(units), clock=lambda: AT)
    with closing(Run.open(folder, clock=lambda: AT + timedelta(minutes=5))) as run:
        _take(run, "chunk_000", "write", failing=2)
        _take(run, "chunk_000", STEPS[1].name, failing=1)
        _take(run, "chunk_001", "write", failing=1)
        _post(run)
        run.log("word", said=ALL)
        run.set_status(Status.PAUSED, reason=f"paused: {ALL}")
    _add_a_retry(folder)
    paths = RunPaths(folder)
    with paths.run_log.open("ab") as log:
        log.write(
            b"\n".join((_bytes(ALL), b"\xff\x9b2J\xfe", b"x" * MEGABYTE, b"last " + _bytes(ALL)))
        )
        log.write(b"\n")
    odd = folder / f"odd {NAME}"
    odd.mkdir()
    (odd / f"file {NAME}").write_bytes(dumps({"key" + ALL: [ALL, {ALL: ALL}]}) + b"\n\x9b\xff\0\n")
    (folder / f"text {NAME}").write_bytes(_bytes(ALL) * 3)
    (odd / "large").write_bytes(b"y" * MEGABYTE)
    return folder


def obeyed(text: str) -> set[str]:
    """Return the characters of a text that a terminal would obey."""
    bidi = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    forbidden = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000), *bidi}
    return {one for one in text if ord(one) in forbidden}


def _pipeline(folder: Path) -> Iterator[tuple[Path, PurePath]]:
    for name, text in (
        ("config.yaml", CONFIG),
        ("items.yaml", "[]"),
        ("templates/write.jinja2", "Say {{ said }} of {{ unit_id }}."),
    ):
        path = folder / "evil" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        yield path, PurePath(name)


def _units(units: int) -> Iterable[dict[str, Any]]:
    names = list(TEXTS)
    for number in range(units):
        name = names[number % len(names)]
        yield {"unit_id": f"{number} {TEXTS[name]}", "said": ALL, f"f{ALL}": [ALL, {ALL: None}]}


def _take(run: Run, chunk: str, step: str, failing: int) -> None:
    units = run.due(step, chunk)
    with run.paths.chunk(chunk).results(step).open("ab") as results:
        for number, unit in enumerate(units):
            for asked in (1, 2):
                results.write(encode(_attempt(unit["unit_id"], asked, failed=number == 1)))
    failed = [_record(unit["unit_id"], step) for unit in units[:failing]]
    valid = [{**unit, f"by {step}": ALL} for unit in units[failing:]]
    run.settle(chunk, step, valid=valid, failed=failed)
    counts = Counts(
        entered=len(units),
        valid=len(units) - failing,
        failed={f"validation{ALL}": failing},
        attempts=2 * len(units),
        cost_usd=Decimal("0.01"),
    )
    run.close_round(chunk, step, counts)


def _attempt(unit_id: str, asked: int, *, failed: bool) -> Attempt:
    said = {"long": "z" * MEGABYTE if asked == 1 else ALL, ALL: ALL, "tone": TEXTS["markup"]}
    content = dumps(said).decode() if asked == 1 else ALL
    body = {"choices": [{"message": {"content": content}}], ALL: ALL}
    error = {"class": f"transport{ALL}", "status": 500, "message": ALL}
    return Attempt(
        unit_id=unit_id,
        round=1,
        attempt=asked,
        lane=f"batch{ALL}",
        provider=f"openai{ALL}",
        model=ALL,
        at=AT,
        seconds=1.0,
        cost_usd=Decimal("0.001"),
        raw=None if failed else dumps(body),
        error=error if failed else None,
        batch=ALL,
    )


def _record(unit_id: str, step: str) -> dict[str, Any]:
    return {
        "unit_id": unit_id,
        "step": step,
        "failure_stage": f"validation{ALL}",
        "errors": [{"path": f"$.{ALL}", "rule": f"rule {ALL}", "message": f"said {ALL}"}],
        "round": 1,
        "attempt": 2,
        "raw_response": ALL,
    }


def _post(run: Run) -> None:
    """Have a batch out, at a provider with a name."""
    parcel = Parcel("chunk_002", 4, 1)
    batch = Batch(
        key="ab" * 32,
        step="write",
        provider=f"p{ALL}",
        model=ALL,
        parcels=(parcel,),
        requests=4,
        size_bytes=10,
        sha256="0" * 64,
        intended_at=AT,
    )
    run.intend(batch)
    run.move_batch(batch.key, BatchState.SUBMITTED, batch_id=ALL, submitted_at=AT, message=ALL)


def _add_a_retry(folder: Path) -> None:
    """Journal a chunk of another name than ours, as if one of its units began again."""
    paths = RunPaths(folder)
    lines = paths.journal.read_bytes().splitlines(keepends=True)
    name = f"chunk_000_retry_{NAME}"
    (folder / name).mkdir()
    (folder / name / "input.jsonl").write_bytes(dumps({"unit_id": f"0 {TEXTS['markup']}"}) + b"\n")
    last = decode(lines[-1])
    line = {
        "seq": last["seq"] + 1,
        "epoch": last["epoch"],
        "at": last["at"],
        "event": "retried",
        "parent": "chunk_000",
        "name": name,
        "first": "write",
        "units": 1,
        "failed": {"write": {f"validation{ALL}": 1}},
    }
    paths.journal.write_bytes(b"".join([*lines, journaled(line)]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
