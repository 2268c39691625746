"""Errors of the verbs, by what the caller can do.

TaskError
├── NoProvider      choose one: the message lists the choices
├── NoPrice         run without a cap, or say what the model costs
├── CapReached      go on with a higher cap
└── NotGivenUp      let its providers be asked: a key, as a rule
"""

from providers.errors import ProviderError

__all__ = ["REFUSALS", "CapReached", "NoPrice", "NoProvider", "NotGivenUp", "TaskError"]


class TaskError(Exception):
    """Base of all errors raised by tasks."""


class NoProvider(TaskError):
    """No step, pipeline or launch says which provider to ask."""


class NoPrice(TaskError):
    """A cap on what is spent cannot hold where the price is unknown."""


class NotGivenUp(TaskError):
    """A run cannot be given up: its batches would be worked on, and paid."""


class CapReached(TaskError):
    """Another call might cost more than the run may still spend."""


REFUSALS = (TaskError, ProviderError)
"""What says in a sentence why nothing comes of it, and what to do; anything else is our fault."""
