"""What is made of a run's results when it is complete: tables, compressed files, scripts' work."""

import asyncio
import zlib
from collections.abc import Iterator
from pathlib import Path

from pipelines import Launch, Pipeline, PostProcess, PostProcessType
from pipelines.folder import inside
from runs import Run, Told, read_jsonl
from runs.files import write_whole
from tasks.scripts import Script, call
from tasks.tables import NoTable, table

__all__ = ["post_process"]

BLOCK_BYTES = 1 << 18
GZIP = 31
"""zlib's word for the gzip format; its header has no time and no name: equal in, equal out."""


class _Unfit(Exception):
    """An entry that cannot be done; the message says why."""


async def post_process(run: Run, pipeline: Pipeline, launch: Launch) -> list[Told]:
    """Do each entry of `post_process` over outputs/results.jsonl, and tell what came of it.

    What is written is a function of the results, whole, and inside outputs/. An entry that fails is
    told of; it fails neither the others nor the run.
    """
    return [await _done(entry, run, pipeline, launch) for entry in pipeline.post_process]


async def _done(entry: PostProcess, run: Run, pipeline: Pipeline, launch: Launch) -> Told:
    try:
        match entry.type:
            case PostProcessType.SCRIPT:
                return await call(_script(entry, run), run, pipeline, launch)
            case PostProcessType.TABLE:
                said = await asyncio.to_thread(_tabulate, entry, run)
            case PostProcessType.GZIP:
                said = await asyncio.to_thread(_compress, entry, run)
    except (_Unfit, NoTable, OSError) as error:
        run.log("post_process_failed", name=entry.name, why=str(error))
        return Told(entry.name, str(error), failed=True)
    run.log("post_process_done", name=entry.name, said=said)
    return Told(entry.name, said)


def _script(entry: PostProcess, run: Run) -> Script:
    assert entry.script is not None, "loading sees to it"
    return Script(
        name=entry.name,
        path=entry.script,
        arguments=(str(run.paths.dir), *entry.args),
        output=_place(entry.output, run) if entry.output else None,
    )


def _tabulate(entry: PostProcess, run: Run) -> str:
    """Write the table of an entry; return what to say of it."""
    assert entry.group_by is not None, "loading sees to it"
    path = _place(entry.output, run)
    made = table(read_jsonl(run.paths.results), group_by=entry.group_by, count=entry.count)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [made])
    return f"wrote {path.relative_to(run.paths.dir)}"


def _place(name: str | None, run: Run) -> Path:
    """Return where an entry may write: inside outputs/, over nothing that is the run's own."""
    path = inside(run.paths.outputs, name or "")
    if path is None or path in _own(run) or path.is_dir():
        raise _Unfit(f"output {name!r} is no file that can be written in outputs/")
    return path


def _own(run: Run) -> tuple[Path, Path]:
    return run.paths.results, run.paths.failures


def _compress(entry: PostProcess, run: Run) -> str:
    """Compress the files of an entry, each beside itself; return what to say of it."""
    paths = sorted({path for pattern in entry.files for path in _matching(pattern, run)})
    for path in paths:
        write_whole(path.with_name(f"{path.name}.gz"), _compressed(path))
        # The run itself is read from these: status, summary, the next post-processing.
        if not entry.keep_originals and path not in _own(run):
            path.unlink()
    if not paths:
        return f"nothing in outputs/ matches {', '.join(entry.files)}"
    return f"compressed {len(paths):,} file{'s' * (len(paths) != 1)}"


def _matching(pattern: str, run: Run) -> Iterator[Path]:
    """Yield the files that a pattern means; those outside of outputs/ are for resuming."""
    outputs, within = run.paths.outputs, pattern.removeprefix("outputs/")
    if inside(outputs, within) is None:
        raise _Unfit(f"{pattern!r} leads out of outputs/, and only files there are compressed")
    for path in outputs.glob(within):
        ours = not path.name.startswith(".") and path.suffix != ".gz" and not path.is_symlink()
        if ours and path.is_file() and inside(outputs, path.relative_to(outputs).as_posix()):
            yield path


def _compressed(path: Path) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=GZIP)
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield packer.compress(block)
    yield packer.flush()
