"""What the connection to Anthropic has of its own; the contract suite has the rest."""

from datetime import UTC, datetime

import anthropic
import orjson
import pytest

from providers import anthropic as adapter
from providers.anthropic import DIALECT, allowance, from_wire
from providers.channel import Received
from providers.connect import wire
from providers.errors import Misconfigured, Retryable
from providers.http import failure
from providers.neutral import Request
from providers.protocol import Adapter, Allowance, Quota
from tests.providers.contracts import ANTHROPIC, ELSEWHERE, anthropic_error

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
REQUEST = Request(
    key="u1",
    model="claude-haiku-5-5",
    system="You label tickets.",
    turns=(("user", "printer on fire"), ("assistant", "b"), ("user", "again")),
    max_tokens=200,
    reasoning="low",
    schema={
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
        "required": ["label"],
    },
)
WIRE = wire("anthropic", REQUEST)


def rates(kind, **told) -> dict[str, str]:
    return {f"anthropic-ratelimit-{kind}-{what}": value for what, value in told.items()}


def test_module_is_an_adapter():
    """The type checker compares every signature."""
    vendor: Adapter = adapter
    assert vendor.from_wire is from_wire


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-22T12:00:30Z", 30.0),
        ("2026-11-22T12:00:01.500Z", 1.5),
        ("2026-11-22T13:00:30+01:00", 30.0),
        ("2026-11-22T12:00:30", 30.0),
        ("2026-11-22T11:59:00Z", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_resets_are_times(text, seconds):
    told = rates("requests", limit="500", remaining="7", reset=text)
    assert allowance(told, NOW) == Allowance(requests=Quota(500, 7, seconds))


def test_kind_of_tokens_of_which_least_is_left_counts():
    """Input and output have limits of their own: the one that will stop us first is told."""
    told = {
        **rates("tokens", limit="1000", remaining="900"),
        **rates("input-tokens", limit="800", remaining="100"),
        **rates("output-tokens", limit="200", remaining="150"),
    }
    assert allowance(told, NOW) == Allowance(tokens=Quota(800, 100, None))


def test_limit_without_what_is_left_of_it_counts_last():
    told = {**rates("tokens", limit="9"), **rates("input-tokens", limit="800", remaining="799")}
    assert allowance(told, NOW) == Allowance(tokens=Quota(800, 799, None))
    assert allowance(rates("tokens", limit="0", remaining="0"), NOW) == Allowance(
        tokens=Quota(0, 0, None)
    )


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"error_code": "enforced_spend_limit_reached"}, Misconfigured),
        ({"error_code": "something_new"}, Retryable),
        ({"error_code": 7}, Retryable),
        (["enforced_spend_limit_reached"], Retryable),
        ("enforced_spend_limit_reached", Retryable),
        (None, Retryable),
    ],
)
def test_details_tell_a_spent_account_from_a_hurried_one(details, expected):
    body = anthropic_error("rate_limit_error")
    body["error"]["details"] = details
    error = failure("anthropic", DIALECT, Received(429, {}, orjson.dumps(body)))
    assert type(error) is expected


def test_type_counts_whatever_the_status():
    """A gateway may have a status of its own."""
    body = orjson.dumps(anthropic_error("authentication_error"))
    assert type(failure("anthropic", DIALECT, Received(400, {}, body))) is Misconfigured


async def test_profile_on_disk_is_a_trap(tmp_path, monkeypatch):
    """Left to itself, the SDK goes where a file says: the contract suite shows that we do not."""
    for name, content in ANTHROPIC.files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content.replace("{dir}", str(tmp_path)))
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(tmp_path))
    async with anthropic.AsyncAnthropic() as client:
        assert str(client.base_url).rstrip("/") == ELSEWHERE


async def test_typed_api_speaks_the_same_wire_format(vendor):
    """Drift of the SDK's contract shows here: it sends our body and reads our reply."""
    body = orjson.loads(WIRE)
    url = vendor.says(body=ANTHROPIC.reply).url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as client:
        typed = await client.messages.create(**body)
    assert orjson.loads(vendor.bodies[0]) == body
    assert vendor.heads[0].startswith(f"post {ANTHROPIC.path} ")
    assert [block.text for block in typed.content if block.type == "text"] == [ANTHROPIC.read.text]
    assert (typed.model, typed.id) == (ANTHROPIC.read.model, ANTHROPIC.read.request_id)
    type(typed).model_validate(ANTHROPIC.reply, strict=True)
