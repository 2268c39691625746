"""Prefect flows: compile, order, hook; and the command line."""

__all__: list[str] = []
