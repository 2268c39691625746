"""What every test stands on: its own runs folder, no keys, no network but loopback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines are shared: how long an example takes says nothing of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY")


LONGEST_FIRST = (
    "flows/test_worker.py",
    "crash/",
    "flows/",
    "tui/test_every_key.py",
    "tasks/",
    "tui/",
)
"""A file is taken by one process: one that takes minutes is not to be begun last."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""

    def rank(item: pytest.Item) -> int:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        found = (n for n, part in enumerate(LONGEST_FIRST) if place.startswith(part))
        return next(found, len(LONGEST_FIRST))

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder of the test's own, named by the environment as users would."""
    root = tmp_path / "runs"
    root.mkdir()
    monkeypatch.setenv("OCTOBATCH_RUNS_DIR", str(root))
    monkeypatch.delenv("OCTOBATCH_PIPELINES_DIR", raising=False)
    monkeypatch.delenv("OCTOBATCH_MODELS", raising=False)
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    return root
