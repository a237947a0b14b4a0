"""What one can do at each market, as steps: offer, rent, pay for somebody, close; times in seconds."""

from __future__ import annotations

import json
from typing import NamedTuple

from eth_hash.auto import keccak

from monitor.sim.script import HOUR, Ref, Script

__all__ = [
    "Enclave",
    "Machine",
    "Rig",
    "enclave_deposit",
    "enclave_job",
    "enclave_provider",
    "extend",
    "fund_credits",
    "machine_id",
    "offer",
    "order_specs",
    "renew_rig",
    "rent",
    "rent_rig",
    "return_machine",
    "return_rig",
    "spheron_close",
    "spheron_lease",
    "spheron_provider",
    "stake",
    "top_up",
]

MARKET = ("reference", "market")
RENT = ("deeplink_dbc", "rent")
STAKING = ("deeplink_dbc", "staking")
ENCLAVES = ("marlin_oyster", "market")
SECONDS_PER_BLOCK = 2
CREDIT_PER_DOLLAR = 100
"""A TDLC is worth one cent in this world."""


class Machine(NamedTuple):
    """A machine on the reference market; `cents` is its price per hour."""

    provider: bytes
    label: bytes
    machine_id: bytes
    cents: int


class Rig(NamedTuple):
    """A machine staked at DeepLink; `cents` is its price per hour."""

    holder: bytes
    machine_id: str
    cents: int


class Enclave(NamedTuple):
    """What a Marlin job runs on; `cents` is its price per hour."""

    provider: bytes
    instance: str
    region: str
    cents: int


def offer(script: Script, at: int, provider: bytes, label: str, model: str | bytes, count: int, cents: int) -> Machine:
    """Offer a machine on the reference market."""
    name = label.encode().ljust(32, b"\0")[:32]
    script.call(at, provider, MARKET, "offerMachine", name, model, count, cents * 10_000)
    return Machine(provider, name, machine_id(provider, name), cents)


def machine_id(provider: bytes, label: bytes) -> bytes:
    """Compute the reference market's id of a provider's machine."""
    return keccak(provider.rjust(32, b"\0") + label)


def rent(
    script: Script, at: int, machine: Machine, renter: bytes, hours: int, key: str, *, payer: bytes | None = None
) -> Ref:
    """Open a lease on the reference market, prepaid for some hours by the renter or by a payer."""
    lease = Ref("reference", key)
    deposit = machine.cents * 10_000 * hours
    script.spends(at, payer or renter, script.stage.at(*MARKET).address)
    if payer is None:
        script.call(at, renter, MARKET, "openLease", machine.machine_id, deposit, opens=lease)
    else:
        script.call(at, payer, MARKET, "openLeaseFor", renter, machine.machine_id, deposit, opens=lease)
    return lease


def top_up(script: Script, at: int, lease: Ref, machine: Machine, payer: bytes, hours: int) -> None:
    """Pay some hours more on somebody's lease."""
    script.spends(at, payer, script.stage.at(*MARKET).address)
    script.call(at, payer, MARKET, "topUp", lease, machine.cents * 10_000 * hours)


def extend(script: Script, at: int, lease: Ref, payer: bytes, hours: int) -> None:
    """Buy some hours more."""
    script.spends(at, payer, script.stage.at(*MARKET).address)
    script.call(at, payer, MARKET, "extendLease", lease, hours * HOUR)


def return_machine(script: Script, at: int, lease: Ref, by: bytes) -> None:
    """Close a lease of the reference market."""
    script.call(at, by, MARKET, "closeLease", lease)


def stake(script: Script, at: int, holder: bytes, rig_id: str | bytes, model: str | bytes, cents: int) -> Rig:
    """Stake a machine at DeepLink, which is where its GPU type is declared."""
    script.call(at, holder, STAKING, "stake", rig_id, model, 100, 10_000)
    return Rig(holder, rig_id if isinstance(rig_id, str) else "", cents)


def rent_rig(
    script: Script, at: int, rig: Rig, renter: bytes, hours: int, key: str, *, payer: bytes | None = None
) -> Ref:
    """Rent a DeepLink machine for some hours; a payer other than the renter uses the proxy call."""
    opened = Ref("deeplink_dbc", key)
    fee = _credits(rig.cents * hours)
    script.spends(at, payer or renter, script.stage.at(*RENT).address, coin="TDLC")
    if payer is None:
        script.call(at, renter, RENT, "rentMachine", rig.machine_id, hours * HOUR, fee, opens=opened)
    else:
        script.call(at, payer, RENT, "rentProxyMachine", renter, rig.machine_id, hours * HOUR, fee, opens=opened)
    return opened


def renew_rig(script: Script, at: int, rented: Ref, rig: Rig, payer: bytes, hours: int) -> None:
    """Add hours to a running DeepLink rent."""
    script.spends(at, payer, script.stage.at(*RENT).address, coin="TDLC")
    script.call(at, payer, RENT, "renewRent", rented, hours * HOUR, _credits(rig.cents * hours))


def return_rig(script: Script, at: int, rented: Ref, by: bytes) -> None:
    """End a DeepLink rent."""
    script.call(at, by, RENT, "endRentMachine", rented)


def fund_credits(script: Script, at: int, source: bytes, wallet: bytes, dollars: int) -> None:
    """Send DeepLink's coin worth some dollars."""
    script.pay(at, source, wallet, _credits(dollars * 100), coin="TDLC")


def spheron_provider(script: Script, at: int, wallet: bytes, *, name: str, region: str) -> None:
    """Register a provider at Spheron."""
    spec = json.dumps({"Name": name, "Region": region}, sort_keys=True)
    usd = script.stage.at("tokens", "TUSD").address
    script.call(
        at,
        wallet,
        ("spheron", "provider_registry"),
        "addProvider",
        spec,
        f"https://{name}.example:8443",
        "",
        [usd],
        1,
        wallet,
    )


def order_specs(model: str, units: int, region: str, *, replicas: int = 1) -> str:
    """Write an order in Spheron's short notation."""
    return (
        "{n:job,pr:{a:[{k:region,v:" + region + "}]},s:[{n:work,r:{i:1,c:{u:16000,a:[]},m:{u:68719476736,a:[]},"
        "s:[{n:default,a:[],u:214748364800}],g:{a:[{k:vendor/nvidia/model/" + model + ",v:true}],u:" + str(units) + "},"
        "e:[{k:1,s:0}]},c:" + str(replicas) + "}]}"
    )


def spheron_lease(
    script: Script,
    at: int,
    tenant: bytes,
    provider: bytes,
    specs: str | bytes,
    hours: int,
    cents: int,
    key: str,
) -> Ref:
    """Deposit, order and be matched a minute later; `cents` is the price per hour of the whole order."""
    order = Ref("spheron", key)
    blocks = hours * HOUR // SECONDS_PER_BLOCK
    # Per block, scaled by 1e18 whatever the token's decimals.
    price = cents * 10**16 * SECONDS_PER_BLOCK // HOUR
    usd = script.stage.at("tokens", "TUSD").address
    script.spends(at, tenant, script.stage.at("spheron", "escrow").address)
    script.call(at, tenant, ("spheron", "escrow"), "deposit", usd, cents * 10_000 * hours + 10_000)
    script.call(at, tenant, ("spheron", "order"), "createOrder", price, blocks, usd, specs, 1, 1, opens=order)
    script.call(at + 60, provider, ("spheron", "bid"), "bid", order, price)
    return order


def spheron_close(script: Script, at: int, order: Ref, by: bytes) -> None:
    """Close a Spheron lease, which has the id of its order."""
    script.call(at, by, ("spheron", "lease"), "closeLease", order)


def enclave_provider(script: Script, at: int, wallet: bytes, url: str | bytes) -> None:
    """Register a provider at Marlin with its control plane's address."""
    script.call(at, wallet, ENCLAVES, "providerAdd", url)


def enclave_job(
    script: Script,
    at: int,
    owner: bytes,
    enclave: Enclave,
    hours: int,
    key: str,
    *,
    metadata: str | bytes | None = None,
) -> Ref:
    """Open a Marlin job with a balance for some hours."""
    job = Ref("marlin_oyster", key)
    if metadata is None:
        metadata = json.dumps(
            {
                "instance": enclave.instance,
                "region": enclave.region,
                "memory": 8192,
                "vcpu": 4,
                "url": "https://images.example/job.eif",
                "name": key,
                "family": "tuna",
                "debug": False,
                "init_params": "",
            }
        )
    # Base units (1e-6 dollar) per second, scaled by 1e12.
    rate = enclave.cents * 10**4 * 10**12 // HOUR
    script.spends(at, owner, script.stage.at(*ENCLAVES).address)
    script.call(
        at, owner, ENCLAVES, "jobOpen", metadata, enclave.provider, rate, enclave.cents * 10_000 * hours, opens=job
    )
    return job


def enclave_deposit(script: Script, at: int, job: Ref, payer: bytes, dollars: int) -> None:
    """Add to the balance of anybody's job."""
    script.spends(at, payer, script.stage.at(*ENCLAVES).address)
    script.call(at, payer, ENCLAVES, "jobDeposit", job, dollars * 10**6)


def _credits(cents: int) -> int:
    return cents * CREDIT_PER_DOLLAR * 10**16
