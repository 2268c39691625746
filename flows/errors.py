"""Errors of the doors, by what the caller can do.

FlowError
├── BadRequest    ask differently (exit 2)
├── RunGone       the run directory of a flow run is missing: restore it, or start a new run
└── ServerError   see that a Prefect server answers (exit 4)
"""

__all__ = ["BadRequest", "FlowError", "RunGone", "ServerError"]


class FlowError(Exception):
    """Base of all errors raised by flows."""


class BadRequest(FlowError):
    """What was typed does not make sense together."""


class RunGone(FlowError):
    """A flow run comes back, but its run directory is not there any more."""


class ServerError(FlowError):
    """No Prefect server can be had; the message says what was tried."""
