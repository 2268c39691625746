"""What a run is on disk: journal, manifest and files; one writer, any number of readers."""

from runs.attempts import Attempt, attempts
from runs.batches import Batch, Batches, BatchState, Parcel
from runs.chunks import Chunk, Chunks, Detour, Stage
from runs.control import Verb, request, requests
from runs.counts import (
    Counts,
    Totals,
    current_step,
    hinted,
    open_rounds,
    passed_all,
    step_counts,
    total_usd,
    totals,
)
from runs.create import create
from runs.elsewhere import Elsewhere
from runs.errors import (
    AmbiguousRun,
    Damaged,
    IllegalMove,
    NotDurable,
    RunError,
    RunExists,
    RunHeld,
    RunNameError,
    RunNotFound,
    Superseded,
    Unaccounted,
    UnknownFormat,
    disk_trouble,
)
from runs.find import claim, is_run, list_runs, resolve
from runs.follow import Follower
from runs.jsonl import dumps, loads, read_jsonl
from runs.load import Line, Load, Loads, loads_of
from runs.outputs import (
    collect_outputs,
    detour_ids,
    finish_chunk,
    settle,
    write_children,
)
from runs.paths import ChunkPaths, RunPaths, chunk_name, is_retry, runs_root
from runs.results import Results
from runs.run import Run, snapshot_of
from runs.state import FrozenFile, RunSpec, RunState, Status, StepSpec, Told, Waiting
from runs.times import lasting
from runs.view import Liveness, RunView, read
from runs.waits import Wait, age_seconds, usual_seconds, waits

__all__ = [
    "AmbiguousRun",
    "Attempt",
    "Batch",
    "BatchState",
    "Batches",
    "Chunk",
    "ChunkPaths",
    "Chunks",
    "Counts",
    "Damaged",
    "Detour",
    "Elsewhere",
    "Follower",
    "FrozenFile",
    "IllegalMove",
    "Line",
    "Liveness",
    "Load",
    "Loads",
    "NotDurable",
    "Parcel",
    "Results",
    "Run",
    "RunError",
    "RunExists",
    "RunHeld",
    "RunNameError",
    "RunNotFound",
    "RunPaths",
    "RunSpec",
    "RunState",
    "RunView",
    "Stage",
    "Status",
    "StepSpec",
    "Superseded",
    "Told",
    "Totals",
    "Unaccounted",
    "UnknownFormat",
    "Verb",
    "Wait",
    "Waiting",
    "age_seconds",
    "attempts",
    "chunk_name",
    "claim",
    "collect_outputs",
    "create",
    "current_step",
    "detour_ids",
    "disk_trouble",
    "dumps",
    "finish_chunk",
    "hinted",
    "is_retry",
    "is_run",
    "lasting",
    "list_runs",
    "loads",
    "loads_of",
    "open_rounds",
    "passed_all",
    "read",
    "read_jsonl",
    "request",
    "requests",
    "resolve",
    "runs_root",
    "settle",
    "snapshot_of",
    "step_counts",
    "total_usd",
    "totals",
    "usual_seconds",
    "waits",
    "write_children",
]
