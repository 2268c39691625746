"""What may be said of an error outside a run's own folder: nothing that may be a unit's text."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

from pipelines import PipelineError, PipelineNotFound
from providers.errors import IT_SAYS, ProviderError, RequestRejected
from runs import RunError
from tasks.errors import TaskError

__all__ = ["FOR_EXAMPLE", "Withheld", "outward", "outward_fault", "plainly", "withholding"]

FOR_EXAMPLE = "; for example: "
"""In a reason, before what rules have said: they may quote a unit."""

PLAIN = (RunError, TaskError, ProviderError, PipelineNotFound)
"""Errors whose own words name runs, steps, models, keys' variables; never a unit."""
MOST_PLACES = 5


class Withheld(Exception):
    """Stands for an error whose text may hold a unit's. The error itself stays in this process."""

    def __init__(self, message: str, original: Exception | None = None) -> None:
        super().__init__(message)
        self.original = original

    def __reduce__(self) -> tuple[type["Withheld"], tuple[str]]:
        """Leave the original behind."""
        return type(self), (str(self),)


def outward(reason: str) -> str:
    """Return a reason without what it quotes."""
    for quote in (FOR_EXAMPLE, IT_SAYS):
        reason = reason.partition(quote)[0]
    return reason


def outward_fault(error: str) -> str:
    """Return of an error that failed a run, as the manifest has it, what may be said elsewhere."""
    kind, *_ = error.partition(":")
    return f"{kind}: `octobatch info` shows its text, which may be a unit's."


@contextmanager
def withholding(*plain: type[Exception]) -> Generator[None]:
    """Let errors out that are plain, those of the kinds named as well; others as `Withheld`.

    Prefect keeps what it sees: in the message of a state, and a traceback with all causes in a log.
    """
    try:
        yield
    except Exception as error:
        if all(_is_plain(one, (*PLAIN, *plain)) for one in _chain(error)):
            raise
        raise Withheld(_told(error, (*PLAIN, *plain)), error) from None


@contextmanager
def plainly() -> Generator[None]:
    """Let the errors themselves out that stood withheld."""
    try:
        yield
    except Withheld as error:
        if error.original is None:
            raise
        raise error.original from error.original.__cause__


def _is_plain(error: BaseException, plain: tuple[type[Exception], ...]) -> bool:
    if isinstance(error, RequestRejected) or not isinstance(error, plain):
        return False
    return outward(str(error)) == str(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and all that a traceback shows before it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _told(error: Exception, plain: tuple[type[Exception], ...]) -> str:
    """Return what may be said of an error."""
    kind = type(error).__name__
    match error:
        case PipelineError(problems=problems):
            places = [f"{one.path.name}:{one.line or 1}" for one in problems[:MOST_PLACES]]
            return f"{kind} at {', '.join(places)}: `octobatch check` says what is wrong there."
        case _ if isinstance(error, plain) and not isinstance(error, RequestRejected):
            return f"{kind}: {outward(str(error))}"
        case _:
            return outward_fault(kind)
