"""Keep a webhook URL from reaching what it should not: check it, resolve it once, and connect only to that address.

Sources: OWASP "Server-Side Request Forgery Prevention"; IANA special-purpose address registries (RFC 6890, 8190); the
metadata addresses in the documentation of AWS, Azure, Google Cloud, Alibaba Cloud and Oracle Cloud.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from monitor.errors import DeliveryError

__all__ = [
    "Blocked",
    "Resolve",
    "Target",
    "check_url",
    "pinned_connector",
    "refusal",
    "resolve_target",
    "system_resolve",
]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses; raises OSError when the name has none."""

MAX_ADDRESSES = 16
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(table: str) -> tuple[tuple[_Network, str], ...]:
    rows = (line.split(maxsplit=1) for line in table.strip().splitlines())
    return tuple((ipaddress.ip_network(network), reason) for network, reason in rows)


_NEVER = _networks("""
169.254.0.0/16      link-local or metadata
168.63.129.16/32    metadata
100.100.100.200/32  metadata
192.0.0.0/24        reserved or metadata
fd00:ec2::/32       metadata
fd20:ce::/32        metadata
0.0.0.0/8           unspecified
192.0.2.0/24        reserved
192.88.99.0/24      reserved
198.18.0.0/15       reserved
198.51.100.0/24     reserved
203.0.113.0/24      reserved
224.0.0.0/4         multicast
240.0.0.0/4         reserved
::/128              unspecified
::ffff:0:0/96       IPv4-mapped
64:ff9b::/96        NAT64
64:ff9b:1::/48      NAT64
100::/64            reserved
2001::/23           reserved or Teredo
2001:db8::/32       reserved
2002::/16           6to4
3fff::/20           reserved
fe80::/10           link-local
fec0::/10           site-local
ff00::/8            multicast
""")
_LOCAL_ONLY = _networks("""
127.0.0.0/8         loopback
10.0.0.0/8          private
172.16.0.0/12       private
192.168.0.0/16      private
100.64.0.0/10       private
::1/128             loopback
fc00::/7            private
""")
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")


class Blocked(DeliveryError):
    """A webhook URL or the address behind it is not allowed."""


class Target(NamedTuple):
    """A checked URL and the addresses its name had when it was checked."""

    url: URL
    addresses: tuple[str, ...]


def _matching(address: ipaddress.IPv4Address | ipaddress.IPv6Address, table: Sequence[tuple[_Network, str]]) -> str:
    return next((why for network, why in table if address.version == network.version and address in network), "")


def refusal(address: str, *, local: bool, plain: bool = False) -> str:
    """Say why an address must not be connected to, empty when it may.

    `local` allows loopback and private addresses; `plain` (http) allows nothing else. Link-local, metadata, multicast,
    reserved and translated addresses are never allowed.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "not an address"
    if getattr(parsed, "scope_id", None):
        return "scoped"
    if why := _matching(parsed, _NEVER):
        return why
    if why := _matching(parsed, _LOCAL_ONLY):
        return "" if local else why
    if not parsed.is_global or (parsed.version == 6 and parsed not in _GLOBAL_V6):  # noqa: PLR2004 - IPv6
        return "reserved"
    return "public, but the URL is not https" if plain else ""


def check_url(text: str, *, local: bool) -> URL:
    """Read a webhook URL; raises Blocked (without it) unless it is https, or http if `local`, and no userinfo."""
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except ValueError as error:
        message = "the webhook URL is not a URL"
        raise Blocked(message, hint="write https://host/path") from error
    if url.scheme != "https" and not (local and url.scheme == "http"):
        message = "the webhook URL is not https"
        raise Blocked(message, hint="use https, or local = true for a receiver on your own machine or network")
    if url.raw_user is not None or url.raw_password is not None:
        message = "the webhook URL holds a user or password"
        raise Blocked(message, hint="receivers know us by the signature; leave user and password out")
    if not host or not port:
        message = "the webhook URL names no host"
        raise Blocked(message, hint="write https://host/path")
    return url


async def system_resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver; raises OSError when the name has no address."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(entry[4][0]) for entry in found]


async def resolve_target(url: str, *, local: bool, resolve: Resolve = system_resolve) -> Target:
    """Check a URL and every address of its name, once; raises Blocked when one is refused, OSError when there is none.

    All addresses must be allowed: a name that also points inside is a name under somebody else's control.
    """
    checked = check_url(url, local=local)
    host = checked.raw_host or ""
    try:
        found = await resolve(host, checked.port or 0)
    except UnicodeError as error:
        message = "the webhook URL's host cannot be looked up"
        raise Blocked(message, hint="check the host name") from error
    addresses = tuple(dict.fromkeys(found))[:MAX_ADDRESSES]
    if not addresses:
        message = "the name has no address"
        raise OSError(message)
    for address in addresses:
        why = refusal(address, local=local, plain=checked.scheme == "http")
        if why:
            message = f"the webhook host resolves to a refused address ({why})"
            raise Blocked(message, hint="set local = true only for a receiver on your own machine or network")
    return Target(checked, addresses)


class _Pinned(AbstractResolver):
    """Answers with the checked addresses, so that a later DNS answer leads nowhere else; TLS still sees the name."""

    def __init__(self, target: Target) -> None:
        self._host = (target.url.raw_host or "").rstrip(".")
        self._addresses = target.addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host.rstrip(".") != self._host:
            message = "another host than the one checked"
            raise OSError(message)
        return [self._result(host, address, port) for address in self._addresses if _of(family, address)]

    async def close(self) -> None:
        """Hold nothing."""

    @staticmethod
    def _result(host: str, address: str, port: int) -> ResolveResult:
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return ResolveResult(
            hostname=host, host=address, port=port, family=_family(address), proto=socket.IPPROTO_TCP, flags=flags
        )


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _of(family: int, address: str) -> bool:
    return family in {socket.AF_UNSPEC, _family(address)}


def pinned_connector(target: Target) -> aiohttp.TCPConnector:
    """Make a connector that reaches only the checked addresses, keeps no connection and no DNS answer."""
    return aiohttp.TCPConnector(resolver=_Pinned(target), use_dns_cache=False, force_close=True, limit=1)
