"""Who answers a step: command line over step over pipeline over the provider's default model."""

import json
from datetime import UTC, datetime

import pytest
import yaml

import pipelines
from pipelines import Launch
from providers.errors import UnknownProvider
from tasks.choose import Asked, choose, settle_choice
from tasks.errors import NoProvider

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OURS = "https://gateway.example/v1"
THEIRS = "https://theirs.example/v1"


@pytest.fixture
def make(tmp_path):
    """Make a pipeline of one step with these settings for its api and its step."""

    def make(api=None, step=None):
        folder = tmp_path / "Small"
        for name in ("templates", "schemas"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        config = {"name": "Small", "items_source": "items.yaml", "api": api or {}}
        config["pipeline"] = [
            {"name": "ask", "template": "ask.jinja2", "output_schema": "a.json", **(step or {})}
        ]
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        (folder / "items.yaml").write_text("- {name: first}\n")
        (folder / "templates" / "ask.jinja2").write_text("Ask {{ name }}.")
        (folder / "schemas" / "a.json").write_text(json.dumps({"type": "object"}))
        return pipelines.load(folder)

    return make


def chosen(pipeline, **launch):
    return choose(pipeline, pipeline.steps[0], Launch(**launch))


OPENAI = {"provider": "openai", "model": "gpt-6-sol"}


@pytest.mark.parametrize(
    ("api", "step", "launch", "asked"),
    [
        # the pipeline says who
        (OPENAI, {}, {}, ("openai", "gpt-6-sol")),
        ({"provider": "openai"}, {}, {}, ("openai", "gpt-6-luna")),
        # a step says more
        (OPENAI, {"model": "gpt-6-terra"}, {}, ("openai", "gpt-6-terra")),
        (OPENAI, {"provider": "local"}, {}, ("local", "gemma-3-270m")),
        (OPENAI, {"provider": "local", "model": "own"}, {}, ("local", "own")),
        ({}, {"provider": "openai", "model": "gpt-6-terra"}, {}, ("openai", "gpt-6-terra")),
        # the command line says most
        (OPENAI, {"model": "gpt-6-terra"}, {"model": "mine"}, ("openai", "mine")),
        (OPENAI, {}, {"provider": "local"}, ("local", "gemma-3-270m")),
        (OPENAI, {"model": "gpt-6-terra"}, {"provider": "local"}, ("local", "gemma-3-270m")),
        (OPENAI, {"provider": "local", "model": "own"}, {"provider": "local"}, ("local", "own")),
        (OPENAI, {"provider": "local"}, {"provider": "openai"}, ("openai", "gpt-6-sol")),
        ({}, {}, {"provider": "openai"}, ("openai", "gpt-6-luna")),
        (OPENAI, {}, {"provider": "local", "model": "mine"}, ("local", "mine")),
        # a model on this machine answers everything
        (OPENAI, {"provider": "openai"}, {"local": "default"}, ("local", "gemma-3-270m")),
        ({}, {}, {"local": "/models/own.gguf", "model": "own"}, ("local", "own")),
        # the emulator stands in for whoever would be asked
        (OPENAI, {}, {"emulate": True}, ("openai", "gpt-6-sol")),
    ],
)
def test_the_nearest_word_counts(make, api, step, launch, asked):
    """And a model named for another provider says nothing about this one."""
    assert chosen(make(api, step), **launch) == Asked(*asked)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "no key is set"),
        ({"OPENAI_API_KEY": " "}, "no key is set"),
        ({"OPENAI_API_KEY": "sk-secret"}, "keys are set for: openai"),
    ],
)
def test_without_a_provider_the_choices_are_listed(make, monkeypatch, keys, said):
    """Which step, who could be asked, whose key is set, and the way without any."""
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoProvider) as error:
        chosen(make())
    message = str(error.value)
    assert "step 'ask' of Small" in message
    assert "--provider (one of: openai" in message
    assert said in message
    assert "--emulate" in message
    assert "sk-secret" not in message


def test_an_unknown_provider_names_the_nearest(make):
    """A typing mistake costs no run."""
    with pytest.raises(UnknownProvider, match="did you mean 'openai'"):
        chosen(make(), provider="openia")


@pytest.mark.parametrize(
    ("api", "step", "provider", "url"),
    [
        ({"provider": "openai", "base_url": OURS}, {}, "openai", OURS),
        ({"provider": "openai", "base_url": OURS}, {"base_url": THEIRS}, "openai", THEIRS),
        ({"provider": "openai"}, {"provider": "local", "base_url": THEIRS}, "local", THEIRS),
        ({}, {"provider": "openai", "base_url": THEIRS}, "openai", THEIRS),
        # somebody else is asked than the address is meant for
        ({"provider": "openai", "base_url": OURS}, {}, "local", None),
        ({"provider": "openai", "base_url": OURS}, {"provider": "local"}, "local", None),
        ({"provider": "local", "base_url": OURS}, {}, "openai", None),
        ({"provider": "openai"}, {"provider": "local", "base_url": THEIRS}, "openai", None),
        (
            {"provider": "openai", "base_url": OURS},
            {"provider": "local", "base_url": THEIRS},
            "openai",
            OURS,
        ),
        ({"base_url": OURS}, {}, "openai", None),
        ({}, {"base_url": THEIRS}, "openai", None),
    ],
)
def test_a_key_goes_only_to_the_address_given_for_its_provider(make, api, step, provider, url):
    """An address of one provider must never be shown the key of another."""
    pipeline = make(api, step)
    choice = settle_choice(pipeline, pipeline.steps[0], Asked(provider, "m"), base_url=None, at=NOW)
    assert choice.base_url == url


def test_a_server_that_we_started_has_its_own_address(make):
    """Whatever the pipeline says, --local asks the server it started."""
    pipeline = make({"provider": "openai", "base_url": OURS})
    asked = Asked("local", "gemma-3-270m")
    choice = settle_choice(
        pipeline, pipeline.steps[0], asked, base_url="http://127.0.0.1:9/v1", at=NOW
    )
    assert choice.base_url == "http://127.0.0.1:9/v1"


def test_an_unknown_model_has_no_price_and_no_limits_of_its_own(make):
    """Nothing is made up: the rate is None, the room is the usual one."""
    pipeline = make(OPENAI)
    choice = settle_choice(
        pipeline, pipeline.steps[0], Asked("openai", "gpt-99"), base_url=None, at=NOW
    )
    assert choice.rate is None
    assert (choice.max_tokens, choice.max_output) == (4096, 8 * 4096)


def test_room_for_an_answer_is_never_more_than_the_model_has(make):
    """What a step asks for is cut to what the model gives."""
    pipeline = make(OPENAI, {"max_tokens": 100_000_000})
    choice = settle_choice(
        pipeline, pipeline.steps[0], Asked("openai", "gpt-6-luna"), base_url=None, at=NOW
    )
    assert choice.max_tokens == choice.max_output < 100_000_000
