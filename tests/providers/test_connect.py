"""From a name to a connection: keys, addresses, errors, and what is imported on the way."""

import inspect
import pickle
import subprocess
import sys

import pytest

from providers import errors, keys
from providers.address import checked, is_loopback
from providers.connect import codec, connect
from providers.errors import (
    BadAddress,
    BadRegistry,
    Gone,
    Misconfigured,
    MissingKey,
    RequestRejected,
    Retryable,
    UnknownOutcome,
    UnknownProvider,
    Unreachable,
)
from providers.keys import Key
from providers.preflight import answers, preflight
from providers.protocol import Allowance, Quota
from tests.providers.asking import SDK_WARNINGS
from tests.providers.contracts import SECRET

pytestmark = SDK_WARNINGS

KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GOOGLE_API_KEY",
}
NOT_KEYS = ("GEMINI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_ADMIN_KEY")


async def test_emulator_is_asked_with_its_own_key(contract, vendor, monkeypatch):
    """The real key never reaches it, and no base_url leads past it."""
    monkeypatch.setenv(KEYS[contract.name], SECRET)
    url = vendor.says(body=contract.reply).url.removesuffix("/v1")
    provider = connect(contract.name, emulator_url=url, base_url="https://elsewhere.example/v1")
    await provider.ask(b"{}", model=contract.model)
    await provider.close()
    (head,) = vendor.heads
    assert head.startswith(f"post /{contract.name}{contract.path} ")
    assert contract.head[0].replace(SECRET, "emulated") in head
    assert SECRET not in head


async def test_key_of_the_environment_goes_to_the_address_that_is_named(
    contract, vendor, monkeypatch
):
    monkeypatch.setenv(KEYS[contract.name], SECRET)
    url = vendor.says(body=contract.reply).url.removesuffix("/v1") + contract.base
    provider = connect(contract.name, base_url=url)
    await provider.ask(b"{}", model=contract.model)
    await provider.close()
    assert contract.head[0] in vendor.heads[0]


async def test_own_server_is_asked_without_a_key(vendor):
    provider = connect("local", base_url=vendor.says().url)
    await provider.ask(b"{}", model="gpt-6-luna")
    await provider.close()
    assert provider.name == "local"
    assert "authorization: bearer unused" in vendor.heads[0]


@pytest.mark.parametrize(("provider", "variable"), KEYS.items())
def test_missing_key_names_both_remedies(provider, variable, monkeypatch):
    """Other variables that an SDK would read are no keys here."""
    for name in NOT_KEYS:
        monkeypatch.setenv(name, "sk-x")
    remedies = rf"set {variable}, here or in \.env, or pass --emulate"
    with pytest.raises(MissingKey, match=remedies) as caught:
        connect(provider)
    assert caught.value.variable == variable


@pytest.mark.parametrize("value", ["sk-a\nb", "sk a", "sk-ä", "sk-\x00"])
def test_value_that_is_no_key_is_told_without_showing_it(monkeypatch, value):
    monkeypatch.setattr("os.environ", {"OPENAI_API_KEY": value})
    with pytest.raises(MissingKey) as caught:
        keys.key("openai")
    assert value not in str(caught.value)


def test_spaces_around_a_key_are_forgiven(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " sk-x\n")
    assert keys.key("openai").reveal() == "sk-x"


def test_key_is_not_shown_and_not_pickled():
    secret = Key("sk-x")
    assert f"{secret!r} {secret} {[secret]}" == "*** *** [***]"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_providers_with_a_key_are_listed(monkeypatch):
    assert keys.keys_set() == ()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-x")
    for name in NOT_KEYS:
        monkeypatch.setenv(name, "sk-x")
    assert keys.keys_set() == ("openai", "gemini")


def test_unknown_provider_is_told_the_nearest():
    with pytest.raises(UnknownProvider, match="did you mean 'openai'"):
        codec("opnai")
    with pytest.raises(UnknownProvider, match="there are: openai, anthropic, gemini, local"):
        codec("zzz")


@pytest.mark.parametrize(
    "url",
    ["https://api.example/v1", "http://127.0.0.1:8080/v1", "http://localhost", "http://[::1]:1"],
)
def test_address_over_tls_or_on_this_machine_is_fine(url):
    assert checked(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example/v1",
        "http://127.0.0.1.example/v1",
        "http://localhost.example/",
        "http://10.0.0.1/",
        "ftp://127.0.0.1/",
        "https://user:pw@api.example/v1",
        "https://api.example/v1?x=1",
        "https://",
        "api.example",
        "https://[half",
    ],
)
def test_address_that_would_show_the_key_is_refused(url):
    with pytest.raises(BadAddress):
        checked(url)


def test_emulator_elsewhere_is_refused():
    with pytest.raises(BadAddress):
        connect("openai", emulator_url="https://api.example")


def test_server_without_an_address_is_refused():
    with pytest.raises(BadAddress, match="'local' needs a base_url"):
        connect("local")


def test_loopback_is_an_address_not_a_name_that_looks_like_one():
    assert is_loopback("http://127.1.2.3/")
    assert not is_loopback("http://0.0.0.0/")


ERRORS = [
    UnknownProvider("m", ("a",)),
    MissingKey("m", "V"),
    BadAddress("m"),
    BadRegistry("m"),
    Misconfigured("m"),
    RequestRejected(400, "code", "m", b"{}"),
    Retryable("m", 2.5, 429, Allowance(Quota(500, 7, 1.5))),
    Gone("m"),
    UnknownOutcome("m"),
    Unreachable("m", 7),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), "m", vars(error))


def test_every_error_is_tried_and_drawn_in_the_tree():
    classes = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert classes == set(errors.__all__) - {"IT_SAYS"}
    assert classes == {type(error).__name__ for error in ERRORS} | {"ProviderError"}
    assert errors.__doc__
    assert all(name in errors.__doc__ for name in classes)


async def try_out(vendor, how=preflight):
    provider = connect("local", base_url=vendor.url)
    try:
        return await how(provider, "gpt-6-luna")
    finally:
        await provider.close()


async def test_preflight_is_one_cheap_call(vendor):
    await try_out(vendor.says())
    assert len(vendor.bodies) == 1
    assert b'"max_completion_tokens":16' in vendor.bodies[0]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, None), (403, None), (404, "model_not_found"), (429, "insufficient_quota"), (400, None)],
)
async def test_preflight_says_in_one_line_what_a_person_must_do(vendor, status, code):
    with pytest.raises(Misconfigured) as caught:
        await try_out(vendor.refuses(status, code))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_preflight_does_not_mind_a_busy_provider(vendor, status):
    await try_out(vendor.refuses(status, "rate_limit_exceeded"))


async def test_preflight_does_not_mind_a_garbled_answer(vendor):
    await try_out(vendor.says(body=b"<html>"))


async def test_preflight_notices_that_nobody_is_there(vendor):
    vendor.url = "http://127.0.0.1:1/v1"
    with pytest.raises(Unreachable):
        await try_out(vendor)


async def test_model_that_answers_is_told_from_one_that_does_not(vendor):
    """At the moment, whatever the reason."""
    vendor.says().refuses(429).refuses(503).refuses(400).says(body=b"<html>").refuses(401)
    assert await try_out(vendor, answers)
    for _ in range(4):
        assert not await try_out(vendor, answers)
    with pytest.raises(Misconfigured):
        await try_out(vendor, answers)


async def test_preflight_is_taken_by_every_vendor(contract, emulator):
    """Sixteen tokens are enough to be told whether key, model and account are right."""
    provider = connect(contract.name, emulator_url=emulator)
    await preflight(provider, contract.model)
    assert await answers(provider, contract.model)
    await provider.close()


def test_importing_the_package_imports_no_sdk():
    """The import of an SDK takes a second: only a live connection pays for it."""
    modules = "connect, keys, limit, preflight, prices, registry"
    code = (
        f"import sys; from providers import {modules};"
        "[connect.codec(name) for name in registry.vendors()];"
        "sdks = {'openai', 'anthropic', 'google.genai', 'httpx2', 'aiohttp'};"
        "print((sdks | {'prefect', 'textual', 'genai_prices'}) & sys.modules.keys())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout == "set()\n"
