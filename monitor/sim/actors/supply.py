"""The supply side: providers with their machines at every market, heartbeats and attestations."""

from __future__ import annotations

from typing import NamedTuple

from monitor.sim.script import Script
from monitor.sim.venues import MARKET, Enclave, Machine, Rig, enclave_provider, offer, spheron_provider, stake

__all__ = ["Supply", "play_supply"]

MODELS = ("RTX 4090", "NVIDIA GeForce RTX 3090", "RTX A6000", "L40S", "NVIDIA RTX 4090 24GB")
RIG_COUNT = 64


class Supply(NamedTuple):
    """What there is to rent; every list is used from the front by exactly one actor at a time."""

    exchange: bytes
    anchor: list[Machine]
    h100: list[Machine]
    h200: list[Machine]
    a100: list[Machine]
    small: list[Machine]
    rigs: list[Rig]
    small_rigs: list[Rig]
    spheron: list[bytes]
    enclaves: list[Enclave]


def play_supply(script: Script, exchange: bytes) -> Supply:
    """Register providers and put their machines on offer in the first days."""
    anchor = _provider(script, exchange, "anchor", "eu-north-1")
    large = _provider(script, exchange, "large", "us-east-2")
    second = _provider(script, exchange, "second", "ap-southeast-1")
    small = [_provider(script, exchange, f"small {n}", region) for n, region in enumerate(("FI", "us-west", "DE", ""))]
    day = script.day(3)
    supply = Supply(
        exchange=exchange,
        anchor=[offer(script, day, anchor, f"anchor-{n}", "NVIDIA H100 80GB HBM3", 8, 1680) for n in range(8)],
        h100=[offer(script, day, large, f"large-{n}", "NVIDIA H100 SXM5 80GB", 8, 1760) for n in range(30)],
        h200=[offer(script, day, second, f"second-{n}", "NVIDIA H200 141GB", 8, 2400) for n in range(4)],
        a100=[offer(script, day, second, f"a100-{n}", "NVIDIA A100-SXM4-80GB", 8, 960) for n in range(12)],
        small=[
            offer(script, day, small[n % 4], f"small-{n}", MODELS[n % len(MODELS)], 1 + n % 4, 35 + 5 * (n % 7))
            for n in range(24)
        ],
        rigs=_rigs(script, exchange),
        small_rigs=_small_rigs(script, exchange),
        spheron=_spheron(script, exchange),
        enclaves=_enclaves(script, exchange),
    )
    _signs_of_life(script, supply)
    return supply


def _provider(script: Script, exchange: bytes, name: str, region: str) -> bytes:
    wallet = script.wallet(f"provider {name}")
    script.fund(script.day(0), exchange, wallet, usd=500)
    script.call(script.day(2), wallet, MARKET, "registerProvider", region, wallet.rjust(32, b"\1"))
    return wallet


def _rigs(script: Script, exchange: bytes) -> list[Rig]:
    holder = script.wallet("provider rigs")
    script.fund(script.day(0), exchange, holder)
    day = script.day(3)
    return [
        stake(script, day + 60 * (n // 16), holder, f"{n:064x}", "NVIDIA H100 80GB HBM3", 205) for n in range(RIG_COUNT)
    ]


def _small_rigs(script: Script, exchange: bytes) -> list[Rig]:
    holder = script.wallet("provider small rigs")
    script.fund(script.day(0), exchange, holder)
    day = script.day(4)
    models = ("NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4060 Ti", "NVIDIA GeForce RTX 3080")
    return [stake(script, day, holder, f"{n + 4096:064x}", models[n % 3], 28 + n) for n in range(10)]


def _spheron(script: Script, exchange: bytes) -> list[bytes]:
    wallets = script.wallets("provider spheron", 3)
    for wallet, name, region in zip(wallets, ("north", "coast", "home"), ("eu-west", "us-central", "any"), strict=True):
        script.fund(script.day(0), exchange, wallet)
        spheron_provider(script, script.day(2), wallet, name=name, region=region)
    return wallets


def _enclaves(script: Script, exchange: bytes) -> list[Enclave]:
    wallets = script.wallets("provider enclaves", 2)
    for number, wallet in enumerate(wallets):
        script.fund(script.day(0), exchange, wallet)
        enclave_provider(script, script.day(2), wallet, f"https://cp{number}.example:8080")
    return [
        Enclave(wallets[0], "c6g.xlarge", "ap-south-1", 20),
        Enclave(wallets[1], "r6i.xlarge", "eu-central-1", 31),
    ]


def _signs_of_life(script: Script, supply: Supply) -> None:
    auditor = script.stage.deployer
    for number, machine in enumerate([*supply.anchor, *supply.h100[:4], *supply.h200]):
        digest = number.to_bytes(32, "big")
        script.call(script.day(5), auditor, MARKET, "attest", machine.machine_id, digest)
        for month in range(8):
            script.call(
                script.start + (20 + 30 * month) * 86_400,
                machine.provider,
                MARKET,
                "heartbeat",
                machine.machine_id,
                digest,
            )
