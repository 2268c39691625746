"""The lines of the vendors' batches: requests read, results written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from providers.emulator import anthropic, gemini, openai, responses
from providers.emulator.jobs import End, Job
from providers.emulator.vendors import BadRequest, Trouble, Vendor

__all__ = ["FORMS", "Form", "Result", "Which"]

Which = Literal["output", "errors"]
"""Into which of a batch's files a result goes."""


@dataclass(frozen=True, slots=True)
class Result:
    """One line of a batch's results."""

    which: Which
    line: Mapping[str, Any]


class Form(Protocol):
    """How a vendor writes the lines of batches. Its functions are pure."""

    def realtime(self, job: Job) -> Vendor:
        """Return the vendor's realtime side, which answers a batch's requests."""
        ...

    def request(self, line: Mapping[str, Any]) -> tuple[str, Any]:
        """Return a request's custom id and the body it would have in realtime."""
        ...

    def answered(self, custom_id: str, body: dict[str, Any], ident: str) -> Result: ...

    def refused(self, custom_id: str, trouble: Trouble, vendor: Vendor, ident: str) -> Result: ...

    def unserved(self, custom_id: str, end: End, ident: str) -> Result | None:
        """Return what tells of a request that the batch's end came before, if anything does."""
        ...


class _OpenAI:
    def realtime(self, job: Job) -> Vendor:
        return responses if job.endpoint.endswith("/responses") else openai

    def request(self, line: Mapping[str, Any]) -> tuple[str, Any]:
        return line["custom_id"], line["body"]

    def answered(self, custom_id: str, body: dict[str, Any], ident: str) -> Result:
        return Result("output", self._line(custom_id, ident, response=(200, body)))

    def refused(self, custom_id: str, trouble: Trouble, vendor: Vendor, ident: str) -> Result:
        response = (trouble.status, vendor.error(trouble, ident=ident))
        return Result("errors", self._line(custom_id, ident, response=response))

    def unserved(self, custom_id: str, end: End, ident: str) -> Result | None:
        # That a cancelled line has a code of its own is a guess.
        code = "batch_expired" if end is End.EXPIRED else "batch_cancelled"
        why = "the completion window expired" if end is End.EXPIRED else "the batch was cancelled"
        error = {"code": code, "message": f"This request could not be executed before {why}."}
        return Result("errors", {**self._line(custom_id, ident), "error": error})

    def _line(
        self, custom_id: str, ident: str, *, response: tuple[int, Any] | None = None
    ) -> dict[str, Any]:
        told = response and {
            "status_code": response[0],
            "request_id": f"req_{ident}",
            "body": response[1],
        }
        line = {"id": f"batch_req_{ident}", "custom_id": custom_id}
        return {**line, "response": told, "error": None}


class _Anthropic:
    def realtime(self, job: Job) -> Vendor:  # noqa: ARG002  there is one
        return anthropic

    def request(self, line: Mapping[str, Any]) -> tuple[str, Any]:
        return line["custom_id"], line["params"]

    def answered(self, custom_id: str, body: dict[str, Any], ident: str) -> Result:  # noqa: ARG002
        body["usage"]["service_tier"] = "batch"
        return self._result(custom_id, {"type": "succeeded", "message": body})

    def refused(self, custom_id: str, trouble: Trouble, vendor: Vendor, ident: str) -> Result:
        error = {**vendor.error(trouble, ident=ident), "request_id": None}
        return self._result(custom_id, {"type": "errored", "error": error})

    def unserved(self, custom_id: str, end: End, ident: str) -> Result | None:  # noqa: ARG002
        kind = "expired" if end is End.EXPIRED else "canceled"
        return self._result(custom_id, {"type": kind})

    def _result(self, custom_id: str, result: dict[str, Any]) -> Result:
        return Result("output", {"custom_id": custom_id, "result": result})


RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 500: 13, 503: 14, 504: 4}
"""Google's numbers for what others say with a status."""
UNKNOWN = 2


class _Gemini:
    def realtime(self, job: Job) -> Vendor:  # noqa: ARG002  there is one
        return gemini

    def request(self, line: Mapping[str, Any]) -> tuple[str, Any]:
        if not isinstance(line.get("request"), dict):
            raise BadRequest("The line has no request.")
        return line["key"], line["request"]

    def answered(self, custom_id: str, body: dict[str, Any], ident: str) -> Result:  # noqa: ARG002
        return Result("output", {"key": custom_id, "response": body})

    def refused(self, custom_id: str, trouble: Trouble, vendor: Vendor, ident: str) -> Result:  # noqa: ARG002
        code = RPC_CODES.get(trouble.status, UNKNOWN)
        return Result(
            "output", {"key": custom_id, "error": {"code": code, "message": trouble.message}}
        )

    def unserved(self, custom_id: str, end: End, ident: str) -> Result | None:  # noqa: ARG002
        return None


FORMS: Mapping[str, Form] = {
    "openai": _OpenAI(),
    "anthropic": _Anthropic(),
    "gemini": _Gemini(),
}
