"""The live connection to OpenAI, and to every server that speaks its chat completions."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers.channel import Channel, pool, tls
from providers.http import Connection, Dialect, whole
from providers.openai_schema import strict as enforced
from providers.openai_wire import from_wire, to_wire
from providers.protocol import Allowance, Limits, Quota

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from providers.batches import Batches
    from providers.keys import Key

__all__ = ["DIALECT", "allowance", "batches", "connect", "enforced", "from_wire", "to_wire"]


def connect(key: "Key", base_url: str, *, name: str, limits: Limits) -> Connection:
    """Return a live provider. The environment has no say in where it goes and with which key."""
    import httpx2
    import openai

    # It only tells which headers it would send: what sends them is our own pool.
    unused = httpx2.AsyncClient(verify=tls(), trust_env=False)
    client = openai.AsyncOpenAI(api_key=key.reveal(), base_url=base_url, http_client=unused)
    _forget_environment(client)
    channel = Channel(pool(base_url), {**client.default_headers, **client.auth_headers})
    return Connection(name, base_url, key, limits, DIALECT, channel=channel)


def batches(connection: Connection) -> "Batches":
    """Return the batch lane over a connection."""
    from providers.openai_batches import OpenAIBatches

    return OpenAIBatches(connection)


def _forget_environment(client: "AsyncOpenAI") -> None:
    """Undo what OPENAI_ORG_ID, _PROJECT_ID, _ADMIN_KEY and _CUSTOM_HEADERS did to the client."""
    client.organization = client.project = client.admin_api_key = None
    # There is no public way to refuse OPENAI_CUSTOM_HEADERS.
    client._custom_headers = {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _kinds(body: Mapping[str, Any]) -> list[str]:
    error = body.get("error")
    if not isinstance(error, dict):
        return []
    # Some servers repeat the status as a number in `code`: that says nothing new.
    return [error[key] for key in ("code", "type") if isinstance(error.get(key), str)]


def allowance(headers: Mapping[str, str], _now: datetime | None = None) -> Allowance | None:
    """Return what the headers of an answer say of our limits."""
    requests, tokens = _quota(headers, "requests"), _quota(headers, "tokens")
    return Allowance(requests, tokens) if requests or tokens else None


def _quota(headers: Mapping[str, str], what: str) -> Quota | None:
    limit = whole(headers.get(f"x-ratelimit-limit-{what}"))
    if limit is None:
        return None
    return Quota(
        limit=limit,
        remaining=whole(headers.get(f"x-ratelimit-remaining-{what}")),
        reset_seconds=_duration_seconds(headers.get(f"x-ratelimit-reset-{what}", "")),
    )


_DURATION = re.compile(r"([\d.]+)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration_seconds(text: str) -> float | None:
    """Return the seconds of a duration such as `1m3.5s`; None if it is none."""
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    try:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    except ValueError:
        return None


DIALECT = Dialect(
    path=lambda _model: "/chat/completions",
    is_reply=lambda body: body.get("choices"),
    kinds=_kinds,
    unpaid=frozenset({"billing_hard_limit_reached", "billing_not_active", "insufficient_quota"}),
    no_model=frozenset({"model_not_found"}),
    allowance=allowance,
)
