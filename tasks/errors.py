"""Errors of the verbs, by what the caller can do.

TaskError
└── NoProvider      choose one: the message lists the choices
"""

__all__ = ["NoProvider", "TaskError"]


class TaskError(Exception):
    """Base of all errors raised by tasks."""


class NoProvider(TaskError):
    """No step, pipeline or launch says which provider to ask."""
