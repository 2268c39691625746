"""The key goes to the vendor, and is shown to nobody."""

import asyncio
import json
import ssl

import pytest

from providers.errors import Misconfigured, RequestRejected, UnknownOutcome
from providers.keys import EMULATED, UNUSED
from tests.providers.asking import (
    SDK_WARNINGS,
    address,
    asked_of_nobody,
    connected,
    failing,
    is_shown,
    wired,
)
from tests.providers.contracts import SECRET

pytestmark = SDK_WARNINGS


@pytest.mark.parametrize("status", [307, 400, 401, 404, 422, 429, 500])
async def test_key_is_in_no_refusal(contract, vendor, status):
    """Some proxies quote the request's headers: neither sentence, body nor code keeps the key."""
    quoted = json.dumps(contract.quoting).replace("QUOTED", f"authorization: Bearer {SECRET}")
    error = await failing(contract, vendor.says(status, quoted.encode()))
    assert not is_shown(error)
    if isinstance(error, RequestRejected):
        assert b"***" in error.body


async def test_key_in_json_escapes_is_hidden(contract, vendor):
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    quoted = json.dumps(contract.quoting).replace("QUOTED", escaped)
    error = await failing(contract, vendor.says(400, quoted.encode()))
    assert isinstance(error, RequestRejected)
    assert str(error) == "***"
    assert json.loads(error.body) == json.loads(
        json.dumps(contract.quoting).replace("QUOTED", "***")
    )


async def test_key_in_a_page_is_hidden(contract, vendor):
    error = await failing(contract, vendor.says(400, f"<html>Bearer {SECRET}".encode()))
    assert isinstance(error, RequestRejected)
    assert error.body == b"<html>Bearer ***"


async def test_key_is_in_no_broken_connection(contract, vendor):
    """What is no HTTP is quoted by the client."""
    vendor.script, vendor.then = [f"Bearer {SECRET}\r\n\r\n".encode()], "hangs up"
    error = await failing(contract, vendor)
    assert type(error) is UnknownOutcome
    assert not is_shown(error)


async def test_key_is_in_no_unknown_outcome(contract, vendor):
    error = await failing(contract, vendor.says(body=f'{{"said": "{SECRET}"}}'.encode()))
    assert type(error) is UnknownOutcome
    assert not is_shown(error)


@pytest.mark.parametrize("public", [UNUSED, EMULATED])
async def test_what_is_sent_in_place_of_a_key_is_a_word_like_any_other(contract, vendor, public):
    word = public.reveal()
    quoted = json.dumps(contract.quoting).replace("QUOTED", f"{word} parameter")
    vendor.says(400, quoted.encode())
    async with connected(contract, address(contract, vendor), public) as provider:
        with pytest.raises(RequestRejected, match=f"{word} parameter"):
            await provider.ask(wired(contract), model=contract.model)


# A throw-away key, and what it signed for itself.
IMPOSTOR = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6d7gvJJJeK+evK2c
TCIgNdd+NbwIeSTuP6V+eEohGzuhRANCAAQuGF7yibrVi61XLamn+WgmcaC9WCJg
HwWSBKXYt7/JUS53j5dbF2l8t51bL2N3FnCIHOf72SlV8Pt9O/A71nzN
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBEzCBu6ADAgECAgEBMAoGCCqGSM49BAMCMBMxETAPBgNVBAMMCGltcG9zdG9y
MCAXDTI2MDEwMTAwMDAwMFoYDzIxMjYwMTAxMDAwMDAwWjATMREwDwYDVQQDDAhp
bXBvc3RvcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABC4YXvKJutWLrVctqaf5
aCZxoL1YImAfBZIEpdi3v8lRLnePl1sXaXy3nVsvY3cWcIgc5/vZKVXw+3078DvW
fM0wCgYIKoZIzj0EAwIDRwAwRAIgDsvv4cI0rUuNKSRgKT5oErL9+DnuEolxTQQi
BIVrBVUCIGazLrQsDLQXxlZwPHueDvnqE6A60r3JSdGY+j6912M7
-----END CERTIFICATE-----
"""


@pytest.fixture
def impostor(tmp_path):
    """TLS with a certificate that nobody signed."""
    path = tmp_path / "self.pem"
    path.write_text(IMPOSTOR)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_certificate_that_is_not_trusted_is_for_a_person_to_mend(contract, vendor, impostor):
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, ssl=impostor)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}{contract.base}"
    error = await asked_of_nobody(contract, url)
    server.close()
    assert type(error) is Misconfigured
    assert "certificate" in str(error)
    assert vendor.heads == []
