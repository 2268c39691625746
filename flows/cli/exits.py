"""Exit codes, and which error ends with which."""

from enum import IntEnum

from flows.errors import BadRequest, ServerError
from providers.errors import BadAddress, BadRegistry, MissingKey, ProviderError, UnknownProvider
from runs import RunError, disk_trouble
from tasks.errors import TaskError

__all__ = ["Exit", "exit_of"]


class Exit(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    SOME_FAILED = 1
    BAD_INPUT = 2
    CAPPED = 3
    PROVIDER = 4
    WAITING = 5
    OURS = 70
    INTERRUPTED = 130


def exit_of(error: Exception) -> Exit:
    """Return the exit code that `error` stands for."""
    from pipelines import PipelineError, PipelineNotFound, UnknownStep  # half of a command's start

    match error:
        case PipelineError() | PipelineNotFound() | UnknownStep():
            return Exit.BAD_INPUT
        case RunError() | TaskError() | BadRequest():
            return Exit.BAD_INPUT
        case MissingKey() | UnknownProvider() | BadAddress() | BadRegistry():
            return Exit.BAD_INPUT
        case ProviderError() | ServerError():
            return Exit.PROVIDER
        case OSError() if disk_trouble(error) is not None:
            return Exit.PROVIDER
        case _:
            return Exit.OURS
