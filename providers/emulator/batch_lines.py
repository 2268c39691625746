"""One line of a batch: the same answer that its request would get in realtime.

What a rehearsed reply, a draw or a seed hangs on is the SHA-256 of the request's body as compact
JSON with its keys in the order in which they came, `orjson.dumps(line["body"])`: exactly what
the realtime lane sends, so that both lanes get the same replies.
"""

from dataclasses import dataclass
from hashlib import sha256

from providers.emulator.forms import FORMS, Form, Result
from providers.emulator.jobs import End, Job
from providers.emulator.jsons import dumps, loads
from providers.emulator.memory import Memory
from providers.emulator.mischief import BatchRule, Mischief
from providers.emulator.model import Asked, Said, Usage, answer
from providers.emulator.replies import Unsatisfied
from providers.emulator.script import Do, Rule
from providers.emulator.vendors import BadRequest, Sent, Trouble, Vendor

__all__ = ["Answers", "Outcome", "befalls_lines"]

HEADERS = {"anthropic-version": "2026-10-21"}
"""What a vendor reads in a header came with the whole batch."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of one request line."""

    results: tuple[Result, ...]
    usage: Usage | None = None
    """What it costs; None: nothing."""
    model: str = ""
    request: str = ""
    """SHA-256 of the request's body, in hexadecimal."""


def befalls_lines(rule: Rule) -> bool:
    """Say whether a fault of the script can befall a line: what the network does cannot."""
    return rule.do.by_model or rule.do is Do.STATUS


class Answers:
    """Answers the lines of one batch."""

    def __init__(self, job: Job, memory: Memory, faults: Mischief) -> None:
        self._job = job
        self._memory = memory
        self._faults = faults
        self._form: Form = FORMS[job.vendor]
        self._vendor: Vendor = self._form.realtime(job)
        self._endpoint = f"BATCH {job.endpoint}"

    def served(self, index: int, raw: bytes) -> Outcome:
        """Answer a line."""
        line = loads(raw)
        ident = self._ident(index)
        custom_id = str(line.get("custom_id", line.get("key", "")))
        if (rule := self._faults.errors.get(index)) is not None:
            return Outcome((self._refused(custom_id, _trouble(rule), ident),))
        try:
            custom_id, body = self._form.request(line)
            return self._answered(index, custom_id, dumps(body))
        except BadRequest as error:
            return Outcome((self._refused(custom_id, error.trouble, ident),))

    def unserved(self, index: int, raw: bytes, end: End) -> Outcome:
        """Tell of a line that the end of the batch came before."""
        line = loads(raw)
        custom_id = str(line.get("custom_id", line.get("key", "")))
        told = self._form.unserved(custom_id, end, self._ident(index))
        return Outcome((told,) if told is not None else ())

    def _answered(self, index: int, custom_id: str, wire: bytes) -> Outcome:
        digest, memory, ident = sha256(wire), self._memory, self._ident(index)
        request = digest.digest()
        fault = memory.script.fault(
            self._endpoint, wire, request, memory.matched, concerns=befalls_lines
        )
        if fault is not None and fault.do is Do.STATUS:
            return Outcome((self._refused(custom_id, _scripted(fault), ident),))
        asked = self._vendor.read(Sent(wire, HEADERS, self._job.model))
        try:
            rehearsed = memory.rehearsed(request)
            said = answer(asked, request, rehearsed=rehearsed, fault=fault)
        except Unsatisfied as error:
            trouble = Trouble(400, str(error))
            return Outcome((self._refused(custom_id, trouble, ident),))
        results = [self._written(custom_id, asked, said, ident)]
        if index in self._faults.doubled:
            results *= 2
        if index in self._faults.changed:
            other = answer(asked, request + b"again", rehearsed=None, fault=None)
            results.append(self._written(custom_id, asked, other, f"{ident}x"))
        if index in self._faults.unknown:
            results.append(self._written(f"unknown-{index:06}", asked, said, f"{ident}u"))
        kept = () if index in self._faults.dropped else tuple(results)
        return Outcome(kept, said.usage, asked.model, digest.hexdigest())

    def _written(self, custom_id: str, asked: Asked, said: Said, ident: str) -> Result:
        at = int(self._job.created_wall)
        body = self._vendor.written(asked, said, ident=ident, at=at)
        return self._form.answered(custom_id, body, ident)

    def _refused(self, custom_id: str, trouble: Trouble, ident: str) -> Result:
        return self._form.refused(custom_id, trouble, self._vendor, ident)

    def _ident(self, index: int) -> str:
        return f"{self._job.id[-12:]}{index:06}"


def _trouble(rule: BatchRule) -> Trouble:
    return Trouble(rule.status or 500, rule.message, code=rule.code)


def _scripted(fault: Rule) -> Trouble:
    return Trouble(fault.status or 500, "The emulator's script says so.", code=fault.code)
