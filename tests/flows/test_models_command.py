"""`octobatch models`: every model with its price, the cheapest first."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from flows.cli.models import listed
from providers import registry

NOW = datetime(2026, 11, 22, tzinfo=UTC)

OWN = """\
format: 1
vendors:
  groq:
    adapter: openai
    key: GROQ_API_KEY
    base_url: https://api.groq.com/openai/v1
    default_model: cheap
    models:
      dear:
        prices:
          - realtime: {input: 1, cached: 1, output: 9}
            batch: null
            source: my contract
            checked: 2026-11-01
      cheap:
        prices:
          - realtime: {input: 1, cached: 0.5, output: 2}
            batch: {input: 1, cached: 1, output: 1}
            source: my contract
            checked: 2026-11-01
            uncertain: all of it
      secret: {}
"""


@pytest.fixture(autouse=True)
def _no_file(monkeypatch):
    monkeypatch.delenv(registry.OWN, raising=False)


@pytest.fixture
def groq(tmp_path, monkeypatch):
    """A vendor of the user's own: one model has no batch, one no price."""
    path = tmp_path / "models.yaml"
    path.write_text(OWN)
    monkeypatch.setenv(registry.OWN, str(path))


def of(lines, name):
    return next(line for line in lines if line.name == name)


def test_all_models_of_all_vendors_are_listed(octo):
    """And a vendor that lists none, at its default."""
    code, out, err = octo("models")
    names = {name for vendor in registry.vendors().values() for name in vendor.models}
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()[1:]} == names | {"gemma-3-270m"}
    assert "input + output in realtime" in err


def test_the_cheapest_comes_first(octo, groq):
    """By input and output together; of unknown price last."""
    out = octo("models", "--provider", "groq")[1]
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "model provider in cached out batch in batch out notes",
        "cheap groq 1 0.5 2 1 1 default, your file, uncertain, no key",
        "dear groq 1 1 9 - - your file, no key",
        "secret groq unknown unknown unknown unknown unknown your file, no key",
    ]


def test_the_list_can_go_by_the_price_in_a_batch(octo):
    """A model without a batch is then among the unknown."""
    rows = json.loads(octo("models", "--batch", "--json")[1])
    known = [
        float(row["today"]["batch"]["input"]) + float(row["today"]["batch"]["output"])
        for row in rows
        if row["today"]
    ]
    assert known == sorted(known)
    assert "input + output in a batch" in octo("models", "--batch")[2]


def test_prices_are_those_of_the_day():
    """With the last day on which they hold, and what comes then."""
    lines = listed(registry.vendors(), (), NOW)
    assert "until 2026-11-30, then 4 / 20" in of(lines, "gemini-4-argon").notes()
    later = of(listed(registry.vendors(), (), datetime(2026, 12, 1, tzinfo=UTC)), "gemini-4-argon")
    assert later.dollars("realtime", "input", "output") == ["4", "20"]
    assert "until" not in later.notes()


def test_long_prompts_are_noted():
    lines = listed(registry.vendors(), (), NOW)
    assert "above 272k x2 / x1.5" in of(lines, "gpt-6-luna").notes()


def test_a_key_that_is_set_is_not_missed(octo, monkeypatch):
    """The others are named with their variables; no key is ever shown."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-hidden")
    _, out, err = octo("models")
    assert "no key" not in next(line for line in out.splitlines() if "claude-haiku-5-5" in line)
    assert "set OPENAI_API_KEY" in err
    assert "ANTHROPIC_API_KEY" not in err
    assert "hidden" not in out + err + octo("models", "--json")[1]


def test_json_tells_everything(octo):
    """Prices as exact strings."""
    rows = {row["model"]: row for row in json.loads(octo("models", "--json")[1])}
    haiku = rows["claude-haiku-5-5"]
    assert haiku["provider"] == "anthropic"
    assert haiku["default"]
    assert not haiku["own"]
    assert haiku["key"] == "ANTHROPIC_API_KEY"
    assert haiku["abilities"]["reasoning"] == ["low", "medium", "high", "xhigh", "max"]
    [row] = haiku["prices"]
    assert row["batch"] == {
        "input": "0.05",
        "cached": "0.005",
        "cache_write": "0.0625",
        "output": "0.25",
    }
    assert row["long_prompt"] == {"above": 100000, "input_factor": "5", "output_factor": "5"}
    assert {"source", "checked", "uncertain", "since", "until"} <= row.keys()
    assert len(rows["gemini-4-argon"]["prices"]) == 2


def test_a_mistyped_provider_is_a_sentence(octo):
    code, _, err = octo("models", "--provider", "opnai")
    assert code == 2
    assert "did you mean 'openai'?" in err


def test_refresh_only_shows(octo):
    """A wrong price would cost money: a person reads it first."""
    before = registry.FILE.read_bytes()
    assert octo("models", "refresh")[0] == 2
    assert "only --dry-run" in octo("models", "refresh")[2]
    code, out, _ = octo("models", "refresh", "--dry-run")
    assert code == 0
    assert "# gemini/gemini-3.5-flash: no batch price" in out
    assert registry.FILE.read_bytes() == before


def test_refresh_says_what_to_install(octo, monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    code, out, err = octo("models", "refresh", "--dry-run")
    assert (code, out) == (2, "")
    assert err == "Error: genai-prices is missing: pip install 'octobatch[dev]'\n"


def test_the_list_needs_no_sdk():
    """Nor Prefect, nor the package with the prices."""
    heavy = {"prefect", "textual", "openai", "anthropic", "google.genai", "genai_prices"}
    code = (
        "import sys; from flows.cli.main import octobatch\n"
        "octobatch.main(['models', '--json'], standalone_mode=False)\n"
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.splitlines()[-1] == "[]"
