"""Vendors of models: asking them, reading their answers, their prices and their limits."""

__all__: list[str] = []
