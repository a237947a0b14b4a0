from __future__ import annotations

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from monitor.alerts.post import MAX_RETRY_AFTER, post, retry_after
from monitor.alerts.probe import send_test
from monitor.alerts.receiver import Receiver
from tests.alerts.samples import OLD_SECRET, SECRET, make_sink


@contextlib.asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def talking(raw: bytes, *, forever: bytes = b"") -> AsyncIterator[str]:
    """Answer a connection with raw bytes, then with `forever` until the other side leaves."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(raw)
            while forever:
                writer.write(forever)
                await writer.drain()
                await asyncio.sleep(0)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await server.wait_closed()


def answer(status: int, **headers: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return handler


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "delivered"),
        (202, "delivered"),
        (204, "delivered"),
        (301, "failed"),
        (304, "failed"),
        (400, "failed"),
        (404, "failed"),
        (410, "gone"),
        (429, "slow"),
        (500, "failed"),
        (502, "slow"),
        (503, "failed"),
        (504, "slow"),
    ],
)
async def test_what_answers_mean(status, kind):
    async with answering(answer(status)) as url:
        outcome = await post(make_sink(url), "alert-1", b"{}", 1_800_000_000)
    assert (outcome.kind, outcome.status) == (kind, status)
    assert bool(outcome.error) == (kind != "delivered")


async def test_a_redirect_is_a_failure_and_is_not_followed():
    paths = []

    async def handler(request):
        paths.append(request.path)
        return web.Response(status=307, headers={"location": "/elsewhere"})

    async with answering(handler) as url:
        outcome = await post(make_sink(url), "alert-1", b"{}", 1_800_000_000)
    assert outcome.kind == "failed"
    assert "redirect" in outcome.error
    assert paths == ["/hook"]


async def test_retry_after_is_read():
    async with answering(answer(429, retry_after="120")) as url:
        outcome = await post(make_sink(url), "alert-1", b"{}", 1_800_000_000)
    assert outcome.retry_after == 120


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 17 ", 17),
        ("999999999", MAX_RETRY_AFTER),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("٣", None),
        ("Fri, 99 Jan 2027 08:01:00 GMT", None),
    ],
)
def test_retry_after_spellings(text, seconds):
    assert retry_after(text, 1_800_000_000) == seconds


async def test_the_library_accepts_the_signature_and_every_key_signs_during_rotation():
    at = int(time.time())
    rotating = ["env:WEBHOOK_SECRET", "env:OLD_WEBHOOK_SECRET"]
    for secret in (SECRET, OLD_SECRET):
        async with Receiver(secret) as receiver:
            sink = make_sink(receiver.url, secrets=rotating)
            outcome = await post(sink, "alert-1", b'{"type":"x"}', at)
            assert outcome.kind == "delivered"
            (message,) = receiver.messages
            assert (message.webhook_id, message.timestamp, message.body) == ("alert-1", at, b'{"type":"x"}')
    async with Receiver(OLD_SECRET) as receiver:
        outcome = await post(make_sink(receiver.url), "alert-1", b"{}", at)
        assert (outcome.kind, outcome.status, receiver.refused) == ("failed", 400, 1)


async def test_an_unset_secret_is_a_failure_that_names_the_variable(monkeypatch):
    monkeypatch.delenv("WEBHOOK_SECRET")
    outcome = await post(make_sink("http://127.0.0.1:1/"), "alert-1", b"{}", 1_800_000_000)
    assert outcome.kind == "failed"
    assert "WEBHOOK_SECRET" in outcome.error


async def test_a_closed_port_is_a_failure_that_does_not_show_the_url():
    outcome = await post(make_sink("http://127.0.0.1:1/T0P-SECRET-KEY"), "alert-1", b"{}", 1_800_000_000)
    assert outcome.kind == "failed"
    assert "T0P" not in outcome.error
    assert outcome.error == "cannot connect: Connection refused"


async def test_a_silent_receiver_is_left_after_the_timeout():
    async def handler(request):
        await asyncio.sleep(300)
        return web.Response()

    async with answering(handler) as url:
        started = time.monotonic()
        outcome = await post(make_sink(url, timeout_seconds=1), "alert-1", b"{}", 1_800_000_000)
    assert outcome.error == "no answer within 1 s"
    assert time.monotonic() - started < 100


async def test_a_slow_lookup_counts_towards_the_timeout():
    async def resolve(host, port):
        await asyncio.sleep(300)
        return ["127.0.0.1"]

    sink = make_sink("http://slow.invalid/", timeout_seconds=1)
    outcome = await post(sink, "alert-1", b"{}", 1_800_000_000, resolve=resolve)
    assert outcome.error == "no answer within 1 s"


@pytest.mark.parametrize("status", [b"200 OK", b"500 No"])
async def test_an_endless_body_is_not_read(status):
    head = b"HTTP/1.1 " + status + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    async with talking(head, forever=b"4000\r\n" + b"x" * 0x4000 + b"\r\n") as url:
        outcome = await asyncio.wait_for(post(make_sink(url), "alert-1", b"{}", 1_800_000_000), 100)
    assert outcome.status == int(status[:3])
    assert len(outcome.error) <= 200


async def test_a_compressed_bomb_is_not_unpacked():
    bomb = gzip.compress(b"a" * 50_000_000)

    async def handler(request):
        return web.Response(status=500, body=bomb, headers={"content-encoding": "gzip"})

    async with answering(handler) as url:
        outcome = await post(make_sink(url), "alert-1", b"{}", 1_800_000_000)
    assert outcome.status == 500
    assert "aaa" not in outcome.error
    assert len(outcome.error) <= 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe" * 100,
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nab",
        b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 500 No\r\nretry-after: \xff\xfe\r\ncontent-length: 0\r\n\r\n",
    ],
)
async def test_broken_answers_are_failures(raw):
    async with talking(raw) as url:
        outcome = await post(make_sink(url), "alert-1", b"{}", 1_800_000_000)
    assert outcome.kind == "failed"
    assert outcome.error


async def test_what_a_receiver_says_is_shown_clean_and_short():
    async def handler(request):
        return web.Response(status=500, body=b"\x1b[2Jno\xff\r\n" + "\u202e".encode() + b"x" * 9000)

    async with answering(handler) as url:
        outcome = await post(make_sink(url), "alert-1", b"{}", 1_800_000_000)
    assert outcome.error.startswith("500: \ufffd[2Jno\ufffd  \ufffdxxx")
    assert len(outcome.error) <= 200


async def test_a_test_message_is_signed_and_speaks_of_no_lead():
    async with Receiver(SECRET) as receiver:
        sink = make_sink(receiver.url)
        assert (await send_test("team", sink)).kind == "delivered"
        assert (await send_test("team", sink)).kind == "delivered"
    assert [message.payload["type"] for message in receiver.messages] == ["monitor.test", "monitor.test"]
    assert receiver.messages[0].payload["data"]["sink"] == "team"
