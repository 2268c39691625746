"""The live connection to Anthropic's messages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from providers.anthropic_schema import enforced
from providers.anthropic_wire import from_wire, to_wire
from providers.channel import Channel, pool, tls
from providers.http import Connection, Dialect, whole
from providers.protocol import Allowance, Limits, Quota

if TYPE_CHECKING:
    from providers.batches import Batches
    from providers.keys import Key

__all__ = ["DIALECT", "allowance", "batches", "connect", "enforced", "from_wire", "to_wire"]

TOKENS = ("tokens", "input-tokens", "output-tokens")


def connect(key: "Key", base_url: str, *, name: str, limits: Limits) -> Connection:
    """Return a live provider. The environment has no say in where it goes and with which key."""
    import anthropic
    import httpx2

    # It only tells which headers it would send: what sends them is our own pool.
    unused = httpx2.AsyncClient(verify=tls(), trust_env=False)
    client = anthropic.AsyncAnthropic(api_key=key.reveal(), base_url=base_url, http_client=unused)
    # There is no public way to refuse ANTHROPIC_CUSTOM_HEADERS.
    client._custom_headers = {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    channel = Channel(pool(base_url), {**client.default_headers, **client.auth_headers})
    return Connection(name, base_url, key, limits, DIALECT, channel=channel)


def batches(connection: Connection) -> "Batches":
    """Return the batch lane over a connection."""
    from providers.anthropic_batches import AnthropicBatches

    return AnthropicBatches(connection)


def _kinds(body: Mapping[str, Any]) -> list[str]:
    error = body.get("error")
    if not isinstance(error, dict):
        return []
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    return [kind for kind in (code, error.get("type")) if isinstance(kind, str)]


def allowance(headers: Mapping[str, str], now: datetime) -> Allowance | None:
    """Return what the headers of an answer say of our limits."""
    requests = _quota(headers, "requests", now)
    quotas = [quota for what in TOKENS if (quota := _quota(headers, what, now))]
    tokens = min(quotas, key=_share_left) if quotas else None
    return Allowance(requests, tokens) if requests or tokens else None


def _share_left(quota: Quota) -> float:
    if quota.remaining is None or not quota.limit:
        return 1.0
    return quota.remaining / quota.limit


def _quota(headers: Mapping[str, str], what: str, now: datetime) -> Quota | None:
    limit = whole(headers.get(f"anthropic-ratelimit-{what}-limit"))
    if limit is None:
        return None
    return Quota(
        limit=limit,
        remaining=whole(headers.get(f"anthropic-ratelimit-{what}-remaining")),
        reset_seconds=_seconds_until(headers.get(f"anthropic-ratelimit-{what}-reset", ""), now),
    )


def _seconds_until(text: str, now: datetime) -> float | None:
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())


DIALECT = Dialect(
    path=lambda _model: "/v1/messages",
    is_reply=lambda body: body.get("type") == "message" and "content" in body,
    kinds=_kinds,
    # The spending limit of an organisation comes as 429, and lasts until the next month.
    unpaid=frozenset({"billing_error", "enforced_spend_limit_reached"}),
    bad_key=frozenset({"authentication_error"}),
    no_model=frozenset({"not_found_error"}),
    allowance=allowance,
)
