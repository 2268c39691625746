"""Following a run tells what reading it whole tells, whenever one looks."""

import os
import random
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs import Counts, Damaged, Follower, Run, RunNotFound, read
from runs.paths import RunPaths

Make = Callable[..., Path]


def go_through(folder: Path, take: Callable[..., Counts]) -> None:
    """Take every chunk of a run to its end."""
    with closing(Run.open(folder)) as run:
        for chunk in list(run.state.chunks):
            take(run, chunk, "generate", failing=int(run.state.chunks[chunk].items > 1))
            take(run, chunk, "score")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_following_in_any_cuts_equals_reading_whole(
    cuts: Iterable[int], make_run: Make, take: Callable[..., Counts], tmp_path: Path
) -> None:
    """However the journal grew between the looks, the state is that of its whole lines."""
    folder = make_run(units=10, name=f"cut{random.randrange(10**12)}")
    go_through(folder, take)
    paths = RunPaths(folder)
    whole = paths.journal.read_bytes()
    paths.manifest.unlink()
    begin = whole.index(b"\n") + 1
    follower = Follower(folder)
    with paths.journal.open("r+b") as journal:
        journal.truncate(begin)
    follower.look()
    written = begin
    for cut in sorted({min(len(whole), begin + cut) for cut in cuts} | {len(whole)}):
        with paths.journal.open("ab") as journal:
            journal.write(whole[written:cut])
        written = cut
        assert follower.look().state == read(folder).state


def test_chunks_that_did_not_change_are_shared(make_run: Make, take: Callable[..., Counts]) -> None:
    """A transition makes one new chunk."""
    folder = make_run(units=9)
    follower = Follower(folder)
    before = follower.look().state
    with closing(Run.open(folder)) as run:
        take(run, "chunk_001", "generate")
        after = follower.look().state
    assert [name for name in after.chunks if after.chunks[name] is not before.chunks[name]] == [
        "chunk_001"
    ]


def test_nothing_new_is_the_same_state(make_run: Make) -> None:
    """Who looks twice sees one object."""
    follower = Follower(make_run())
    assert follower.look().state is follower.look().state


def test_a_journal_that_was_replaced_or_shrank_is_read_anew(
    make_run: Make, take: Callable[..., Counts]
) -> None:
    """What is seen is always what the file tells now."""
    folder = make_run()
    paths = RunPaths(folder)
    first = paths.journal.read_bytes()
    follower = Follower(folder)
    go_through(folder, take)
    assert follower.look().state == read(folder).state
    paths.manifest.unlink()
    other = paths.dir / "other"
    other.write_bytes(first)
    other.replace(paths.journal)
    assert follower.look().state == read(folder).state
    assert follower.look().state.seq == 1


def test_a_bad_line_among_good_ones_is_told(make_run: Make, take: Callable[..., Counts]) -> None:
    """Following is not more lenient than reading."""
    folder = make_run()
    follower = Follower(folder)
    follower.look()
    end = RunPaths(folder).journal.stat().st_size
    go_through(folder, take)
    RunPaths(folder).manifest.unlink()
    with RunPaths(folder).journal.open("r+b") as journal:
        journal.seek(end + 20)
        journal.write(b"?")
        os.fsync(journal.fileno())
    with pytest.raises(Damaged):
        follower.look()


def test_a_run_that_is_gone_is_told(make_run: Make) -> None:
    """A folder that was removed is no run."""
    folder = make_run()
    follower = Follower(folder)
    follower.look()
    RunPaths(folder).journal.unlink()
    with pytest.raises(RunNotFound):
        follower.look()
