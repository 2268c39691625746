"""What every vendor's connection sends and reads, whatever the environment says."""

import json

import pytest

from providers.channel import environment_proxy
from providers.errors import Retryable
from tests.providers.asking import SDK_WARNINGS, address, ask, connected, failing, wired
from tests.providers.contracts import ELSEWHERE

pytestmark = SDK_WARNINGS


async def test_answer_carries_the_untouched_body_and_the_headers(contract, vendor):
    """Bytes go out and come back as they are."""
    body = b" " + json.dumps(contract.reply, indent=1).encode() + b"\n"
    answer = await ask(contract, vendor.says(body=body, x_more="7"))
    assert (answer.raw, answer.status, answer.body) == (body, 200, contract.reply)
    assert answer.headers["X-More"] == "7"
    assert answer.seconds > 0
    assert vendor.bodies == [wired(contract)]


async def test_request_is_sent_once_to_the_base_url_with_the_key(contract, vendor):
    await ask(contract, vendor.says(body=contract.reply))
    (head,) = vendor.heads
    assert head.startswith(f"post {contract.path} ")
    lines = head.split("\r\n")
    assert "content-type: application/json" in lines
    for line in contract.head:
        assert lines.count(line) == 1


def test_reply_is_read(contract):
    """Counted the same way, whichever way the vendor counts; thoughts are no part of the text."""
    assert contract.adapter.from_wire(contract.reply) == contract.read


async def test_connection_is_used_again(contract, vendor):
    vendor.says(body=contract.reply)
    async with connected(contract, address(contract, vendor)) as provider:
        for _ in range(3):
            await provider.ask(wired(contract), model=contract.model)
    assert (len(vendor.heads), vendor.connections) == (3, 1)


async def test_half_a_surrogate_pair_in_a_reply_is_an_answer(contract, vendor):
    """A reply that was cut within an emoji."""
    body = json.dumps(contract.reply).replace('label\\"', "label\\ud83d").encode()
    assert rb"\ud83d" in body
    assert (await ask(contract, vendor.says(body=body))).raw == body


async def test_limits_that_the_vendor_tells_are_read(contract, vendor):
    """From the headers of replies, and of refusals that pass."""
    rates = {name.replace("-", "_"): value for name, value in contract.rates.items()}
    answer = await ask(contract, vendor.says(body=contract.reply, **rates))
    assert answer.allowance == contract.allowance
    vendor.script.clear()
    error = await failing(contract, vendor.says(429, contract.busy, **rates))
    assert isinstance(error, Retryable)
    assert error.allowance == contract.allowance


@pytest.mark.parametrize("value", ["", "many", "-1", "1e3", "9" * 5000, "1m-3s", "1.2.3s"])
async def test_limits_that_make_no_sense_are_nothing(contract, vendor, value):
    rates = {name.replace("-", "_"): value for name in contract.rates}
    answer = await ask(contract, vendor.says(body=contract.reply, **rates))
    assert answer.allowance is None


@pytest.fixture
def stray(contract, tmp_path, monkeypatch):
    """Set all that a vendor's SDK reads to something that would show."""

    def placed(text):
        return text.replace("{dir}", str(tmp_path))

    def stray():
        for name, content in contract.files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(placed(content))
        (tmp_path / ".netrc").write_text("default login stray password stray\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        for name, value in contract.environment.items():
            monkeypatch.setenv(name, placed(value))
            monkeypatch.setenv(name.lower(), placed(value))

    return stray


async def test_environment_has_no_say(contract, vendor, stray):
    """What arrives is the same to the byte, whatever the SDK finds in variables and files."""
    vendor.says(body=contract.reply)
    await ask(contract, vendor)
    stray()
    await ask(contract, vendor)
    before, after = vendor.heads
    assert after == before
    assert vendor.bodies[0] == vendor.bodies[1]


@pytest.mark.parametrize("proxied", ["plain", "with a password"])
async def test_proxy_is_all_that_the_environment_has_for_distant_addresses(
    contract, vendor, stray, monkeypatch, proxied
):
    """A company's proxy must work; the files of other programs have no say here either."""
    stray()
    proxy = vendor.says(body=contract.reply).url.removesuffix("/v1")
    if proxied == "with a password":
        proxy = proxy.replace("http://", "http://user:word@")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    url = f"http://vendor.example{contract.base}"
    async with connected(contract, url) as provider:
        await provider.ask(wired(contract), model=contract.model)
    (head,) = vendor.heads
    lines = head.split("\r\n")
    assert lines[0] == f"post http://vendor.example{contract.path} http/1.1"
    authorizations = [line for line in lines if line.startswith("authorization")]
    assert authorizations == [line for line in contract.head if line.startswith("authorization")]
    assert ("proxy-authorization" in head) == (proxied == "with a password")


def test_no_proxy_is_heeded(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", ELSEWHERE)
    monkeypatch.delenv("no_proxy", raising=False)
    assert environment_proxy("https://vendor.example") == ELSEWHERE
    monkeypatch.setenv("NO_PROXY", "vendor.example")
    assert environment_proxy("https://vendor.example") is None
    assert environment_proxy("https://vendor.example:444/v1") is None


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HTTPS_PROXY", "http://proxy:8080", "http://proxy:8080"),
        ("HTTPS_PROXY", "user:word@proxy:8080", "http://user:word@proxy:8080"),
        ("ALL_PROXY", "http://proxy:8080", "http://proxy:8080"),
        ("HTTP_PROXY", "http://proxy:8080", None),
        ("HTTPS_PROXY", "", None),
    ],
)
def test_proxy_of_the_environment(monkeypatch, variable, value, expected):
    monkeypatch.setattr("os.environ", {variable: value})
    assert environment_proxy("https://vendor.example") == expected
