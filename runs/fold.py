"""The journal's events, and what each does to the state of a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from runs.batches import Batch, BatchState
from runs.chunks import Chunk, Chunks, Stage
from runs.counts import Counts
from runs.errors import IllegalMove, UnknownFormat
from runs.paths import chunk_name
from runs.rounds import Retry, children_of, closed
from runs.state import FrozenFile, RunSpec, RunState, Status, StepSpec, Told, Waiting
from runs.times import moment, stamp

__all__ = [
    "FORMAT",
    "Event",
    "batch_intended",
    "batch_moved",
    "created",
    "fold",
    "hint",
    "looked",
    "opened",
    "relaunched",
    "retried",
]
__all__ += ["round_closed", "spec_from_json", "status_set", "waiting_from_json", "waiting_to_json"]

FORMAT = 1

Event = dict[str, Any]
"""What happened; `Journal` adds seq, epoch and time."""


def created(spec: RunSpec, units: int, files: tuple[FrozenFile, ...]) -> Event:
    """Return the event that begins every journal."""
    return {
        "event": "created",
        "format": FORMAT,
        "spec": asdict(spec),
        "units": units,
        "files": [asdict(file) for file in files],
    }


def opened(*, pid: int, host: str, flow_run: str | None, deployment: str | None = None) -> Event:
    """Return the event of a new holder."""
    return {
        "event": "opened",
        "pid": pid,
        "host": host,
        "flow_run": flow_run,
        "deployment": deployment,
    }


def status_set(
    status: Status,
    *,
    reason: str | None,
    error: str | None,
    waiting: Waiting | None,
    told: Iterable[Told] = (),
) -> Event:
    """Return the event of the run coming to stand at `status`."""
    return {
        "event": "status",
        "status": status.value,
        "reason": reason,
        "error": error,
        "waiting": waiting_to_json(waiting),
        "told": [said._asdict() for said in told],
    }


def batch_intended(batch: Batch) -> Event:
    """Return the event of a batch that is about to be submitted."""
    return {"event": "batch_intended", "batch": batch.to_json()}


def batch_moved(key: str, state: BatchState, **changes: Any) -> Event:
    """Return the event of a batch coming to another state; `changes` are fields of `Batch`."""
    told = {k: stamp(v) if isinstance(v, datetime) else v for k, v in changes.items()}
    return {"event": "batch_moved", "key": key, "state": state.value, **told}


def round_closed(chunk: str, step: str, counts: Counts, children: Iterable[int] = ()) -> Event:
    """Return the event of a chunk being through with a step.

    `children` are the sizes of the chunks that it was fanned out into.
    """
    event = {"event": "round_closed", "chunk": chunk, "step": step, **counts.to_json()}
    sizes = list(children)
    return {**event, "children": sizes} if sizes else event


def retried(retry: Retry) -> Event:
    """Return the event of units of a chunk, which had failed, beginning again in another."""
    return {"event": "retried", **retry._asdict()}


def relaunched(changes: Mapping[str, Any]) -> Event:
    """Return the event of options that hold from now on in place of those of the launch."""
    return {"event": "launch", "changes": changes}


def looked() -> Event:
    """Return the event of a look at all batches; its number is how many there have been."""
    return {"event": "looked"}


def hint(
    rounds: Mapping[str, tuple[str, Counts]],
    limits: Mapping[str, Any],
    reserved_usd: Decimal = Decimal(0),
    no_room: Sequence[str] = (),
) -> Event:
    """Return the event of live progress, which nothing is built on but a dead holder's bill."""
    told = {chunk: {"step": step, **counts.to_json()} for chunk, (step, counts) in rounds.items()}
    progress: dict[str, Any] = {"rounds": told, "limits": limits, "reserved_usd": reserved_usd}
    if no_room:
        progress["no_room"] = list(no_room)
    return {"event": "hint", "progress": progress}


def fold(state: RunState | None, line: Mapping[str, Any]) -> RunState:
    """Return the state after the next line of the journal.

    A line of an older epoch comes from a holder that was taken over in its sleep: it is refused.

    Raises:
        IllegalMove: the line does not follow from the state.
        Unaccounted: a round's counts do not add up to what entered.
        UnknownFormat: a newer version wrote it.
    """
    if state is None:
        return _begin(line)
    if line["epoch"] < state.epoch:
        return state
    if line["seq"] != state.seq + 1:
        raise IllegalMove(f"line {line['seq']} follows line {state.seq}")
    if (change := _CHANGES.get(line["event"])) is None:
        raise UnknownFormat(
            f"The journal has an event {line['event']!r}, which this version of octobatch does not "
            "know: use the newer version that wrote it."
        )
    changes = change(state, line)
    if line["epoch"] != changes.get("epoch", state.epoch):
        raise IllegalMove(f"epoch {line['epoch']} has not been opened")
    return replace(state, seq=line["seq"], updated=moment(line["at"]), **changes)


def spec_from_json(row: Mapping[str, Any]) -> RunSpec:
    """Return the spec that `asdict` took apart."""
    fields = dict(row)
    steps = tuple(StepSpec(**step) for step in fields.pop("steps"))
    return RunSpec(**fields, steps=steps)


def waiting_to_json(waiting: Waiting | None) -> dict[str, str] | None:
    """Return `waiting` as it stands on disk."""
    return waiting and {"until": stamp(waiting.until), "reason": waiting.reason}


def waiting_from_json(row: Mapping[str, str] | None) -> Waiting | None:
    """Return what `waiting_to_json` wrote."""
    return Waiting(moment(row["until"]), row["reason"]) if row else None


def _begin(line: Mapping[str, Any]) -> RunState:
    if line["event"] != "created":
        raise IllegalMove(f"a journal begins with 'created', not {line['event']!r}")
    if line["format"] != FORMAT:
        raise UnknownFormat(
            f"The run has format {line['format']}; this version of octobatch knows format {FORMAT}."
        )
    spec = spec_from_json(line["spec"])
    at = moment(line["at"])
    first = spec.steps[0].name
    sizes = _chunk_sizes(line["units"], spec.chunk_size)
    return RunState(
        spec=spec,
        files=tuple(FrozenFile(**file) for file in line["files"]),
        units=line["units"],
        created=at,
        chunks=Chunks(
            Chunk(chunk_name(i), size, first=first, step=first, due=size)
            for i, size in enumerate(sizes)
        ),
        updated=at,
        seq=line["seq"],
        epoch=line["epoch"],
    )


def _chunk_sizes(units: int, chunk_size: int) -> list[int]:
    """Return how many units each chunk has: all are full but the last."""
    full, rest = divmod(units, chunk_size)
    return [chunk_size] * full + [rest] * bool(rest)


def _opened(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    if line["epoch"] != state.epoch + 1:
        raise IllegalMove(f"epoch {line['epoch']} opens after epoch {state.epoch}")
    changes: dict[str, Any] = {"epoch": line["epoch"], "progress": None}
    if state.progress and (state.status is not Status.RUNNING or state.waiting is not None):
        # Its holder let go of it in order: what is known of open rounds stays so.
        changes["progress"] = {**state.progress, "limits": {}, "reserved_usd": 0, "no_room": []}
    elif state.progress:
        # Its holder died: what it had sent may be on the bill.
        in_doubt = Decimal(str(state.progress.get("reserved_usd", 0)))
        changes["in_doubt_usd"] = state.in_doubt_usd + in_doubt
    if state.epoch == 0 and (patience := state.launch.get("deadline")):
        changes["deadline"] = moment(line["at"]) + timedelta(seconds=patience)
    flow_run = line["flow_run"]
    if flow_run is not None and flow_run not in state.flow_runs:
        changes["flow_runs"] = (*state.flow_runs, flow_run)
    if (deployment := line.get("deployment")) is not None:
        changes["deployment"] = deployment
    return changes


def _status(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    status = Status(line["status"])
    if not state.status.may_become(status):
        raise IllegalMove(f"a run that is {state.status} cannot become {status}")
    return {
        "status": status,
        "waiting": waiting_from_json(line["waiting"]),
        "paused_reason": line["reason"],
        "told": tuple(Told(**said) for said in line.get("told", ())),
        "error": line["error"],
    }


def _intended(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    batch, chunks = Batch.from_json(line["batch"]), state.chunks
    for parcel in batch.parcels:
        chunk = chunks[parcel.chunk]
        if chunk.step != batch.step:
            raise IllegalMove(f"{chunk.name} is not at {batch.step!r} but at {chunk.step!r}")
        chunks = chunks.changed(replace(chunk, stage=Stage.SUBMITTED))
    return {"batches": state.batches.changed(batch), "chunks": chunks}


_OF_A_BATCH = ("batch_id", "submitted_at", "ended_at", "end", "answered", "message", "queue")


def _moved(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: line[name] for name in _OF_A_BATCH if name in line}
    for name in ("submitted_at", "ended_at"):
        if name in told:
            told[name] = moment(told[name])
    batch = state.batches[line["key"]].moved(BatchState(line["state"]), **told)
    batches, chunks = state.batches.changed(batch), state.chunks
    if batch.state.open:
        return {"batches": batches}
    still_out = {parcel.chunk for other in batches.open for parcel in other.parcels}
    back = Stage.COMPLETE if batch.state is BatchState.COLLECTED else Stage.PENDING
    for parcel in batch.parcels:
        if parcel.chunk not in still_out:
            chunks = chunks.changed(replace(chunks[parcel.chunk], stage=back))
    return {"batches": batches, "chunks": chunks}


def _relaunched(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    told = line["changes"]
    spec = replace(
        state.spec,
        launch={**state.launch, **told},
        mode=told.get("lane", state.spec.mode),
    )
    if told.get("deadline"):
        return {"spec": spec, "deadline": moment(line["at"]) + timedelta(seconds=told["deadline"])}
    if spec.mode != state.spec.mode:  # it was kept, or is of no use in the new lane
        return {"spec": spec, "deadline": None}
    return {"spec": spec}


def _closed(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    chunk = state.chunks[line["chunk"]]
    if chunk.stage is Stage.SUBMITTED:
        raise IllegalMove(f"{chunk.name} cannot close a round while units of it are in a batch")
    chunk = replace(chunk, stage=Stage.PENDING)
    after = closed(chunk, line["step"], Counts.from_json(line), state.steps)
    children = children_of(chunk, line.get("children", ()), state.steps)
    return {"chunks": state.chunks.changed(after, children)}


def _retried(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    chunk, first = state.chunks[line["parent"]], line["first"]
    if not chunk.terminal:
        raise IllegalMove(f"{chunk.name} is not at its end: nothing of it is tried again")
    counts = dict(chunk.counts)
    for step, classes in line["failed"].items():
        counts[step] = counts[step].given_another_chance(classes)
    after = replace(chunk, counts=counts, moved=chunk.moved + line["units"])
    retry = Chunk(line["name"], line["units"], first=first, step=first, due=line["units"])
    return {"chunks": state.chunks.changed(after, [retry])}


def _looked(state: RunState, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"looks": state.looks + 1}


def _hinted(state: RunState, line: Mapping[str, Any]) -> dict[str, Any]:
    """Take a hint without what is history; a chunk may come to a step again, in another round."""
    progress = line["progress"]
    rounds = {
        name: {**row, "round": chunk.round}
        for name, row in progress["rounds"].items()
        if (chunk := state.chunks.get(name)) and chunk.step == row["step"]
    }
    return {"progress": {**progress, "rounds": rounds}}


_CHANGES: Mapping[str, Callable[[RunState, Mapping[str, Any]], dict[str, Any]]] = {
    "opened": _opened,
    "retried": _retried,
    "status": _status,
    "round_closed": _closed,
    "batch_intended": _intended,
    "batch_moved": _moved,
    "launch": _relaunched,
    "hint": _hinted,
    "looked": _looked,
}
"""What each event changes of a state."""
