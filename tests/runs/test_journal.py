"""The journal: whole lines count, torn ones do not, damage is never taken for either."""

import errno
import os

import pytest

from runs import Damaged, NotDurable, RunNotFound, Status, Superseded, UnknownFormat, files
from runs import fold as events
from runs.journal import Journal, decode, encode, replay
from runs.paths import RunPaths


def _status(status: Status):
    return events.status_set(status, reason=None, error=None, waiting=None)


@pytest.fixture
def path(make_run):
    return RunPaths(make_run()).journal


@pytest.fixture
def journal(path, clock):
    journal = Journal(path, replay(path), clock)
    yield journal
    journal.close()


@pytest.fixture
def written(path, journal):
    """A journal of five lines, and the state after each."""
    states = [journal.state]
    states.append(journal.append(events.opened(pid=1, host="here", flow_run="f1"), epoch=1))
    moves = (Status.RUNNING, Status.PAUSED, Status.RUNNING)
    states += [journal.append(_status(status), epoch=1) for status in moves]
    return path, states


def test_a_torn_tail_is_dropped_at_every_length(written):
    """Whatever part of the last lines a crash leaves, the state is that of the whole lines."""
    path, states = written
    data = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for length in range(len(data), ends[0] - 1, -1):
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        assert replay(path) == (states[whole - 1], ends[whole - 1])


def test_a_journal_without_a_whole_line_is_no_run(written):
    """A crash while the first line was written leaves a folder that is half made."""
    path, _ = written
    first = path.read_bytes().index(b"\n") + 1
    for length in (0, 1, first - 1):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(RunNotFound, match="remove the folder"):
            replay(path)


def test_the_writer_cuts_a_torn_tail_off_and_goes_on(written, clock):
    """What follows a torn line is a whole one again."""
    path, states = written
    torn = len(path.read_bytes()) - 3
    os.truncate(path, torn)
    journal = Journal(path, replay(path), clock)
    assert journal.torn_bytes > 0
    state = journal.append(_status(Status.RUNNING), epoch=1)
    journal.close()
    assert replay(path).state == state == states[-1]


def test_every_bit_flip_is_detected(written):
    """A flip in any line but the last is damage and names the line; none changes the story."""
    path, states = written
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    start = 0
    for number, line in enumerate(lines, start=1):
        for place in range(start, start + len(line)):
            for bit in range(8):
                flipped = bytearray(data)
                flipped[place] ^= 1 << bit
                path.write_bytes(flipped)
                _check(path, states, number, len(lines))
        start += len(line)


def _check(path, states, number, lines):
    try:
        state, damaged_line = replay(path).state, None
    except Damaged as error:
        state, damaged_line = None, error.line
    if state is None:
        assert damaged_line in {number, number + 1}  # without its newline a line takes in the next
    else:
        # At the end damage and an interrupted write look alike: the line does not count.
        assert number >= lines - 1
        assert state in states[: number if number == lines - 1 else -1]


def test_damage_is_said_with_file_and_line(written):
    """A bad line among good ones is not an interrupted write: people must look."""
    path, _ = written
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"nonsense\n", *lines[3:]]))
    with pytest.raises(Damaged, match=r"MANIFEST.journal:3: .*nothing was changed"):
        replay(path)


def test_a_missing_line_is_damage(written):
    """Whole lines that do not follow one another do not tell a story."""
    path, _ = written
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    with pytest.raises(Damaged, match="line 4 follows line 2"):
        replay(path)


def test_a_line_of_an_older_epoch_is_refused(path, journal, clock):
    """A holder that slept through a takeover changes nothing when it wakes."""
    journal.append(events.opened(pid=1, host="a", flow_run=None), epoch=1)
    journal.append(events.opened(pid=2, host="b", flow_run=None), epoch=2)
    state = journal.append(_status(Status.RUNNING), epoch=2)
    late = {"seq": 3, "epoch": 1, "at": "2026-11-22T19:00:00.000Z", **_status(Status.CANCELLED)}
    with path.open("ab") as file:
        file.write(encode(late))
    assert replay(path).state == state


def test_a_holder_that_was_taken_over_notices(path, journal):
    """The journal has grown under it: it stops before it writes."""
    before = journal.append(events.opened(pid=1, host="a", flow_run=None), epoch=1)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"another holder's line\n")
    with pytest.raises(Superseded):
        journal.append(_status(Status.RUNNING), epoch=1)
    assert journal.state is before
    assert path.stat().st_size > size


def test_a_failed_sync_is_fatal_and_never_tried_again(path, journal, monkeypatch):
    """After it the kernel may have dropped the data, and a second sync would succeed falsely."""

    def failing(fd):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(files.os, "fdatasync", failing, raising=False)
    with pytest.raises(NotDurable):
        journal.append(events.opened(pid=1, host="a", flow_run=None), epoch=1)
    monkeypatch.undo()
    with pytest.raises(NotDurable):
        journal.append(_status(Status.RUNNING), epoch=1)


def test_a_full_disk_leaves_no_half_line(path, journal, monkeypatch):
    """A short write that cannot be finished is undone; when there is room again, it goes on."""
    journal.append(events.opened(pid=1, host="a", flow_run=None), epoch=1)
    before, data = journal.state, path.read_bytes()
    write, calls = os.write, []

    def short(fd, line):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "no space left")
        return write(fd, line[:10])

    monkeypatch.setattr(files.os, "write", short)
    with pytest.raises(OSError, match="no space left"):
        journal.append(_status(Status.RUNNING), epoch=1)
    monkeypatch.undo()
    assert path.read_bytes() == data
    assert journal.state is before
    assert journal.append(_status(Status.RUNNING), epoch=1).status is Status.RUNNING


def test_a_newer_format_is_refused(path):
    """What a newer version wrote is not guessed at."""
    line = decode(path.read_bytes())
    path.write_bytes(encode({**line, "format": 2}))
    with pytest.raises(UnknownFormat, match="format 2"):
        replay(path)


def test_an_unknown_event_is_refused(path, journal):
    """An event of a newer version may have changed anything."""
    journal.append(events.opened(pid=1, host="a", flow_run=None), epoch=1)
    with pytest.raises(UnknownFormat, match="teleported"):
        journal.append({"event": "teleported"}, epoch=1)
    assert replay(path).state == journal.state
