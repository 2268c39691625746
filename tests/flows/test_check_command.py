"""`octobatch check` says problems first, then doubts, and its exit code tells them apart."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.main import main

DEMO = Path(__file__).parents[2] / "pipelines" / "NpcDialog"
WRONG = "    timeout: 5\n"
DOUBTFUL = "    max_tokens: 1000000\n"


@pytest.fixture
def check(tmp_path, capsys):
    """Run `octobatch check` on the demo with more said at its first step."""

    def run(more: str, *options: str) -> tuple[object, str, str]:
        folder = tmp_path / "NpcDialog"
        shutil.copytree(DEMO, folder, dirs_exist_ok=True)
        config = (DEMO / "config.yaml").read_text()
        step = "  - name: generate\n"
        assert step in config
        (folder / "config.yaml").write_text(config.replace(step, step + more))
        with pytest.raises(SystemExit) as ended:
            main(["check", str(folder), *options])
        return (ended.value.code, *capsys.readouterr())

    return run


def test_problems_come_before_doubts(check):
    """And the last line counts both."""
    code, out, err = check(WRONG + DOUBTFUL)
    first, second = out.splitlines()
    assert code == 2
    assert "unknown key 'timeout'; did you mean 'timeout_seconds'?" in first
    assert ": doubtful: step 'generate': gpt-6-luna writes 128000 tokens at most" in second
    assert err.startswith("1 problem and 1 doubt in ")


def test_doubts_alone_are_no_failure_unless_that_is_asked_for(check):
    """--strict is for those who want a clean sheet."""
    code, out, err = check(DOUBTFUL)
    assert (code, err) == (0, "")
    assert out.endswith("NpcDialog can be run, with 1 doubt: generate -> score.\n")
    assert check(DOUBTFUL, "--strict")[0] == 2
    assert check("", "--strict")[0] == 0


def test_editors_are_told_both(check):
    """Path, line, column and message of each."""
    code, out, _ = check(WRONG + DOUBTFUL, "--json")
    said = json.loads(out)
    assert code == 2
    assert [len(said["problems"]), len(said["doubts"])] == [1, 1]
    assert said["problems"][0].keys() == {"path", "line", "column", "message"}


def test_a_pipeline_is_checked_for_other_items(check, tmp_path):
    """As `--items` will run it on them."""
    (tmp_path / "other.csv").write_text("id\na\n")
    code, out, _ = check("", "--items", str(tmp_path / "other.csv"))
    assert code == 2
    assert "other.csv: a csv file holds one list" in out


def test_checking_loads_nothing_that_is_slow():
    """Neither Prefect, nor a vendor's SDK, nor a reader of Parquet: it is done in a moment."""
    code = (
        "import sys\nfrom flows.cli.main import main\n"
        "try: main(['check', 'NpcDialog'])\nexcept SystemExit: pass\n"
        "heavy = {'prefect', 'openai', 'pyarrow', 'textual', 'pydantic_monty', 'starlette'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
