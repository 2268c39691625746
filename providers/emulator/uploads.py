"""Files that arrive as multipart/form-data: the one that matters goes to disk as it comes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from hashlib import sha256
from pathlib import Path

from providers.emulator.vendors import BadRequest

__all__ = ["Form", "digest", "received", "stored"]

MOST_HEADER_BYTES = 16_384
MOST_FIELD_BYTES = 65_536


@dataclass(slots=True)
class Form:
    """What a form had."""

    fields: dict[str, str] = field(default_factory=dict[str, str])
    filename: str | None = None
    """Of its file, which is at the place that it was sent to; None: it had none."""
    size_bytes: int = 0


async def received(content_type: str, stream: AsyncIterator[bytes], into: Path) -> Form:
    """Read a form with at most one file; BadRequest if it is none."""
    told = Message()
    told["content-type"] = content_type
    boundary = told.get_param("boundary")
    if told.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise BadRequest("expected multipart/form-data")
    reader = _Reader(stream, b"\r\n--" + boundary.encode())
    await reader.skip_preamble()
    form = Form()
    while await reader.has_part():
        await _part(reader, form, into)
    return form


async def _part(reader: "_Reader", form: Form, into: Path) -> None:
    head = Message()
    for line in (await reader.head()).decode(errors="replace").split("\r\n"):
        name, _, value = line.partition(":")
        head[name.strip()] = value.strip()
    name = head.get_param("name", header="content-disposition")
    filename = head.get_filename()
    if filename is None:
        content = b"".join([block async for block in reader.content()])
        if len(content) > MOST_FIELD_BYTES:
            raise BadRequest(f"{name}: too long")
        form.fields[str(name)] = content.decode(errors="replace")
        return
    form.filename = filename
    with into.open("wb") as file:
        async for block in reader.content():
            file.write(block)
            form.size_bytes += len(block)


class _Reader:
    """Reads parts between boundaries."""

    def __init__(self, stream: AsyncIterator[bytes], mark: bytes) -> None:
        self._stream = stream
        self._mark = mark
        # As if there were something before the first boundary, so that all look alike.
        self._buffer = bytearray(b"\r\n")

    async def skip_preamble(self) -> None:
        async for _ in self.content():
            pass

    async def has_part(self) -> bool:
        """Say whether a part follows the boundary that was read last."""
        while len(self._buffer) < 2:  # noqa: PLR2004  a line's end, or two hyphens
            await self._more()
        ends, self._buffer = bytes(self._buffer[:2]), self._buffer[2:]
        return ends == b"\r\n"

    async def head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MOST_HEADER_BYTES:
                raise BadRequest("a part's header has no end")
            await self._more()
        head, self._buffer = bytes(self._buffer[:end]), self._buffer[end + 4 :]
        # An empty part has its boundary right behind its header.
        self._buffer[:0] = b""
        return head

    async def content(self) -> AsyncIterator[bytes]:
        """Return what comes before the next boundary."""
        while (at := self._buffer.find(self._mark)) < 0:
            sure = len(self._buffer) - len(self._mark)
            if sure > 0:
                yield bytes(self._buffer[:sure])
                del self._buffer[:sure]
            await self._more()
        if at:
            yield bytes(self._buffer[:at])
        del self._buffer[: at + len(self._mark)]

    async def _more(self) -> None:
        block = await anext(self._stream, None)
        if block is None:
            raise BadRequest("the form breaks off")
        self._buffer += block


async def stored(stream: AsyncIterator[bytes], into: Path, *, at: int = 0) -> int:
    """Write what comes to a file, from a place in it; return its length then."""
    with into.open("r+b" if at else "wb") as file:
        file.truncate(at)
        file.seek(at)
        async for block in stream:
            file.write(block)
        return file.tell()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        whole = sha256()
        for block in iter(lambda: file.read(1 << 20), b""):
            whole.update(block)
    return whole.hexdigest()
