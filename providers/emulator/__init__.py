"""The providers' stand-in: a process on this machine that speaks their wire formats."""

__all__: list[str] = []
