"""What stands on the chain before the first actor enters: tokens, the reference market, replicas, a shared wallet.

Every address follows from the deployer and its nonce, so the script can be written before a node runs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from eth_hash.auto import keccak

from monitor.sim.contracts import artifact, create_address

__all__ = ["MARKETS", "Deployed", "Setup", "Stage", "build_stage", "role_id"]

MARKETS = ("reference", "spheron", "deeplink_dbc", "marlin_oyster")
MARLIN_RATE_WAIT = 600
"""Seconds a rate revision waits on the replica."""


class Deployed(NamedTuple):
    """A contract in its place: `order` is the deployer's nonce; a hidden one has no role in any adapter."""

    market: str
    role: str
    contract: str
    address: bytes
    order: int
    data: bytes


class Setup(NamedTuple):
    """A call the deployer makes after all contracts stand."""

    to: bytes
    data: bytes


class Stage(msgspec.Struct, frozen=True):
    """All contracts of a world in deployment order, and the calls that connect them."""

    deployer: bytes
    deployed: tuple[Deployed, ...]
    setup: tuple[Setup, ...]

    def at(self, market: str, role: str) -> Deployed:
        """Find the contract that plays a role; `tokens` and `common` are markets here."""
        return next(item for item in self.deployed if (item.market, item.role) == (market, role))


class _Builder:
    def __init__(self, deployer: bytes) -> None:
        self.deployer = deployer
        self.deployed: list[Deployed] = []
        self.setup: list[Setup] = []

    def deploy(self, market: str, role: str, contract: str, *args: Any, speaks: str = "") -> bytes:
        """Plan a contract; `speaks` names the interface behind a proxy."""
        order = len(self.deployed)
        address = create_address(self.deployer, order)
        data = artifact(contract).deploy(*args)
        self.deployed.append(Deployed(market, role, speaks or contract, address, order, data))
        return address

    def then(self, to: bytes, contract: str, function: str, *args: Any) -> None:
        self.setup.append(Setup(to, artifact(contract).call(function, *args)))


def build_stage(deployer: bytes, members: list[bytes]) -> Stage:
    """Plan all contracts; `members` share the organisation's wallet, two of them must agree."""
    plan = _Builder(deployer)
    usd = plan.deploy("tokens", "TUSD", "TestUSD", deployer)
    credit = plan.deploy("tokens", "TDLC", "TestToken", "Test DeepLink Coin", "TDLC", 18, deployer)
    plan.deploy("common", "disperse", "Disperse")
    plan.deploy("common", "members", "MemberWallet", members, 2)
    _reference(plan, usd)
    _spheron(plan)
    staking = plan.deploy("deeplink_dbc", "staking", "DeepLinkReplicaStaking")
    rent = plan.deploy("deeplink_dbc", "rent", "DeepLinkReplicaRent", credit, staking, deployer)
    plan.then(staking, "DeepLinkReplicaStaking", "connect", rent)
    plan.deploy("marlin_oyster", "market", "MarlinReplica", usd, MARLIN_RATE_WAIT)
    return Stage(deployer, tuple(plan.deployed), tuple(plan.setup))


def _reference(plan: _Builder, usd: bytes) -> None:
    logic = plan.deploy("common", "market_logic", "ComputeMarket")
    start = artifact("ComputeMarket").call("initialize", plan.deployer, usd, plan.deployer)
    market = plan.deploy("reference", "market", "ERC1967Proxy", logic, start, speaks="ComputeMarket")
    for role in ("ARBITER_ROLE", "ATTESTER_ROLE"):
        plan.then(market, "ComputeMarket", "grantRole", role_id(role), plan.deployer)


def role_id(name: str) -> bytes:
    """Give the identifier of an access-control role."""
    return keccak(name.encode())


def _spheron(plan: _Builder) -> None:
    registry = plan.deploy("spheron", "provider_registry", "SpheronReplicaProviderRegistry")
    escrow = plan.deploy("spheron", "escrow", "SpheronReplicaEscrow")
    order = plan.deploy("spheron", "order", "SpheronReplicaOrder", escrow)
    lease = plan.deploy("spheron", "lease", "SpheronReplicaLease", escrow, order)
    bid = plan.deploy("spheron", "bid", "SpheronReplicaBid", order, lease, registry)
    plan.then(escrow, "SpheronReplicaEscrow", "connect", order, lease)
    plan.then(order, "SpheronReplicaOrder", "connect", bid, lease)
    plan.then(lease, "SpheronReplicaLease", "connect", bid)
