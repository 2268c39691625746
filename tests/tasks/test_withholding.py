"""What is said of errors outside a run's own folder."""

import pickle
import traceback
from pathlib import Path

import pytest

from pipelines import PipelineError, Problem, TemplateError
from providers.errors import Misconfigured, RequestRejected
from runs import RunNotFound
from tasks.errors import CapReached
from tasks.withholding import Withheld, outward, plainly, withholding

ROW = "a row of somebody's"


def told(error, *, cause=None, plain=()):
    """Return what comes out in place of an error, and its whole traceback."""
    with pytest.raises(Exception) as caught, withholding(*plain):  # noqa: PT011 - any kind
        raise error from cause
    return caught.value, "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "error",
    [RunNotFound("no run"), CapReached("the cap"), Misconfigured("openai: check the key")],
)
def test_plain_errors_are_let_out(error):
    out, _ = told(error)
    assert out is error


def test_other_kinds_can_be_called_plain():
    error = KeyError("plain")
    assert told(error, plain=(KeyError,))[0] is error
    assert isinstance(told(error)[0], Withheld)


@pytest.mark.parametrize(
    "error",
    [
        TemplateError(f"tell.jinja2:3: {ROW}"),
        RequestRejected(400, "invalid", ROW, ROW.encode()),
        ValueError(ROW),
        TimeoutError(ROW),
        PipelineError([Problem(Path("/home/me/items.yaml"), 7, ROW)]),
        Misconfigured(f"openai: delete files; it says: {ROW}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_text_that_may_be_a_units_is_withheld(error):
    """Also in the traceback, which Prefect logs; the kind of error is told."""
    out, shown = told(error)
    assert isinstance(out, Withheld)
    assert str(out).startswith(type(error).__name__)
    assert ROW not in shown
    assert ROW not in repr(out)
    assert ROW.encode() not in pickle.dumps(out)
    with pytest.raises(type(error)) as caught, plainly():
        raise out
    assert caught.value is error


def test_where_a_pipeline_is_wrong_is_told():
    out, _ = told(PipelineError([Problem(Path("/home/me/items.yaml"), 7, ROW)]))
    assert str(out).startswith("PipelineError at items.yaml:7: `octobatch check` says what")


def test_a_plain_error_of_another_is_not_let_out_with_it():
    """A traceback shows causes; who gets the error itself, as in a terminal, gets them too."""
    cause = RequestRejected(413, None, ROW, b"")
    error = Misconfigured("openai: the batch is too large")
    out, shown = told(error, cause=cause)
    assert str(out) == "Misconfigured: openai: the batch is too large"
    assert ROW not in shown
    with pytest.raises(Misconfigured) as caught, plainly():
        raise out
    assert caught.value.__cause__ is cause


def test_what_has_crossed_a_process_stays_what_it_is():
    out = pickle.loads(pickle.dumps(told(ValueError(ROW))[0]))
    with pytest.raises(Withheld), plainly():
        raise out


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("interrupted", "interrupted"),
        (f"canary: 3 x short; for example: {ROW}; it says: {ROW}", "canary: 3 x short"),
        (f"provider: check plan; it says: {ROW}; for example: {ROW}", "provider: check plan"),
    ],
)
def test_a_reason_goes_out_without_what_it_quotes(reason, words):
    assert outward(reason) == words
