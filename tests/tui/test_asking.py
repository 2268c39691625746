"""The command is asked, and what it says is understood."""

import sys

import pytest

from tests.tui.shelf import change, put
from tui.asking import Checked, Question, ask


def answered(question: Question | None) -> Checked | None:
    assert question is not None
    question._process.wait(60)
    assert question.is_over()
    return question.answer()


def test_the_command_knows_who_can_be_asked(tmp_path):
    folder = put(tmp_path)
    change(folder, "provider: openai", "provider: opnai")
    found = answered(ask(folder))
    assert found is not None
    assert any("there is no provider 'opnai'" in problem.message for problem in found.problems)


def test_where_there_is_no_command_nobody_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert ask(tmp_path) is None


@pytest.mark.parametrize(
    "says", ["echo '[1'", "echo '{}'; exit 2", "echo '{\"problems\": 3}'", "exit 70"]
)
def test_what_cannot_be_understood_says_nothing(tmp_path, monkeypatch, says):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    command = tmp_path / "octobatch"
    command.write_text(f"#!/bin/sh\n{says}\n")
    command.chmod(0o700)
    assert answered(ask(tmp_path)) is None


def test_a_question_is_dropped(tmp_path):
    question = ask(put(tmp_path))
    assert question is not None
    question.drop()
    assert question.is_over()
