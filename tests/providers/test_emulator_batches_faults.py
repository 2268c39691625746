"""Every fault of batches, seen once as it comes over the wire."""

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest

from providers.emulator import client

HEADERS = {
    "authorization": "Bearer emulated",
    "anthropic-version": "2026-10-21",
    "x-goog-api-key": "emulated",
}
CREATE = {
    "openai": "/openai/v1/batches",
    "anthropic": "/anthropic/v1/messages/batches",
    "gemini": "/gemini/v1/models/gemini-3.8-flash:batchGenerateContent",
}
LISTS = {**CREATE, "gemini": "/gemini/v1/batches"}
VENDORS = list(CREATE)


def openai_line(number, text="Label", **line):
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": f"{text} {number}."}]}
    usual = {"custom_id": f"3f9a1c2b-{number:06}", "method": "POST", "url": "/v1/chat/completions"}
    return {**usual, "body": body, **line}


def anthropic_line(number):
    messages = [{"role": "user", "content": f"Label {number}."}]
    params = {"model": "claude-haiku-5-5", "max_tokens": 200, "messages": messages}
    return {"custom_id": f"3f9a1c2b-{number:06}", "params": params}


def gemini_line(number):
    contents = [{"role": "user", "parts": [{"text": f"Label {number}."}]}]
    return {"key": f"3f9a1c2b-{number:06}", "request": {"contents": contents}}


LINE = {"openai": openai_line, "anthropic": anthropic_line, "gemini": gemini_line}


def jsonl(lines):
    return b"".join(
        line if isinstance(line, bytes) else orjson.dumps(line) + b"\n" for line in lines
    )


@dataclass
class Wire:
    """Speaks to a vendor's batches without anybody's client."""

    url: str
    session: aiohttp.ClientSession
    vendor: str = "openai"
    uploads: int = 0

    async def call(self, method, path, **sent) -> tuple[int, Any]:
        url = path if path.startswith("http") else self.url + path
        async with self.session.request(method, url, headers=HEADERS, **sent) as response:
            return response.status, orjson.loads(await response.read())

    async def body(self, lines) -> dict[str, Any]:
        """Return the body that creates a batch, after uploading its lines where that is needed."""
        if self.vendor == "anthropic":
            return {"requests": list(lines)}
        if self.vendor == "gemini":
            return {"batch": {"inputConfig": {"fileName": await self._gemini_file(jsonl(lines))}}}
        return {
            "input_file_id": await self._openai_file(jsonl(lines)),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }

    async def _openai_file(self, content):
        form = aiohttp.FormData({"purpose": "batch"})
        form.add_field("file", content, filename="in.jsonl")
        _, file = await self.call("POST", "/openai/v1/files", data=form)
        return file["id"]

    async def _gemini_file(self, content):
        self.uploads += 1
        head = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(len(content)),
        }
        name = f"files/in-{self.uploads}"
        async with self.session.post(
            f"{self.url}/gemini/upload/v1/files",
            json={"file": {"name": name}},
            headers={**HEADERS, **head},
        ) as response:
            url = response.headers["X-Goog-Upload-URL"]
        head = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
        async with self.session.post(url, data=content, headers=head) as response:
            assert response.headers["X-Goog-Upload-Status"] == "final"
        return name

    async def created(self, lines=None, count=10) -> str:
        """Create a batch and return its id."""
        lines = map(LINE[self.vendor], range(count)) if lines is None else lines
        status, said = await self.call("POST", CREATE[self.vendor], json=await self.body(lines))
        assert status == 200, said
        return said.get("id") or said["name"]

    async def look(self, ident) -> dict[str, Any]:
        base = "/gemini/v1" if self.vendor == "gemini" else CREATE[self.vendor]
        status, said = await self.call("GET", f"{base}/{ident}")
        assert status == 200, said
        return said

    def places(self, said) -> list[str]:
        """Return where the results of a batch are."""
        if self.vendor == "anthropic":
            return list(filter(None, [said["results_url"]]))
        if self.vendor == "gemini":
            name = said["metadata"].get("output", {}).get("responsesFile")
            return [f"{self.url}/gemini/v1/{name}:download?alt=media"] if name else []
        ids = filter(None, [said["output_file_id"], said["error_file_id"]])
        return [f"{self.url}/openai/v1/files/{ident}/content" for ident in ids]

    async def content(self, said) -> bytes:
        whole = b""
        for place in self.places(said):
            async with self.session.get(place, headers=HEADERS) as response:
                assert response.status == 200
                whole += await response.read()
        return whole

    async def broken_off(self, place) -> int:
        """Return how many bytes come before a download breaks off."""
        came = 0
        async with self.session.get(place, headers=HEADERS) as response:
            with contextlib.suppress(aiohttp.ClientError):
                async for block in response.content.iter_any():
                    came += len(block)
                raise AssertionError
        return came

    async def results(self, count=10, lines=None) -> list[dict[str, Any]]:
        """Return the result lines of a new batch, when it is at its end."""
        said = await self.look(await self.created(lines, count))
        return [orjson.loads(line) for line in (await self.content(said)).splitlines()]

    async def listed(self) -> list[str]:
        _, said = await self.call("GET", LISTS[self.vendor])
        return [
            one.get("id") or one["name"] for one in said.get("data", said.get("operations", []))
        ]


@pytest.fixture
async def openais(emulator):
    async with aiohttp.ClientSession() as session:
        yield Wire(emulator, session)


@pytest.fixture(params=VENDORS)
async def wire(emulator, request):
    """Each vendor in turn."""
    async with aiohttp.ClientSession() as session:
        yield Wire(emulator, session, request.param)


def plays(wire, *rules, **batching):
    client.batches(wire.url, rules=rules, **batching)


def ids(lines):
    return [line.get("custom_id", line.get("key")) for line in lines]


def sent(count=10):
    return [f"3f9a1c2b-{number:06}" for number in range(count)]


def state(said):
    return said.get("status") or said.get("processing_status") or said["metadata"]["state"]


def texts(lines):
    return [orjson.dumps(line.get("response", line.get("result"))) for line in lines]


def charged(wire):
    return client.ledger(wire.url).calls


async def test_lines_come_in_order_and_are_charged_once(wire):
    assert ids(await wire.results()) == sent()
    for _ in range(3):
        await wire.listed()
    ledger = client.ledger(wire.url)
    assert (ledger.calls, ledger.repeated) == (10, 0)
    assert {one["calls"] for one in ledger.batch_models.values()} == {10}


async def test_expired_batch_has_the_part_that_was_answered(wire):
    plays(wire, {"do": "expire", "share": 0.4})
    said = await wire.look(await wire.created())
    assert (
        state(said)
        == {
            "openai": "expired",
            "anthropic": "ended",
            "gemini": "BATCH_STATE_EXPIRED",
        }[wire.vendor]
    )
    lines = [orjson.loads(line) for line in (await wire.content(said)).splitlines()]
    assert ids(lines) == ([] if wire.vendor == "gemini" else sent())
    assert charged(wire) == 4
    if wire.vendor == "openai":
        assert [(line["error"] or {}).get("code") for line in lines[4:]] == ["batch_expired"] * 6
    if wire.vendor == "anthropic":
        assert [line["result"]["type"] for line in lines[4:]] == ["expired"] * 6
        assert said["request_counts"]["expired"] == 6


async def test_batch_expires_when_its_window_closes(wire):
    plays(wire, seconds=200_000)
    ident = await wire.created()
    client.clock(wire.url, step=180_000)
    said = await wire.look(ident)
    assert state(said) in {"expired", "ended", "BATCH_STATE_EXPIRED"}
    assert 0 < charged(wire) < 10


async def test_batch_is_cancelled_from_outside(wire):
    plays(wire, {"do": "cancel", "share": 0.5}, {"do": "partial", "vendor": "gemini", "nth": [2]})
    said = await wire.look(await wire.created())
    assert state(said) in {"cancelled", "ended", "BATCH_STATE_CANCELLED"}
    lines = [orjson.loads(line) for line in (await wire.content(said)).splitlines()]
    assert ids(lines) == ([] if wire.vendor == "gemini" else sent())
    assert charged(wire) == 5
    if wire.vendor == "gemini":
        assert ids(await wire.results()) == sent(5)


async def test_batch_that_fails_says_why_and_has_no_files(openais):
    plays(openais, {"do": "fail", "code": "invalid_json_line", "message": "No."})
    said = await openais.look(await openais.created())
    assert (said["status"], openais.places(said)) == ("failed", [])
    assert said["errors"]["data"][0]["code"] == "invalid_json_line"
    assert charged(openais) == 0


async def test_gemini_job_that_fails_tells_in_its_raw_error(openais):
    openais.vendor = "gemini"
    plays(openais, {"do": "fail", "message": "No."}, {"do": "queue_limit", "nth": [2]})
    said = await openais.look(await openais.created())
    assert (state(said), said["done"]) == ("BATCH_STATE_FAILED", True)
    assert said["error"] == {"code": 3, "message": "No."}
    assert "output" not in said["metadata"]


@pytest.mark.parametrize(
    ("do", "kind"), [("fail", "invalid_request_error"), ("queue_limit", "rate_limit_error")]
)
async def test_anthropic_never_fails_a_whole_batch_but_all_its_lines(openais, do, kind):
    openais.vendor = "anthropic"
    plays(openais, {"do": do})
    lines = await openais.results()
    assert [line["result"]["error"]["error"]["type"] for line in lines] == [kind] * 10
    assert charged(openais) == 0


async def test_queue_limit_fails_a_batch_that_was_accepted(openais):
    plays(openais, {"do": "queue_limit", "nth": [1]}, limits={"openai": {"queued_tokens": 1000}})
    first = await openais.look(await openais.created())
    small = await openais.look(await openais.created(count=3))
    large = await openais.look(await openais.created(count=100))
    for said in (first, large):
        assert (said["status"], said["errors"]["data"][0]["code"]) == (
            "failed",
            "token_limit_exceeded",
        )
    assert small["status"] == "completed"


async def test_queue_counts_what_is_at_work(openais):
    plays(openais, seconds=100, limits={"openai": {"queued_tokens": 1000}})
    first, second = await openais.created(count=15), await openais.created(count=15)
    client.clock(openais.url, step=10)
    assert (await openais.look(first))["status"] == "in_progress"
    assert (await openais.look(second))["status"] == "failed"
    client.clock(openais.url, step=100)
    assert (await openais.look(await openais.created(count=15)))["status"] == "validating"


@pytest.mark.parametrize(
    ("lines", "code", "number"),
    [
        ([openai_line(0), openai_line(0)], "duplicate_custom_id", 2),
        ([openai_line(0), b"{not json}\n"], "invalid_json_line", 2),
        ([openai_line(0, url="/v1/responses")], "invalid_url", 1),
        ([openai_line(0), openai_line(1, body={"model": "gpt-6-sol"})], "mismatched_model", 2),
        ([openai_line(0, custom_id="")], "missing_required_parameter", 1),
        ([openai_line(n) for n in range(6)], "too_many_requests", None),
        ([openai_line(n, "Long " * 200) for n in range(5)], "file_too_large", None),
        ([], "empty_file", None),
    ],
)
async def test_file_that_openai_would_not_take_fails_its_batch(openais, lines, code, number):
    plays(openais, limits={"openai": {"requests": 5, "size_bytes": 4000}})
    said = await openais.look(await openais.created(lines))
    assert (said["status"], openais.places(said)) == ("failed", [])
    assert [(one["code"], one["line"]) for one in said["errors"]["data"]] == [(code, number)]


@pytest.mark.parametrize(
    ("requests", "status"),
    [
        ([anthropic_line(0), anthropic_line(0)], 400),
        ([{**anthropic_line(0), "custom_id": "a b"}], 400),
        ([{**anthropic_line(0), "custom_id": "x" * 65}], 400),
        ([{"custom_id": "a"}], 400),
        ([], 400),
        ([anthropic_line(n) for n in range(6)], 400),
        ([{"custom_id": "a", "params": {"x": "x" * 9000}}], 413),
    ],
)
async def test_envelope_that_anthropic_would_not_take_is_refused_at_once(openais, requests, status):
    openais.vendor = "anthropic"
    plays(openais, limits={"anthropic": {"requests": 5, "size_bytes": 5000}})
    said = await openais.call("POST", CREATE["anthropic"], json={"requests": requests})
    assert said[0] == status
    assert said[1]["error"]["type"] == (
        "request_too_large" if status == 413 else "invalid_request_error"
    )
    assert await openais.listed() == []


@pytest.mark.parametrize("lines", [[gemini_line(0), b"{not json}\n"], []])
async def test_file_that_gemini_cannot_parse_fails_its_job(openais, lines):
    openais.vendor = "gemini"
    said = await openais.look(await openais.created(lines))
    assert (state(said), said["error"]["code"]) == ("BATCH_STATE_FAILED", 3)


async def test_gemini_counts_in_strings_and_takes_so_many_jobs_at_a_time(openais):
    openais.vendor = "gemini"
    plays(openais, seconds=100, limits={"gemini": {"jobs": 1}})
    ident = await openais.created()
    client.clock(openais.url, step=50)
    stats = (await openais.look(ident))["metadata"]["batchStats"]
    assert stats == {
        "requestCount": "10",
        "successfulRequestCount": "5",
        "pendingRequestCount": "5",
    }
    body = await openais.body([gemini_line(0)])
    status, said = await openais.call("POST", CREATE["gemini"], json=body)
    assert (status, said["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


async def test_lines_are_dropped(wire):
    plays(wire, {"do": "drop", "lines": [2, 5]})
    assert sorted(set(sent()) - set(ids(await wire.results()))) == [sent()[2], sent()[5]]
    assert charged(wire) == 10


@pytest.mark.parametrize("different", [False, True])
async def test_lines_come_twice(wire, different):
    plays(wire, {"do": "duplicate", "count": 3, "different": different})
    lines = await wire.results()
    twice = [ident for ident, times in Counter(ids(lines)).items() if times == 2]
    assert len(twice) == 3
    assert len(set(texts(lines))) == (13 if different else 10)
    assert charged(wire) == 10


async def test_lines_come_in_another_order(wire):
    plays(wire, {"do": "reorder"})
    came = ids(await wire.results())
    assert came != sent()
    assert sorted(came) == sent()


async def test_lines_come_that_nobody_asked_for(wire):
    plays(wire, {"do": "unknown", "share": 0.2})
    came = ids(await wire.results())
    assert [ident for ident in came if ident in sent()] == sent()
    assert len(came) == 12


@pytest.mark.parametrize("status", [400, 500])
async def test_lines_end_in_errors_that_are_not_charged(wire, status):
    plays(wire, {"do": "error_lines", "lines": [3], "status": status})
    lines = await wire.results()
    (bad,) = [line for line in lines if line.get("custom_id", line.get("key")) == sent()[3]]
    assert (len(lines), charged(wire)) == (10, 9)
    told = {
        "openai": lambda: bad["response"]["status_code"],
        "anthropic": lambda: {"invalid_request_error": 400, "api_error": 500}[
            bad["result"]["error"]["error"]["type"]
        ],
        "gemini": lambda: {3: 400, 13: 500}[bad["error"]["code"]],
    }[wire.vendor]()
    assert told == status


async def test_batch_whose_lines_all_failed_has_no_output_file(openais):
    plays(openais, {"do": "error_lines", "share": 1})
    said = await openais.look(await openais.created())
    assert (said["status"], said["output_file_id"]) == ("completed", None)
    assert said["error_file_id"] is not None
    assert said["request_counts"] == {"total": 10, "completed": 0, "failed": 10}


async def test_results_have_lines_that_are_none(wire):
    plays(wire, {"do": "bad_lines", "lines": [4]})
    content = await wire.content(await wire.look(await wire.created()))
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert content.startswith(b"\xef\xbb\xbf")
    assert [lines[4], lines[6], lines[7]] == [b"<html>502 Bad Gateway</html>", b"[]", b""]
    assert len([line for line in lines if line.endswith(b"}")]) == 10


async def test_downloads_break_off_the_first_times(wire):
    plays(wire, {"do": "cut_download", "body_bytes": 1000, "times": 2})
    said = await wire.look(await wire.created())
    (place,) = wire.places(said)
    assert [await wire.broken_off(place) for _ in range(2)] == [1000, 1000]
    assert len((await wire.content(said)).splitlines()) == 10


async def test_results_are_missing_the_first_times(wire):
    plays(wire, {"do": "no_results", "times": 1})
    said = await wire.look(await wire.created())
    (place,) = wire.places(said)
    assert (await wire.call("GET", place))[0] == 404
    assert len((await wire.content(said)).splitlines()) == 10


async def test_results_are_not_kept_for_ever(wire):
    said = await wire.look(await wire.created())
    (place,) = wire.places(said)
    client.clock(wire.url, step=31 * 86_400)
    status, _ = await wire.call("GET", place)
    # Gemini does not tell what is not there from what is not allowed.
    assert status == (403 if wire.vendor == "gemini" else 404)
    if wire.vendor == "anthropic":
        later = await wire.look(said["id"])
        assert (later["results_url"], later["archived_at"] is None) == (None, False)


async def test_anthropic_gives_no_results_before_the_end(openais):
    openais.vendor = "anthropic"
    plays(openais, seconds=100)
    ident = await openais.created()
    assert (await openais.call("GET", f"{CREATE['anthropic']}/{ident}/results"))[0] == 400


async def test_batch_outlives_the_file_that_it_was_made_of(openais):
    plays(openais, seconds=100)
    body = await openais.body(map(openai_line, range(3)))
    _, said = await openais.call("POST", CREATE["openai"], json=body)
    await openais.call("DELETE", f"/openai/v1/files/{body['input_file_id']}")
    client.clock(openais.url, step=100)
    assert (await openais.look(said["id"]))["request_counts"]["completed"] == 3
    assert (await openais.call("POST", CREATE["openai"], json=body))[0] == 400


async def test_batch_is_created_and_nobody_is_told(wire):
    plays(wire, {"do": "hang_up", "nth": [1]}, {"do": "hang_up", "status": 502, "nth": [2]})
    body = await wire.body(map(LINE[wire.vendor], range(3)))
    with pytest.raises(aiohttp.ClientConnectionError):
        await wire.call("POST", CREATE[wire.vendor], json=body)
    assert (await wire.call("POST", CREATE[wire.vendor], json=body))[0] == 502
    third = await wire.created(count=3)
    listed = await wire.listed()
    assert (len(listed), listed[0]) == (3, third)
    assert client.ledger(wire.url).batches == {wire.vendor: listed[::-1]}


async def test_lists_show_a_batch_only_later(wire):
    plays(wire, {"do": "hide", "seconds": 30})
    ident = await wire.created()
    assert await wire.listed() == []
    await wire.look(ident)
    client.clock(wire.url, step=30)
    assert await wire.listed() == [ident]


async def test_stuck_batch_never_ends_until_it_is_cancelled(wire):
    plays(wire, {"do": "stuck", "share": 0.5})
    ident = await wire.created()
    client.clock(wire.url, step=1_000_000)
    assert state(await wire.look(ident)) in {"in_progress", "BATCH_STATE_RUNNING"}
    assert charged(wire) == 5
    base = f"/gemini/v1/{ident}:" if wire.vendor == "gemini" else f"{CREATE[wire.vendor]}/{ident}/"
    assert (await wire.call("POST", f"{base}cancel"))[0] == 200
    assert state(await wire.look(ident)) in {"cancelled", "ended", "BATCH_STATE_CANCELLED"}


async def test_deaf_batch_takes_no_notice_of_being_cancelled(openais):
    plays(openais, {"do": "deaf"}, seconds=100)
    ident = await openais.created()
    _, said = await openais.call("POST", f"{CREATE['openai']}/{ident}/cancel")
    assert said["status"] == "validating"
    client.clock(openais.url, step=100)
    assert (await openais.look(ident))["status"] == "completed"


async def test_batches_take_times_of_their_own(openais):
    plays(openais, {"do": "take", "seconds": 7, "nth": [3]}, seconds=1000, spread=0.5, seed=1)
    made = [await openais.created(count=1) for _ in range(3)]
    client.clock(openais.url, step=7)
    assert (await openais.look(made[2]))["status"] == "completed"
    client.clock(openais.url, step=1500)
    first, second = [await openais.look(ident) for ident in made[:2]]
    took = [said["completed_at"] - said["created_at"] for said in (first, second)]
    assert took[0] != took[1]
    assert all(500 <= seconds <= 1501 for seconds in took)


async def test_statuses_follow_the_clock(openais):
    plays(openais, seconds=100)
    ident = await openais.created()
    seen = []
    for _ in range(22):
        status = (await openais.look(ident))["status"]
        if status not in seen:
            seen.append(status)
        client.clock(openais.url, step=4.8)
    assert seen == ["validating", "in_progress", "finalizing", "completed"]


async def test_model_fails_as_in_realtime(wire):
    """A script's faults of the model befall each request of a batch, those of the network none."""
    rules = [
        {"match": "BATCH", "contains": "Label 2.", "do": "status", "status": 429},
        {"match": "BATCH", "contains": "Label 3.", "do": "text", "text": "Arr!"},
        {"match": "BATCH", "contains": "Label 4.", "do": "reset_after"},
    ]
    client.script(wire.url, rules)
    lines = await wire.results()
    assert ids(sorted(lines, key=lambda line: ids([line]))) == sent()
    assert charged(wire) == 9
    assert [b"Arr!" in text for text in texts(lines)].count(True) == 1


async def test_calls_have_the_faults_of_the_network(wire):
    ident = await wire.created()
    client.script(
        wire.url, [{"match": "GET", "do": "status", "status": 429, "retry_after": 3, "nth": [1]}]
    )
    status, _ = await wire.call("GET", LISTS[wire.vendor])
    assert status == 429
    assert await wire.listed() == [ident]


@pytest.mark.parametrize("do", ["reset_after", "stall", "malformed", "reset_before"])
async def test_creation_whose_answer_is_lost_is_a_creation(wire, do):
    body = await wire.body(map(LINE[wire.vendor], range(3)))
    client.script(wire.url, [{"match": f"POST {CREATE[wire.vendor]}", "do": do}])
    patience = aiohttp.ClientTimeout(total=0.3)
    with pytest.raises((aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError)):
        await wire.call("POST", CREATE[wire.vendor], json=body, timeout=patience)
    assert len(await wire.listed()) == (0 if do == "reset_before" else 1)


async def test_long_answer_is_cut_where_the_script_says(openais):
    said = await openais.look(await openais.created(count=2000))
    (place,) = openais.places(said)
    client.script(openais.url, [{"match": "/content", "do": "cut", "body_bytes": 700_000}])
    assert await openais.broken_off(place) == 700_000


async def test_call_with_a_strange_key_is_turned_away(wire):
    path = wire.url + LISTS[wire.vendor]
    async with wire.session.get(path, headers={"anthropic-version": "x"}) as response:
        assert response.status == (400 if wire.vendor == "gemini" else 401)


@pytest.mark.parametrize(
    "batching",
    [
        {"rules": [{"do": "explode"}]},
        {"rules": [{"do": "expire", "count": 2}]},
        {"rules": [{"do": "hide"}]},
        {"rules": [{"do": "drop", "share": 0.5, "count": 2}]},
        {"limits": {"openai": {"request": 5}}},
        {"limits": {"local": {"requests": 5}}},
        {"seconds": -1},
    ],
)
def test_batching_that_makes_no_sense_is_refused_with_a_reason(emulator, batching):
    with pytest.raises(ValueError, match="the emulator refuses"):
        client.batches(emulator, **batching)


@pytest.mark.parametrize("move", [{"step": -1}, {"rate": 0}])
def test_clock_goes_forward_only(emulator, move):
    with pytest.raises(ValueError, match="the emulator refuses"):
        client.clock(emulator, **move)
