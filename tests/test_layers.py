"""The layers hold at run time too: a static contract cannot see a deferred import."""

import subprocess
import sys

import pytest

HEAVY = {"prefect", "textual", "openai", "anthropic", "google.genai", "starlette", "fastapi"}


def _modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "package", ["pipelines", "runs", "providers", "tasks", "flows", "flows.cli"]
)
def test_importing_a_package_loads_nothing_heavy(package):
    """No command pays for Prefect, a screen or a vendor's SDK before it needs one."""
    assert not _modules_after(f"import {package}") & HEAVY


@pytest.mark.parametrize(
    ("package", "strangers"),
    [
        ("pipelines", {"runs", "providers", "tasks", "flows"}),
        ("runs", {"pipelines", "providers", "tasks", "flows"}),
        ("providers", {"pipelines", "runs", "tasks", "flows"}),
        ("tasks.work", {"flows"}),
    ],
)
def test_a_package_loads_no_layer_it_may_not_know(package, strangers):
    """pipelines, runs and providers are independent; tasks never reaches up."""
    assert not _modules_after(f"import {package}") & strangers


@pytest.mark.parametrize("package", ["flows.cli", "tui.app"])
def test_what_reads_pipelines_is_loaded_when_it_is_needed(package):
    """It takes as long as all else together: commands and the first screen are there without it."""
    assert not _modules_after(f"import {package}") & {"pipelines", "pydantic", "jinja2"}
