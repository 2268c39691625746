"""MANIFEST.json: the state of a run as people and other programs read it, and back.

Everything derived stands there for its readers; coming back, only what the journal said is read.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from runs.batches import Batch, Batches
from runs.chunks import Chunk, Chunks, Detour, Stage
from runs.counts import Counts, current_step, step_counts, totals
from runs.errors import UnknownFormat
from runs.fold import FORMAT, waiting_from_json, waiting_to_json
from runs.journal import Replayed
from runs.jsonl import dumps, loads
from runs.load import loads_of, loads_to_json
from runs.state import FrozenFile, RunSpec, RunState, Status, StepSpec, Told
from runs.times import moment, stamp

__all__ = ["from_json", "summary", "to_json"]

REASON_CHARACTERS = 60
MOST_SUMMARY_BYTES = 1024


def to_json(replayed: Replayed, *, at: datetime) -> bytes:
    """Return the manifest of a run, for people's eyes as well."""
    state = replayed.state
    by_step = step_counts(state)
    at_provider = {p.chunk: batch.batch_id for batch in state.batches.open for p in batch.parcels}
    manifest = {
        "format": FORMAT,
        "config": "config.yaml",
        "created": stamp(state.created),
        "updated": stamp(state.updated),
        "status": state.status,
        "error_message": state.error,
        "paused_reason": state.paused_reason,
        "waiting": waiting_to_json(state.waiting),
        "post_process": [said._asdict() for said in state.told],
        "pipeline": [step.name for step in state.steps],
        "metadata": _metadata(state),
        "totals": asdict(totals(state)),
        "steps": {
            step.name: {
                "scope": step.scope,
                "provider": step.provider,
                "model": step.model,
                "retry_step": step.retry_step,
                **by_step[step.name].to_json(),
            }
            for step in state.steps
        },
        "batches": {key: batch.to_json() for key, batch in state.batches.items()},
        "seq": state.seq,
        "journal_offset": replayed.end,
        "snapshot_at": stamp(at),
        "chunks": {
            name: _chunk_to_json(chunk, at_provider.get(name))
            for name, chunk in state.chunks.items()
        },
    }
    return dumps(manifest, pretty=True)


def from_json(data: bytes) -> Replayed:
    """Return what `to_json` wrote.

    Raises:
        ValueError: it is damaged; the journal knows all of it.
        UnknownFormat: a newer version wrote it.
    """
    try:
        manifest = loads(data)
        if manifest["format"] != FORMAT:
            raise UnknownFormat(
                f"The manifest has format {manifest['format']}; this version of octobatch knows "
                f"format {FORMAT}."
            )
        return Replayed(_state(manifest), manifest["journal_offset"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a manifest: {error!r}") from error


def summary(run: str, state: RunState, *, at: datetime) -> bytes:
    """Return what a table of runs needs to know, and what other runs do, in at most 1 KB.

    The other runs reckon with what is at providers, for limits that they share (`runs.load`).
    """
    total, at_providers = totals(state), loads_of(state.batches, at)
    row = {
        "format": FORMAT,
        "run": run,
        "pipeline": state.spec.pipeline,
        "status": state.status,
        "mode": state.spec.mode,
        "emulate": state.spec.emulate,
        "created": stamp(state.created),
        "updated": stamp(state.updated),
        "snapshot_at": stamp(at),
        "step": current_step(state),
        "progress": round(total.progress, 4),
        "units": total.units,
        "valid": total.valid,
        "failed": total.failed,
        "hard": total.hard,
        "tokens": sum(total.tokens.get(kind, 0) for kind in ("input", "output")),
        "cost_usd": total.cost_usd,
        "waiting": waiting_to_json(state.waiting),
        "reason": _short(state.error or state.paused_reason),
    }
    whole = dumps({**row, **loads_to_json(at_providers)})
    if len(whole) <= MOST_SUMMARY_BYTES:
        return whole
    return dumps({**row, **loads_to_json(at_providers.coarse())})


def _metadata(state: RunState) -> dict[str, Any]:
    spec = state.spec
    return {
        "pipeline_name": spec.pipeline,
        "mode": spec.mode,
        "emulate": spec.emulate,
        "max_units": state.launch.get("max_units"),
        "chunk_size": spec.chunk_size,
        "units": state.units,
        "launch": state.launch,
        "flow_runs": state.flow_runs,
        "deployment": state.deployment,
        "epoch": state.epoch,
        "progress": state.progress,
        "looks": state.looks,
        "in_doubt_usd": state.in_doubt_usd,
        "deadline": state.deadline and stamp(state.deadline),
        "files": [asdict(file) for file in state.files],
    }


def _state(manifest: Mapping[str, Any]) -> RunState:
    about = manifest["metadata"]
    steps = tuple(
        StepSpec(name, step["scope"], step["provider"], step["model"], step["retry_step"])
        for name, step in ((name, manifest["steps"][name]) for name in manifest["pipeline"])
    )
    return RunState(
        spec=RunSpec(
            pipeline=about["pipeline_name"],
            mode=about["mode"],
            chunk_size=about["chunk_size"],
            steps=steps,
            launch=about["launch"],
            emulate=about["emulate"],
        ),
        batches=Batches(Batch.from_json(row) for row in manifest["batches"].values()),
        files=tuple(FrozenFile(**file) for file in about["files"]),
        units=about["units"],
        created=moment(manifest["created"]),
        chunks=Chunks(_chunk(name, row) for name, row in manifest["chunks"].items()),
        updated=moment(manifest["updated"]),
        seq=manifest["seq"],
        epoch=about["epoch"],
        status=Status(manifest["status"]),
        waiting=waiting_from_json(manifest["waiting"]),
        paused_reason=manifest["paused_reason"],
        error=manifest["error_message"],
        told=tuple(Told(**said) for said in manifest["post_process"]),
        flow_runs=tuple(about["flow_runs"]),
        deployment=about.get("deployment"),
        progress=about["progress"],
        looks=about.get("looks", 0),
        in_doubt_usd=Decimal(str(about.get("in_doubt_usd", 0))),
        deadline=moment(at) if (at := about.get("deadline")) else None,
    )


def _chunk_to_json(chunk: Chunk, batch_id: str | None) -> dict[str, Any]:
    counts = chunk.counts.values()
    return {
        "state": chunk.stage if chunk.step is None else f"{chunk.step}_{chunk.stage}",
        "batch_id": batch_id,
        "items": chunk.items,
        "valid": chunk.alive if counts else 0,
        "failed": chunk.lost,
        "retries": sum(step.retries for step in counts),
        "first": chunk.first,
        "due": chunk.due,
        "rounds": chunk.rounds,
        "moved": chunk.moved,
        "detours": [asdict(detour) for detour in chunk.detours],
        "steps": {step: counts.to_json() for step, counts in chunk.counts.items()},
    }


_ENDS = frozenset({Stage.VALIDATED, Stage.FAILED, Stage.FANNED_OUT})


def _chunk(name: str, row: Mapping[str, Any]) -> Chunk:
    step, _, last = row["state"].rpartition("_")
    terminal = row["state"] in _ENDS
    return Chunk(
        name=name,
        items=row["items"],
        first=row["first"],
        step=None if terminal else step,
        due=row["due"],
        stage=Stage(row["state"] if terminal else last),
        counts={step: Counts.from_json(counts) for step, counts in row["steps"].items()},
        detours=tuple(Detour(**detour) for detour in row["detours"]),
        rounds=row["rounds"],
        moved=row.get("moved", 0),
    )


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= REASON_CHARACTERS:
        return text
    return f"{text[: REASON_CHARACTERS - 1]}…"
