"""The models we know, and the user's own file over them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from providers import prices, registry
from providers.errors import BadRegistry, Misconfigured, UnknownProvider
from providers.neutral import Request
from providers.rows import Abilities, Model

NOW = datetime(2026, 11, 22, tzinfo=UTC)

MODELS = [
    pytest.param(model, id=f"{provider}/{name}")
    for provider, vendor in registry.ours().items()
    for name, model in vendor.models.items()
]

GROQ = """\
format: 1
vendors:
  groq:
    adapter: openai
    key: GROQ_API_KEY
    base_url: https://api.groq.com/openai/v1
    default_model: llama-9
    models:
      llama-9:
        abilities: {seed: false}
        prices:
          - realtime: {input: 0.1, cached: 0.1, output: 0.3}
            batch: null
            source: my contract
            checked: 2026-11-01
"""

GPT = """\
format: 1
shared:
  mine: &mine {source: my contract, checked: 2026-11-01}
vendors:
  openai:
    models:
      gpt-6-luna:
        prices:
          - realtime: {input: 0.07, cached: 0.007, output: 0.3}
            batch: {input: 0.03, cached: 0.003, output: 0.1}
            <<: *mine
      gpt-of-mine: {}
"""


@pytest.fixture(autouse=True)
def _no_file(monkeypatch):
    monkeypatch.delenv(registry.OWN, raising=False)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write the user's own file and name it in the environment."""

    def write(text):
        path = tmp_path / "my-models.yaml"
        path.write_text(text)
        monkeypatch.setenv(registry.OWN, str(path))
        return path

    return write


def refusal(own, text):
    path = own(text)
    with pytest.raises(BadRegistry) as error:
        registry.vendors()
    return str(error.value).removeprefix(str(path))


# --- ours -------------------------------------------------------------------------------------


def test_each_vendor_has_its_address_key_and_default():
    """The default is a model we know; its emulator speaks on a path of its own."""
    said = {
        name: (vendor.key, vendor.base_url, vendor.emulator_path, vendor.default_model)
        for name, vendor in registry.vendors().items()
        if vendor.key
    }
    assert said == {
        "openai": ("OPENAI_API_KEY", "https://api.openai.com/v1", "/openai/v1", "gpt-6-luna"),
        "anthropic": (
            "ANTHROPIC_API_KEY",
            "https://api.anthropic.com",
            "/anthropic",
            "claude-haiku-5-5",
        ),
        "gemini": (
            "GOOGLE_API_KEY",
            "https://generativelanguage.googleapis.com",
            "/gemini",
            "gemini-3.5-flash-lite",
        ),
    }
    for name in said:
        assert registry.default_model(name) in registry.vendor(name).models


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_batches_have_limits(provider):
    """A batch fits into the queues, and ends within days."""
    limits = registry.batch_limits(provider)
    assert limits.requests <= (limits.queued_requests or limits.requests)
    assert limits.size_bytes >= 200_000_000
    assert 24 <= limits.window_hours <= 48
    assert limits.queued_tokens_of.keys() <= registry.vendor(provider).models.keys()


def test_a_server_of_ones_own_has_no_batches():
    with pytest.raises(Misconfigured, match="no batch lane"):
        registry.batch_limits("local")


def test_mistyped_provider_gets_the_nearest():
    with pytest.raises(UnknownProvider, match="did you mean 'anthropic'"):
        registry.vendor("antropic")


@pytest.mark.parametrize("model", MODELS)
def test_abilities_agree_with_each_other(model):
    """All is known of our models, and what is sent without being asked for fits."""
    known = model.abilities
    assert known.max_output
    assert known.reasoning is not None
    assert (known.default_max_tokens or 4096) <= known.max_output
    if known.thinking_budgets:
        assert max(known.thinking_budgets.values()) < known.max_output
    # With effort none a model does not think: it needs no room for thoughts.
    assert not (known.default_max_tokens and "none" in known.reasoning)


def test_settings_a_model_does_not_take_are_named():
    request = Request("u", "m", None, (), temperature=0.1, reasoning="low", seed=1)

    def ignored(provider, model):
        return registry.abilities(provider, model).ignored(request)

    assert ignored("openai", "gpt-4o-mini") == ("reasoning",)
    assert ignored("openai", "gpt-6-luna") == ("temperature",)
    assert ignored("openai", "somebody-elses") == ()
    assert ignored("anthropic", "claude-haiku-5-5") == ("temperature", "seed")
    assert ignored("anthropic", "claude-haiku-4-5") == ("seed", "reasoning")
    assert ignored("gemini", "gemini-3.5-flash-lite") == ("temperature",)
    assert ignored("gemini", "gemini-2.5-flash") == ()


def test_efforts_of_a_model_that_counts_thoughts_are_numbers():
    """Pro cannot do without thinking."""
    flash = registry.abilities("gemini", "gemini-2.5-flash").thinking_budgets
    pro = registry.abilities("gemini", "gemini-2.5-pro").thinking_budgets
    assert flash == {"none": 0, "low": 1024, "medium": 8192, "high": 24576}
    assert pro
    assert min(pro.values()) >= 128


def test_an_effort_without_its_budget_is_refused():
    with pytest.raises(ValidationError, match="thinking_budgets"):
        Abilities(reasoning=("low", "high"), thinking_budgets={"low": 1024})


def test_rows_that_overlap_are_refused():
    """Which of two prices would hold?"""
    row = {"realtime": None, "batch": None, "source": "x", "checked": date(2026, 11, 1)}
    march = {**row, "until": date(2026, 3, 2)}
    for later in (row, {**row, "since": date(2026, 3, 1)}):
        with pytest.raises(ValidationError, match="overlap"):
            Model.model_validate({"prices": [march, later]})
    assert Model.model_validate({"prices": [march, {**row, "since": date(2026, 3, 2)}]})


def test_a_row_that_ends_before_it_begins_is_refused():
    row = {"realtime": None, "batch": None, "source": "x", "checked": date(2026, 11, 1)}
    with pytest.raises(ValidationError, match="before it begins"):
        Model.model_validate({"prices": [{**row, "since": "2026-03-02", "until": "2026-03-01"}]})


# --- the user's own file ----------------------------------------------------------------------


def test_a_vendor_of_ones_own_is_known(own):
    """What it leaves out is as with ours that speak the same format."""
    own(GROQ)
    groq = registry.vendor("groq")
    assert groq.key == "GROQ_API_KEY"
    assert groq.emulator_path == registry.vendor("openai").emulator_path
    assert groq.limits == registry.vendor("openai").limits
    assert registry.default_model("groq") == "llama-9"
    assert not registry.abilities("groq", "llama-9").seed
    found = prices.rate("groq", "llama-9", "realtime", NOW)
    assert found is not None
    assert found.output == Decimal("0.3")
    assert prices.rate("groq", "llama-9", "batch", NOW) is None


def test_models_of_our_vendors_are_added_and_replaced(own):
    """As a whole; the vendor's other models stay."""
    own(GPT)
    openai = registry.vendor("openai")
    assert {name for name, model in openai.models.items() if model.own} == {
        "gpt-6-luna",
        "gpt-of-mine",
    }
    assert openai.models.keys() > registry.ours()["openai"].models.keys()
    assert openai.models["gpt-6-luna"].abilities == Abilities()
    found = prices.rate("openai", "gpt-6-luna", "realtime", NOW)
    assert found is not None
    assert found.input == Decimal("0.07")


GEMINI = """\
format: 1
vendors:
  gemini:
    batch_limits:
      jobs: 500
      queued_tokens_of: {gemini-3.8-flash: 400000000}
"""


def test_limits_of_batches_are_overruled_one_by_one(own):
    """Who is of a higher tier says only what is different."""
    ours = registry.batch_limits("gemini")
    own(GEMINI)
    limits = registry.batch_limits("gemini")
    assert (limits.jobs, limits.requests) == (500, ours.requests)
    assert limits.queue("gemini-3.8-flash") == 400_000_000
    assert limits.queue("gemini-3.5-flash-lite") == ours.queue("gemini-3.5-flash-lite")
    assert limits.queue("of-tomorrow") == ours.queued_tokens


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("jobs: 500", "job: 500", ":5: vendors.gemini.batch_limits.job: "),
        ("jobs: 500", "jobs: -1", ":5: vendors.gemini.batch_limits.jobs: "),
        ("{gemini-3.8-flash: 400000000}", "3", "queued_tokens_of: "),
        ("gemini:", "local:", ":4: vendors.local.batch_limits: it has no batch lane"),
    ],
)
def test_a_mistake_in_limits_is_named_with_its_place(own, old, new, said):
    assert said in refusal(own, GEMINI.replace(old, new, 1))


def test_ours_alone_are_unchanged_by_it(own):
    own(GPT)
    assert not any(model.own for model in registry.ours()["openai"].models.values())


def test_another_server_costs_what_the_own_file_says(own):
    """Ours are the vendor's prices: elsewhere they would be wrong."""
    own(GPT)
    assert prices.rate("openai", "gpt-6-sol", "realtime", NOW)
    assert prices.rate("openai", "gpt-6-sol", "realtime", NOW, own_only=True) is None
    assert prices.rate("openai", "gpt-6-luna", "realtime", NOW, own_only=True)
    assert prices.rate("openai", "gpt-of-mine", "realtime", NOW, own_only=True) is None


def test_without_the_variable_there_is_no_own_file(own, monkeypatch):
    own(GROQ)
    assert "groq" in registry.vendors()
    monkeypatch.setenv(registry.OWN, "")
    assert "groq" not in registry.vendors()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("input: 0.1", "input: cheap", ":12: vendors.groq.models.llama-9.prices.0.realtime.input:"),
        ("input: 0.1", "input: -0.1", "greater than or equal to 0"),
        ("input: 0.1, ", "", ":12: vendors.groq.models.llama-9.prices.0.realtime.input: Field"),
        ("            batch: null\n", "", "prices.0.batch: Field required"),
        ("seed: false", "sead: false", ":10: vendors.groq.models.llama-9.abilities.sead: Extra"),
        ("      llama-9:\n", "      llama-9:\n        own: true\n", "llama-9.own: Extra inputs"),
        ("adapter: openai", "adapter: os", ":4: vendors.groq.adapter: 'os' is none of: anthropic"),
        ("https://api", "http://api", ":6: vendors.groq.base_url: base_url 'http://api.groq.com"),
        ("  groq:", "  Groq X:", "vendors.Groq X.[key]:"),
        ("format: 1", "format: 2", ":1: format: Input should be 1"),
        ("adapter: openai", "adapter: [openai", "expected ',' or ']'"),
        ("default_model: llama-9\n", "default_model: a\n    key: B\n", ":8: 'key' is there twice"),
        ("2026-11-01", "2026-02-30", "day"),
    ],
)
def test_a_mistake_is_named_with_its_place(own, old, new, said):
    """The file, the line, the way to it and what is wrong."""
    assert said in refusal(own, GROQ.replace(old, new, 1))


def test_only_models_can_be_added_to_our_vendors(own):
    """A key of ours never goes to another address because of a file."""
    message = refusal(own, GPT.replace("openai:\n", "openai:\n    base_url: https://a.b\n", 1))
    assert message.startswith(":6: vendors.openai.base_url: Extra")


def test_a_key_that_was_pasted_is_not_repeated(own):
    """The file names the variable; the message shows nothing of what stands there."""
    message = refusal(own, GROQ.replace("GROQ_API_KEY", "gsk_secret123"))
    assert "the name of an environment variable" in message
    assert "secret" not in message


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file_is_told_how_to_begin(own, text):
    assert "format: 1" in refusal(own, text)


def test_a_file_that_is_not_there_is_an_error(tmp_path, monkeypatch):
    """A price that somebody meant to give must not be forgotten in silence."""
    monkeypatch.setenv(registry.OWN, str(tmp_path / "gone.yaml"))
    with pytest.raises(BadRegistry, match=r"OCTOBATCH_MODELS names .*gone\.yaml"):
        registry.vendors()


def test_a_list_is_no_registry(own):
    assert refusal(own, "- format: 1\n").startswith(":1: the file:")
