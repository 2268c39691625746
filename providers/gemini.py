"""The live connection to Gemini's generateContent."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from providers.channel import Channel, pool, tls
from providers.gemini_schema import enforced
from providers.gemini_wire import from_wire, to_wire
from providers.http import Connection, Dialect
from providers.protocol import Limits

if TYPE_CHECKING:
    from providers.batches import Batches
    from providers.keys import Key

__all__ = ["DIALECT", "batches", "connect", "enforced", "from_wire", "to_wire"]

VERSION = "v1"


def connect(key: "Key", base_url: str, *, name: str, limits: Limits) -> Connection:
    """Return a live provider. The environment has no say in where it goes and with which key."""
    from google import genai
    from google.genai import types

    session = pool(base_url)
    client = genai.Client(
        vertexai=False,
        api_key=key.reveal(),
        http_options=types.HttpOptions(
            base_url=base_url,
            api_version=VERSION,
            aiohttp_client=session,
            # For clients that it makes besides: they are never used, but must not cost or fail.
            client_args={"verify": tls(), "trust_env": False},
            async_client_args={"verify": tls(), "ssl": tls(), "trust_env": False},
            # Not set, the SDK sends a second time by itself what may have been served already.
            retry_options=types.HttpRetryOptions(attempts=1),
        ),
    )
    # There is no public way to ask a client for the headers that it sends.
    headers = client._api_client._http_options.headers or {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return Connection(name, base_url, key, limits, DIALECT, channel=Channel(session, headers))


def batches(connection: Connection) -> "Batches":
    """Return the batch lane over a connection."""
    from providers.gemini_batches import GeminiBatches

    return GeminiBatches(connection)


def _kinds(body: Mapping[str, Any]) -> list[str]:
    """Return the reasons of an error, the status of its body last."""
    error = body.get("error")
    if not isinstance(error, dict):
        return []
    kinds = [*_reasons(error), error.get("status")]
    return [kind for kind in kinds if isinstance(kind, str)]


def _reasons(error: Mapping[str, Any]) -> Iterator[object]:
    for detail in _details(error):
        yield detail.get("reason")
        violations = detail.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            # Ids end in the account's tier; what they begin with says over which time they count.
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                yield DAY_SPENT


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = error.get("details")
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


DAY_SPENT = "daily_quota_spent"
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)s")


def _wait(body: Mapping[str, Any]) -> float | None:
    """Return the seconds of google.rpc.RetryInfo: Gemini sends no Retry-After."""
    error = body.get("error")
    for detail in _details(error) if isinstance(error, dict) else ():
        if found := _DELAY.fullmatch(str(detail.get("retryDelay"))):
            return float(found[1])
    return None


DIALECT = Dialect(
    # A model's name comes from a pipeline: it must not lead to another address.
    path=lambda model: f"/{VERSION}/models/{quote(model, safe='')}:generateContent",
    is_reply=lambda body: "candidates" in body or "promptFeedback" in body,
    kinds=_kinds,
    # FAILED_PRECONDITION: there is no free tier in this country, and no billing account.
    unpaid=frozenset({DAY_SPENT, "BILLING_DISABLED", "FAILED_PRECONDITION"}),
    bad_key=frozenset({"API_KEY_INVALID", "UNAUTHENTICATED"}),
    wait=_wait,
)
