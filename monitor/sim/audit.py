"""Count again what a world's chain holds, by another road: web3 and the compilers' ABIs instead of our own decoder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import eth_abi.registry
from eth_abi.codec import ABICodec
from web3 import HTTPProvider, Web3

from monitor.config.resources import bundled
from monitor.sim.world import World

__all__ = ["Holding", "compare", "holdings"]

_TIMEOUT = 30


class Holding(NamedTuple):
    """What the chain says of one lease: who rents from whom, base units settled (None: not told by lease), its end."""

    renter: str
    provider: str
    settled: int | None
    closed: bool


class _Source(NamedTuple):
    """Where to read a market's leases: events by contract role, and the names of their arguments."""

    role: str
    artifact: str
    opened: str
    key: str
    renter: str
    provider: str
    settled: str
    closed: tuple[str, ...]


_SOURCES = {
    "reference": _Source(
        "market", "ComputeMarket", "LeaseOpened", "leaseId", "renter", "provider", "LeaseSettled", ("LeaseClosed",)
    ),
    "spheron": _Source(
        *("lease", "SpheronReplicaLease", "LeaseCreated", "leaseId", "tenantAddress", "providerAddress", ""),
        ("LeaseClosed",),
    ),
    "deeplink_dbc": _Source(
        *("rent", "DeepLinkReplicaRent", "RentMachine", "rentId", "renter", "machineOnwer", ""), ("EndRentMachine",)
    ),
    "marlin_oyster": _Source(
        *("market", "MarlinReplica", "JobOpened", "job", "owner", "provider", "JobSettled"), ("JobClosed",)
    ),
}


def holdings(url: str, world: World) -> dict[tuple[str, str], Holding]:
    """Read every lease of the world from the node at `url`: (market, lease id) → what the chain says of it."""
    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": _TIMEOUT}))
    web3.codec = _lenient_codec()
    found: dict[tuple[str, str], Holding] = {}
    for market, source in _SOURCES.items():
        path = bundled("contracts/artifacts") / f"{source.artifact}.json"
        abi = json.loads(path.read_text(encoding="utf-8"))["abi"]
        contract = web3.eth.contract(
            Web3.to_checksum_address(world.deployments[market].contracts[source.role]), abi=abi
        )
        closed = {_text(args[source.key]) for name in source.closed for args in _events(contract, name)}
        settled: dict[str, int] = {}
        for args in _events(contract, source.settled) if source.settled else ():
            settled[_text(args[source.key])] = settled.get(_text(args[source.key]), 0) + args["amount"]
        for args in _events(contract, source.opened):
            lease = _text(args[source.key])
            money = settled.get(lease, 0) if source.settled else None
            found[market, lease] = Holding(args[source.renter], args[source.provider], money, lease in closed)
    return found


def compare(chain: Mapping[tuple[str, str], Holding], leases: Iterable[Mapping[str, str]]) -> list[str]:
    """Hold the exported leases (rows of `leases.csv`) against the chain; one line per difference."""
    exported = {(row["market"], row["lease_id"]): row for row in leases if row["opened_at"]}
    problems = [f"{market} lease {lease}: on chain, not exported" for market, lease in sorted(chain.keys() - exported)]
    problems += [f"{market} lease {lease}: exported, not on chain" for market, lease in sorted(exported.keys() - chain)]
    for key in sorted(chain.keys() & exported):
        row, truth = exported[key], chain[key]
        checks = {
            "renter": (row["renter"], truth.renter),
            "provider": (row["provider"], truth.provider),
            "closed": (bool(row["closed_at"]), truth.closed),
            "settled": (int(row["settled_total"] or 0), truth.settled),
        }
        if truth.settled is None:
            del checks["settled"]
        problems += [
            f"{key[0]} lease {key[1]}: {name} {ours} exported, {theirs} on chain"
            for name, (ours, theirs) in checks.items()
            if ours != theirs
        ]
    return problems


def _lenient_codec() -> ABICodec:
    """Make eth-abi read strings that are not UTF-8 instead of refusing the event; keys and amounts stay strict."""
    # eth-abi's registry carries no types.
    abi: Any = eth_abi.registry
    registry = abi.registry.copy()
    registry.unregister_decoder("string")
    decoder = abi.decoding.StringDecoder(handle_string_errors="replace")
    registry.register_decoder(abi.BaseEquals("string", with_sub=False), decoder, label="string")
    return ABICodec(registry)


def _events(contract: Any, name: str) -> list[Mapping[str, Any]]:
    return [event["args"] for event in contract.events[name].get_logs(from_block=0)]


def _text(key: Any) -> str:
    return f"0x{key.hex()}" if isinstance(key, bytes) else str(key)
