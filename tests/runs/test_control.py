"""What is asked of a run's holder: heard soon, or not at all."""

import os
import time

import pytest

from runs import RunPaths
from runs.control import Verb, request, requests


@pytest.fixture
def paths(tmp_path):
    return RunPaths(tmp_path)


def test_who_is_interrupted_takes_the_request_back(paths, monkeypatch):
    """The next holder would cancel the run, days later."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runs.control.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        request(paths, Verb.CANCEL)
    assert list(paths.control.iterdir()) == []


def test_what_somebody_asked_who_was_killed_is_not_heeded(paths):
    """A request holds for as long as somebody waits for it."""
    paths.control.mkdir()
    for name, seconds in {"old": -3600, "new": 0, "to_come": 3600}.items():
        file = paths.control / f"{name}.json"
        file.write_text('{"verb": "cancel"}')
        os.utime(file, (time.time() + seconds, time.time() + seconds))
    assert [asked.path.stem for asked in requests(paths)] == ["new"]
