"""Lines of batches, whoever's they are: requests written, results read."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from providers.answers import parse
from providers.batch_fields import object_at, text_at
from providers.batches import Line, LineEnd
from providers.channel import Received
from providers.errors import RequestRejected
from providers.http import Dialect, failure

__all__ = ["answered", "dumped", "fields", "framed", "text_of", "told"]

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19


def framed(head: Mapping[str, str], name: str, wire: bytes) -> bytes:
    """Return a JSON object of `head`, and of `wire` as it is, under `name`."""
    return b'%b,"%b":%b}' % (orjson.dumps(head)[:-1], name.encode(), wire)


def fields(line: bytes) -> dict[str, Any]:
    """Return the JSON object that a line holds.

    Raises:
        ValueError: it holds none.
    """
    # orjson reads an integer of more than 64 bits as a float: it would not be the same number.
    long_number = _LONG_NUMBER in line.translate(_DIGITS)  # a tenth of what a pattern takes
    value = (_exact(line) if long_number else None) or parse(line)
    if value is None:
        raise ValueError("the line is no JSON object")
    return value


def _exact(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def text_of(line: Mapping[str, Any], name: str) -> str:
    """Return the text of a name.

    Raises:
        ValueError: there is none.
    """
    value = line.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"the line has no {name}")
    return value


def dumped(value: object) -> bytes:
    """Return the bytes of a JSON value.

    Raises:
        ValueError: it is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        # Half a surrogate pair, a long integer, many levels.
        try:
            return json.dumps(value, separators=(",", ":")).encode()
        except RecursionError as error:
            raise ValueError("the line is nested too deeply") from error


def answered(vendor: str, dialect: Dialect, custom_id: str, status: int, body: object) -> Line:
    """Return what an HTTP answer to one request means, as it would in realtime.

    What is for a person to mend is `UNSERVED`: that is no fault of this request.

    Raises:
        ValueError: it cannot be written down.
    """
    raw = dumped(body)
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        if isinstance(body, dict) and dialect.is_reply(body):
            return Line(custom_id, LineEnd.ANSWERED, raw, status, body=body)
        return Line(
            custom_id, LineEnd.UNSERVED, None, status, "there is no answer of a model in it"
        )
    error = failure(vendor, dialect, Received(status, {}, raw))
    end = LineEnd.REJECTED if isinstance(error, RequestRejected) else LineEnd.UNSERVED
    said = object_at(body, "error") if isinstance(body, dict) else {}
    return Line(custom_id, end, None, status, told(text_at(said, "message") or str(error)))


def told(message: str) -> str:
    """Return words for people, without what no file can hold: half a surrogate pair."""
    return message.encode(errors="replace").decode()
