from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from monitor.alerts.post import post
from monitor.alerts.receiver import Receiver
from monitor.alerts.ssrf import Blocked, check_url, pinned_connector, refusal, resolve_target
from tests.alerts.samples import SECRET, make_sink

NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "0.0.0.0",  # noqa: S104 - an address that must be refused
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "ff0e::1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.7",
    "192.88.99.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%eth0",
    "fec0::1",
    "not an address",
    "",
    "127.1",
    "2130706433",
]
LOCAL = ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"]
LOCAL += ["::1", "fd12:3456::1", "fc00::1"]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "172.15.255.255", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("address", NEVER)
def test_never_allowed(address):
    assert refusal(address, local=False)
    assert refusal(address, local=True)
    assert refusal(address, local=True, plain=True)


@pytest.mark.parametrize("address", LOCAL)
def test_allowed_only_when_the_sink_is_local(address):
    assert refusal(address, local=False) in {"loopback", "private"}
    assert not refusal(address, local=True)
    assert not refusal(address, local=True, plain=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_need_https(address):
    assert not refusal(address, local=False)
    assert not refusal(address, local=True)
    assert "https" in refusal(address, local=True, plain=True)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://example.com/", False),
        ("ftp://example.com/", True),
        ("file:///etc/passwd", True),
        ("https://user:pass@example.com/", True),
        ("https://user@example.com/", False),
        ("https://:pass@example.com/", False),
        ("https:///path", False),
        ("https://example.com:0/", False),
        ("https://example.com:99999/", False),
        ("https://[::1/", True),
        ("example.com", False),
        ("", False),
    ],
)
def test_urls_that_are_refused_are_not_repeated(url, local):
    with pytest.raises(Blocked) as caught:
        check_url(url, local=local)
    assert "example" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://１２７.0.0.1/",  # noqa: RUF001 - full-width digits, which IDNA folds
    ],
)
async def test_spellings_of_inner_addresses_are_refused(url):
    with pytest.raises((Blocked, OSError)):
        await resolve_target(url, local=False)


@pytest.mark.parametrize("answer", [["8.8.8.8", "127.0.0.1"], ["10.0.0.1"], ["::ffff:10.0.0.1"]])
async def test_one_inner_address_refuses_the_name(answer):
    async def resolve(host, port):
        return answer

    with pytest.raises(Blocked, match="refused address"):
        await resolve_target("https://example.com/hook", local=False, resolve=resolve)


async def test_a_name_without_address_is_a_network_failure():
    async def resolve(host, port):
        return []

    with pytest.raises(OSError, match="no address"):
        await resolve_target("https://example.com/hook", local=False, resolve=resolve)


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_that_answer():
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return answers[len(asked) - 1]

    hosts = []

    async def take(request):
        hosts.append(request.headers["host"])
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        sink = make_sink(f"http://rebind.invalid:{port}/hook")
        outcome = await post(sink, "alert-1", b"{}", 1_800_000_000, resolve=resolve)
        assert (outcome.kind, outcome.status) == ("delivered", 204)
        assert asked == [("rebind.invalid", port)]
        assert hosts == [f"rebind.invalid:{port}"]
        assert (await post(sink, "alert-1", b"{}", 1_800_000_000, resolve=resolve)).kind == "failed"
        assert len(hosts) == 1
    finally:
        await runner.cleanup()


async def test_tls_is_asked_for_the_name_not_the_address():
    hello = asyncio.get_running_loop().create_future()

    async def serve(reader, writer):
        hello.set_result(await reader.read(4096))
        writer.close()

    async def resolve(host, port):
        return ["127.0.0.1"]

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        sink = make_sink(f"https://named.invalid:{port}/hook")
        outcome = await post(sink, "alert-1", b"{}", 1_800_000_000, resolve=resolve)
    finally:
        server.close()
        await server.wait_closed()
    assert outcome.kind == "failed"
    assert b"named.invalid" in await hello


async def test_the_pinned_resolver_answers_for_nothing_else():
    async def resolve(host, port):
        return ["8.8.8.8", "2606:4700::1111", "8.8.8.8"]

    target = await resolve_target("https://example.com/hook", local=False, resolve=resolve)
    assert target.addresses == ("8.8.8.8", "2606:4700::1111")
    connector = pinned_connector(target)
    try:
        resolver = connector._resolver
        both = await resolver.resolve("example.com", 443, socket.AF_UNSPEC)
        assert [(entry["host"], entry["family"], entry["port"]) for entry in both] == [
            ("8.8.8.8", socket.AF_INET, 443),
            ("2606:4700::1111", socket.AF_INET6, 443),
        ]
        assert [entry["host"] for entry in await resolver.resolve("example.com", 443, socket.AF_INET)] == ["8.8.8.8"]
        with pytest.raises(OSError, match="another host"):
            await resolver.resolve("evil.example", 443)
    finally:
        await connector.close()


async def test_a_loopback_receiver_is_refused_unless_the_sink_is_local():
    async with Receiver(SECRET) as receiver:
        url = receiver.url.replace("http:", "https:")
        outcome = await post(make_sink(url, local=False), "alert-1", b"{}", 1_800_000_000)
    assert outcome.kind == "failed"
    assert "loopback" in outcome.error
    assert receiver.messages == []
    assert receiver.refused == 0
