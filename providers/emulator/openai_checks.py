"""What OpenAI finds wrong with a batch's file before it asks a line of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.jsons import loads
from providers.emulator.mischief import Limits

__all__ = ["Checked"]

LINE_FIELDS = frozenset({"body", "custom_id", "method", "url"})
MOST_ERRORS = 100


@dataclass
class Checked:
    """What came of validating a file."""

    endpoint: str
    limits: Limits
    total: int = 0
    found: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    ids: set[str] = field(default_factory=set[str])
    model: Any = None

    @property
    def errors(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self.found)

    def wrong(
        self, code: str, message: str, *, line: int | None = None, param: str | None = None
    ) -> None:
        if len(self.found) < MOST_ERRORS:
            self.found.append({"code": code, "line": line, "message": message, "param": param})

    def line(self, index: int, raw: bytes) -> None:
        """Check a line; the codes but for those of JSON and duplicates are guesses."""
        number, most = index + 1, self.limits.requests
        if most is not None and index >= most:
            if index == most:
                self.wrong("too_many_requests", f"A batch has {most} requests at most.")
            return
        try:
            line = loads(raw)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            message = "This line is not parseable as valid JSON."
            self.wrong("invalid_json_line", message, line=number)
            return
        for code, message, param in self._complaints(line):
            self.wrong(code, message, line=number, param=param)

    def _complaints(self, line: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
        custom_id, body = line.get("custom_id"), line.get("body")
        if not isinstance(custom_id, str) or not custom_id:
            yield "missing_required_parameter", "Missing required parameter.", "custom_id"
        elif custom_id in self.ids:
            message = f"The custom_id {custom_id!r} for this request is a duplicate of another."
            yield "duplicate_custom_id", message, "custom_id"
        else:
            self.ids.add(custom_id)
        if line.keys() - LINE_FIELDS:
            yield "unknown_parameter", "The line has unknown parameters.", ""
        if line.get("method") != "POST":
            yield "invalid_method", "The method of a request is POST.", "method"
        if line.get("url") != self.endpoint:
            message = "The URL provided for this request does not match the batch endpoint."
            yield "invalid_url", message, "url"
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            yield "missing_required_parameter", "Missing required parameter.", "body.model"
            return
        self.model = self.model or body["model"]
        if body["model"] != self.model:
            message = "The model for this request does not match the rest of the batch."
            yield "mismatched_model", message, "body.model"
