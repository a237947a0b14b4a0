from __future__ import annotations

import time

import aiohttp
import pytest

from monitor.alerts.receiver import Receiver
from monitor.alerts.signature import headers
from tests.alerts.samples import OLD_SECRET, SECRET


async def send(url: str, body: bytes, fields: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=fields) as response:
        return response.status


async def test_a_message_is_kept_once():
    async with Receiver(SECRET) as receiver:
        signed = headers("alert-1", int(time.time()), b'{"a":1}', [SECRET])
        assert not await receiver.wait(1, 0.01)
        assert [await send(receiver.url, b'{"a":1}', signed) for _ in range(3)] == [204, 204, 204]
        assert await receiver.wait(1, 5)
    assert [message.payload for message in receiver.messages] == [{"a": 1}]
    assert (receiver.duplicates, receiver.refused) == (2, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": "v1,!!!,x y"},
        {"webhook-id": "alert-2"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""},
    ],
)
async def test_what_is_not_signed_is_refused(change):
    async with Receiver(SECRET) as receiver:
        signed = headers("alert-1", int(time.time()), b"{}", [SECRET])
        assert await send(receiver.url, b"{}", signed | change) == 400
        assert await send(receiver.url, b"\xff", signed) == 400
    assert receiver.messages == []
    assert receiver.refused == 2


async def test_another_key_an_old_message_and_a_large_body_are_refused():
    async with Receiver(SECRET) as receiver:
        now = int(time.time())
        assert await send(receiver.url, b"{}", headers("a", now, b"{}", [OLD_SECRET])) == 400
        assert await send(receiver.url, b"{}", headers("a", now - 600, b"{}", [SECRET])) == 400
        large = b'"' + b"x" * 100_000 + b'"'
        assert await send(receiver.url, large, headers("a", now, large, [SECRET])) == 413
    assert receiver.messages == []
