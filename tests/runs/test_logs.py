"""A log holds lines that a terminal shows as they are, and harms nobody who writes them."""

import errno
import json
import os

import pytest

from runs import logs
from runs.logs import Log, line

HIDDEN = (
    "\x1b\x00\x7f\x85\x9b\u00ad\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\ud800\ue000\U000e0041"
)


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_what_a_terminal_would_obey_or_hide_is_escaped(hidden):
    told = line("asked", unit=f"a{hidden}b")
    assert told.isprintable()
    assert json.loads(told.removeprefix("asked unit=")) == f"a{hidden}b"


@pytest.mark.parametrize("plain", ["u1", "Zoë", "ぁ", "épée", "🦜"])
def test_letters_of_every_script_stay_readable(plain):
    assert line("asked", unit=plain) == f"asked unit={plain}"
    assert line("asked", unit=f"{plain} {plain}") == f'asked unit="{plain} {plain}"'


@pytest.fixture
def log(tmp_path, clock):
    return Log(tmp_path / "log.txt", clock)


def test_a_closed_log_writes_nothing(log, tmp_path):
    """Least of all into the file that has its descriptor by now."""
    before = log.fileno()
    log.close()
    with (tmp_path / "other").open("wb", buffering=0) as other:
        os.dup2(other.fileno(), before)
        log.add("late")
        log.close()
        os.fstat(before)
        if before != other.fileno():
            os.close(before)
    assert (tmp_path / "other").read_bytes() == b""


def test_a_log_that_cannot_be_written_stops_nobody(log, monkeypatch):
    def full(fd, data):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(logs, "append", full)
    log.add("opened")
    log.close()
