"""What every test stands on: its own runs folder, no keys, no network but loopback."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from providers.emulator import client

# Machines are shared: how long an example takes says nothing of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY")


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


def forget_children() -> None:
    """Take leave of stopped emulators, or their values warn when Python ends."""
    for child in client._started:
        with suppress(subprocess.TimeoutExpired):
            child.wait(5)
