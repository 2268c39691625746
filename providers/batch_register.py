"""The batches that a vendor knows: looked up one by one, or in its lists."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from providers.batch_calls import call
from providers.batches import Standing
from providers.errors import Gone, Misconfigured, ProviderError, Retryable, UnknownOutcome
from providers.http import Connection

__all__ = ["Page", "Register", "earliest", "pages"]

AT_ONCE = 8
SKEW = timedelta(minutes=10)


class Page(NamedTuple):
    """A part of a list."""

    entries: list[Mapping[str, Any]]
    rest: str | None
    """The path of the next page; None if there is none."""
    at: datetime | None = None
    """When the vendor's clock says that it was written."""


async def pages(
    connection: Connection, first: str, read: Callable[[Mapping[str, Any]], Page]
) -> AsyncGenerator[Page]:
    """Give the pages of a list, each when it is asked for."""
    path: str | None = first
    asked: set[str] = set()
    # A list that leads back to a page that was there already would never end.
    while path is not None and path not in asked:
        asked.add(path)
        try:
            body, headers = await call(connection, "GET", path)
        except Gone as error:
            message = f"{connection.name}: no list at {first!r} of this address: check base_url"
            raise Misconfigured(message) from error
        page = read(body)._replace(at=_date(headers))
        yield page
        path = page.rest


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        said = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def earliest(at: datetime, *, theirs: datetime | None, now: datetime) -> datetime:
    """Return the earliest that a vendor's clock can have shown at a time that ours has told.

    `theirs` and `now` are what the two clocks show now. Ours may be wrong, or have jumped since.
    """
    theirs = theirs or now
    return min(at - max(now - theirs, timedelta(0)), theirs) - SKEW


@dataclass(frozen=True, slots=True)
class Register:
    """One vendor's batches. The functions are pure."""

    connection: Connection
    first: str
    """The path of the first page of its list."""
    place: Callable[[str], str]
    """The path of one batch."""
    page: Callable[[Mapping[str, Any]], Page]
    standing: Callable[[Mapping[str, Any]], Standing | None]
    """Reads a batch; None if it is none."""
    newest_first: bool = True
    """Whether the vendor promises that of its list; if not, all of it is read."""

    async def check(self, batch_ids: Collection[str]) -> dict[str, Standing]:
        """Return how batches stand; one that the vendor does not know is missing."""
        wanted = set(batch_ids)
        found = await self._listed(wanted)
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(batch_id: str) -> Standing | None:
            async with at_once:
                return await self.look(batch_id)

        left = sorted(wanted - found.keys())
        for batch_id, said in zip(
            left, await asyncio.gather(*map(one, left), return_exceptions=True), strict=True
        ):
            if isinstance(said, BaseException):
                raise said
            if said is not None:
                found[batch_id] = said
        return found

    async def _listed(self, wanted: set[str]) -> dict[str, Standing]:
        """Return those that lists tell of in fewer calls than there are batches."""
        found: dict[str, Standing] = {}
        calls_left = len(wanted) // 2
        if not calls_left:
            return found
        async with aclosing(pages(self.connection, self.first, self.page)) as listed:
            async for page in listed:
                read = filter(None, map(self.standing, page.entries))
                new = {one.id: one for one in read if one.id in wanted}
                found |= new
                calls_left -= 1
                # Behind a page without any of them, there may be very many more.
                if not new or not calls_left or len(found) == len(wanted):
                    break
        return found

    async def look(self, batch_id: str) -> Standing | None:
        """Return how one batch stands; None if the vendor does not know it."""
        try:
            body, _ = await call(self.connection, "GET", self.place(batch_id))
        except Gone:
            return None
        said = self.standing(body)
        if said is None:
            raise UnknownOutcome(f"{self.connection.name}: asked for a batch it tells of none")
        return said

    async def since(
        self, at: datetime, is_wanted: Callable[[Mapping[str, Any], Standing], bool]
    ) -> list[Standing]:
        """Return the batches created since then that are wanted, the oldest first."""
        found: dict[str, Standing] = {}
        async with aclosing(pages(self.connection, self.first, self.page)) as listed:
            async for page in listed:
                start = earliest(at, theirs=page.at, now=datetime.now(UTC))
                read = [(entry, self.standing(entry)) for entry in page.entries]
                young = [(e, one) for e, one in read if one and one.created_at >= start]
                found |= {one.id: one for entry, one in young if is_wanted(entry, one)}
                if self.newest_first and not young:
                    break
        # Some tell only the second: among those of one second, lists have the youngest first.
        oldest_first = [*found.values()][::-1]
        oldest_first.sort(key=lambda one: one.created_at)
        return oldest_first

    async def stop(self, batch_id: str, path: str) -> None:
        """Ask the vendor to stop a batch; vendors differ in how they refuse one at its end."""
        try:
            await self.connection.send("POST", path)
        except Gone:
            return
        except ProviderError as error:
            passing = isinstance(error, Retryable) and error.status != HTTPStatus.CONFLICT
            if passing or isinstance(error, UnknownOutcome):
                raise
            said = await self.look(batch_id)
            if said is not None and said.end is None:
                raise
