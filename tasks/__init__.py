"""The verbs on a chunk: plain Python, plus one module that makes them Prefect tasks."""

__all__: list[str] = []
