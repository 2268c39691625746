"""What the package offers is what it says, and asking for it is cheap."""

import subprocess
import sys

import pipelines


def test_everything_offered_is_there_and_sorted():
    assert sorted(pipelines.__all__) == list(pipelines.__all__)
    assert all(hasattr(pipelines, name) for name in pipelines.__all__)


def test_the_validator_and_the_sandbox_are_loaded_when_they_are_needed():
    code = "import sys, pipelines; print({'pydantic_monty', 'jsonschema_rs'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
