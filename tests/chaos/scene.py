"""Random markets: a chain of lease events and payments that grows, forks and becomes final as a seed has it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache

from eth_abi.abi import encode

from monitor.abi import parse_event
from monitor.sync.fragment import TRANSFER
from tests.fakenode import faults
from tests.fakenode.chain import Chain, Log, Tx
from tests.fakenode.faults import Fault

__all__ = ["MARKET", "TOKEN", "Scene", "lease_opened", "moods"]

MARKET, OTHER, TOKEN = (bytes([number]) * 20 for number in (0xC1, 0xC2, 0xD1))
PEOPLE = [bytes([number]) * 20 for number in range(0x10, 0x1C)]
MACHINES = [bytes([number]) * 32 for number in range(0x40, 0x46)]
MODELS = ["NVIDIA H100 80GB", "A100-SXM4-80GB", "RTX 4090", "unheard of"]
REGIONS = ["eu-west", "us-east", ""]
HOUR = 3600

DECLARATIONS = {
    "token": "PaymentTokenSet(address indexed token, uint8 decimals)",
    "provider": "ProviderRegistered(address indexed provider, string region, bytes32 endpointHash)",
    "machine": "MachineOffered(bytes32 indexed machineId, address indexed provider, string gpuModel, uint32 gpuCount,"
    " uint256 pricePerHour)",
    "open": "LeaseOpened(uint256 indexed leaseId, bytes32 indexed machineId, address indexed renter, address provider,"
    " address payer, uint32 gpuCount, uint256 pricePerHour, uint256 deposit, uint64 plannedEnd)",
    "settle": "LeaseSettled(uint256 indexed leaseId, address indexed provider, uint256 amount)",
    "refund": "LeaseRefunded(uint256 indexed leaseId, address indexed to, uint256 amount)",
    "close": "LeaseClosed(uint256 indexed leaseId, address indexed by, uint8 reason)",
    "beat": "Heartbeat(bytes32 indexed machineId, address indexed provider, bytes32 statusHash)",
}


class Scene:
    """A chain and what chance does to it; `floor` is the newest block anybody may have taken for final."""

    def __init__(self, seed: int, depth: int | None) -> None:
        self.chance = random.Random(seed)
        self.depth = depth
        self.chain = Chain(seed)
        self.chain.mine(Tx((_event("token", TOKEN, 6),)))
        self.grow(self.chance.randrange(10, 120))
        self.floor = 0
        self.settle()

    def grow(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.mine(*self._txs(), seconds=self.chance.choice((0, 1, 2, 12, HOUR)))

    def fork(self) -> None:
        """Replace some blocks above `floor`; the branch may be shorter, and carry some of the transactions again."""
        room = self.chain.head - self.floor
        if room > 0:
            depth = self.chance.randint(1, room) if self.chance.random() < 0.3 else 1
            grown = self.chance.randint(1, depth + 3)
            self.chain.fork(depth, [self._txs() for _ in range(grown)])

    def settle(self) -> None:
        """Let blocks become final: those `depth` below the head, or a random one by the tag."""
        chain = self.chain
        if self.depth is None:
            chain.final = self.chance.randint(max(chain.final, chain.head - 20), max(chain.final, chain.head))
            chain.safe = max(chain.safe, chain.final)
        reached = chain.final if self.depth is None else chain.head - self.depth
        self.floor = max(self.floor, reached)

    def move(self) -> None:
        """Do one thing that chains do."""
        kind = self.chance.random()
        if kind < 0.5:
            self.grow(self.chance.randint(1, 4))
        elif kind < 0.55:
            self.grow(self.chance.randint(60, 90))
        elif kind < 0.9:
            self.fork()
        self.settle()

    def _txs(self) -> list[Tx]:
        return [self._tx() for _ in range(self.chance.choice((0, 0, 1, 1, 2, 4)))]

    def _tx(self) -> Tx:
        chance = self.chance
        sender, other = chance.sample(PEOPLE, 2)
        logs = [self._log(sender) for _ in range(chance.randrange(4))]
        if chance.random() < 0.4:
            words = (TRANSFER, sender.rjust(32, b"\0"), other.rjust(32, b"\0"))
            logs.append(Log(TOKEN, words, chance.randrange(10**9).to_bytes(32, "big")))
        return Tx(tuple(logs), sender, other, chance.choice((0, 10**15)), failed=chance.random() < 0.1)

    def _log(self, actor: bytes) -> Log:
        chance = self.chance
        lease, machine, amount = chance.randrange(40), chance.choice(MACHINES), chance.randrange(10**10)
        people = (chance.choice(PEOPLE), actor, chance.choice(PEOPLE))
        gpus = chance.randint(1, 8)
        values: dict[str, tuple[object, ...]] = {
            "provider": (actor, chance.choice(REGIONS), b"\x01" * 32),
            "machine": (machine, actor, chance.choice(MODELS), gpus, amount),
            "open": (lease, machine, *people, gpus, amount, amount, 1_760_000_000 + amount),
            "settle": (lease, actor, amount),
            "refund": (lease, actor, amount),
            "close": (lease, actor, chance.randrange(5)),
            "beat": (machine, actor, b"\x02" * 32),
        }
        name = chance.choice((*values, "open", "open", "noise"))
        if name in values:
            return _event(name, *values[name])
        return Log(chance.choice((MARKET, OTHER)), (chance.randbytes(32),) * chance.randrange(5), chance.randbytes(40))


def lease_opened(lease: int, renter: bytes) -> Log:
    """Write the event of a lease that a wallet opened and pays for itself."""
    return _event("open", lease, MACHINES[0], renter, PEOPLE[0], renter, 1, 10**6, 10**7, 1_760_000_000 + HOUR)


def moods(chance: random.Random, scene: Scene, *, lies: bool) -> list[Fault]:
    """Draw what is wrong with an endpoint for a while; only one that `lies` leaves out logs without a word."""
    chain = scene.chain
    silent: Sequence[Fault] = (
        faults.logs(faults.last_block_missing),
        faults.logs(faults.some_missing),
        faults.logs(lambda _: []),
        faults.everywhere(faults.truncated),
        faults.gaps({chance.randrange(chain.head + 1)}),
    )
    seen = chain.upto(max(scene.floor, chain.head - chance.randrange(8)))
    known: Sequence[Fault] = (
        faults.lag(chance.randint(1, 12)),
        faults.stale(seen),
        faults.status(chance.choice((429, 500, 502, 503))),
        faults.status(429, retry_after="1"),
        faults.slow(2),
        faults.envelope(),
        faults.half_written(),
        faults.cut_short(),
        faults.wrong_ids(),
        faults.no_batches(),
        faults.logs(faults.doubled),
        faults.logs(faults.backwards),
        faults.logs(faults.without_timestamps),
        faults.result_cap(chance.randint(3, 40), chance.choice((faults.alchemy, faults.infura, faults.bare))),
        faults.range_cap(chance.randint(1, 20), -32602, "block range too large"),
        faults.without_methods("eth_getBlockReceipts"),
    )
    return [
        faults.sometimes(
            chance.choice((0.1, 0.3, 1.0)), chance.choice((*known, *silent) if lies else known), chance.randrange(1000)
        )
        for _ in range(chance.randrange(4))
    ]


def _event(name: str, *values: object) -> Log:
    topics, indexed, held = _layout(DECLARATIONS[name])
    words = [encode([kind], [value]) for kind, value in zip(indexed, values, strict=False)]
    return Log(MARKET, (topics, *words), encode(held, values[len(indexed) :]))


@lru_cache
def _layout(text: str) -> tuple[bytes, list[str], list[str]]:
    found = parse_event(text)
    kinds = [(item.indexed, item.type.canonical()) for item in found.params]
    assert [indexed for indexed, _ in kinds] == sorted((indexed for indexed, _ in kinds), reverse=True)
    return found.topic0, [kind for indexed, kind in kinds if indexed], [kind for indexed, kind in kinds if not indexed]
