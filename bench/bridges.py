"""Precision and recall of links over bridges and to shared sinks: two chains, known owners, values, times and fees.

Generated worlds have one chain, and nobody in them gathers money in one place, so these two families are measured on a
scene of their own. In each world 60 brokers pay for wallets on chain 2 out of a wallet on chain 1, each wallet over a
bridge, naive to careful, and 1,140 honest people (95 %) use the same bridges: most move their own money, some to a
second wallet of theirs, some pay a stranger; on chain 2 they pay shops and friends, and a fifth of them is dusted over
the bridge. All goes through `grouped`, from transfers and leases to links; right, wrong and recall as in
`bench/families.py`. For comparison in the same run: `any that fits` pairs every withdrawal with every deposit that
could have paid for it. Exits with 1 when fewer than 95 % of the bridge links are right.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl
from families import rates

from monitor.facts.lease_events import LEASE_EVENTS
from monitor.model.schema import LEASES, TRANSFERS, empty
from monitor.wallets.bridges import FEE_PARTS, WITHIN_SECONDS
from monitor.wallets.fees import FEES
from monitor.wallets.grouping import Seen, grouped
from monitor.wallets.labels import LABELS

WORLDS, BROKERS, HONEST, SHOPS, PROVIDERS = 10, 60, 1_140, 40, 25
FLOOR = 0.95
MINUTE, DAY, DAYS = 60, 86_400, 60
HERE, THERE = 1, 2
BRIDGES = {HERE: b"\xb1" * 20, THERE: b"\xb2" * 20}
MARKET, DUSTER = b"\xee" * 20, b"\xdd" * 20
USDC = b"\xaa" * 20
UNIT = 10**6
POPULAR = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
TIPS = (1_500_000_000, 1_500_000_000, 2_000_000_000)


class Care(NamedTuple):
    """Shares of what gives a broker away: amounts with own digits, one sink, one tip; and of slow bridges."""

    digits: float
    sink: float
    tip: float
    slow: float


CARES = {"naive": Care(1.0, 1.0, 0.75, 0.0), "moderate": Care(0.6, 0.5, 0.5, 0.1), "careful": Care(0.2, 0.2, 0.1, 0.4)}


class Scene:
    """One world: rows of transfers, leases and fees, and who owns which wallet."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.owner: dict[bytes, str] = {}
        self.moves: list[dict[str, Any]] = []
        self.leases: list[dict[str, Any]] = []
        self.fees: list[dict[str, Any]] = []
        self.shops = [self.wallet(f"shop {n}") for n in range(SHOPS)]
        self.providers = [self.wallet(f"provider {n}") for n in range(PROVIDERS)]
        for n in range(BROKERS):
            self.broker(f"{list(CARES)[n % 3]} {n}", CARES[list(CARES)[n % 3]])
        self.people = [self.honest(f"honest {n}") for n in range(HONEST)]
        for wallet in self.people:
            self.live(wallet)

    def wallet(self, owner: str) -> bytes:
        made = self.chance.randbytes(20)
        self.owner[made] = owner
        return made

    def send(self, chain: int, sender: bytes, to: bytes, amount: int, at: int) -> None:
        self.moves.append({
            "chain_id": chain, "block_number": at, "block_time": at, "tx_hash": self.chance.randbytes(32),
            "log_index": 0, "kind": "erc20", "token": USDC, "sender": sender, "recipient": to, "amount": amount,
        })  # fmt: skip

    def amount(self, own_digits: float) -> int:
        if self.chance.random() < own_digits:
            return self.chance.randrange(100 * UNIT, 12_000 * UNIT)
        return self.chance.choice(POPULAR) * UNIT

    def cross(self, giver: bytes, taker: bytes, amount: int, at: int, *, slow: float = 0.1) -> int:
        """Send over a bridge and use it there; returns when it came."""
        kept = amount * self.chance.randrange(4, 31) // 10_000
        wait = 7 * DAY if self.chance.random() < slow else self.chance.randrange(1, 40) * MINUTE
        self.send(HERE, giver, BRIDGES[HERE], amount, at)
        self.send(THERE, BRIDGES[THERE], taker, amount - kept, at + wait)
        return at + wait

    def rent(self, wallet: bytes, at: int, tip: int) -> None:
        """Lease, pay the market, and sign three times."""
        number = len(self.leases)
        self.leases.append({
            "chain_id": THERE, "market": "m", "lease_id": str(number), "renter": wallet, "payer": wallet,
            "provider": self.chance.choice(self.providers), "gpu_model": "h100-sxm", "gpu_count": 1 + number % 8,
            "opened_at": at, "open_block": at, "open_tx": self.chance.randbytes(32), "open_log_index": 0,
        })  # fmt: skip
        self.send(THERE, wallet, MARKET, 50 * UNIT, at)
        for n in range(3):
            self.fees.append({"chain_id": THERE, "address": wallet, "tx": self.chance.randbytes(32),
                              "at": at + n * DAY, "what": "tip", "value": tip})  # fmt: skip

    def broker(self, name: str, care: Care) -> None:
        """Fund wallets on the other chain out of one, and gather there what is left."""
        source, sink, own = self.wallet(name), self.wallet(name), 10**8 + self.chance.randrange(10**9)
        for _ in range(self.chance.randrange(3, 7)):
            renter = self.wallet(name)
            came = self.cross(source, renter, self.amount(care.digits), self.time(), slow=care.slow)
            self.rent(renter, came + 2 * MINUTE, own if self.chance.random() < care.tip else self.chance.choice(TIPS))
            if self.chance.random() < care.sink:
                self.send(THERE, renter, sink, self.amount(1), came + DAY)

    def honest(self, name: str) -> bytes:
        """Bring own money once to four times, mostly to the same address; half of them rent."""
        one = self.wallet(name)
        other = self.wallet(name) if self.chance.random() < 0.1 else one
        for _ in range(self.chance.randrange(1, 5)):
            came = self.cross(one, other, self.amount(0.5), self.time())
            self.send(
                THERE, other, self.shops[int(SHOPS * self.chance.random() ** 4)], self.amount(0.5), came + 5 * MINUTE
            )
        if self.chance.random() < 0.5:
            self.rent(other, came + 10 * MINUTE, self.chance.choice(TIPS))
        return other

    def live(self, wallet: bytes) -> None:
        """Pay a friend, pay a stranger over the bridge, get dust over the bridge."""
        chance = self.chance.random()
        if chance < 0.3:
            self.send(THERE, wallet, self.chance.choice(self.people), self.amount(0.5), self.time())
        if chance < 0.03:
            self.cross(wallet, self.chance.choice(self.people), self.amount(0.5), self.time())
        if chance > 0.8:
            self.cross(DUSTER, wallet, self.chance.randrange(10_000, 99_999), self.time())

    def time(self) -> int:
        return self.chance.randrange(DAYS * DAY)

    def seen(self) -> Seen:
        def frame(rows: list[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
            return pl.DataFrame([dict.fromkeys(schema) | row for row in rows], schema=schema, orient="row")

        labels = [(bridge, "a bridge", "bridge", "known", "2026-01-01") for bridge in BRIDGES.values()]
        persons = pl.DataFrame({"chain_id": THERE, "address": [row["renter"] for row in self.leases]})
        return Seen(
            *(frame(self.leases, LEASES), empty(LEASE_EVENTS), frame(self.moves, TRANSFERS), persons.unique()),
            *(pl.DataFrame(labels, schema=LABELS, orient="row"), frozenset({MARKET, USDC}), 200),
            frame(self.fees, FEES),
        )

    def fitting(self) -> Iterator[tuple[bytes, bytes]]:
        """Pair whoever gave with whoever took what that could have paid for."""
        near = defaultdict(list)
        for row in self.moves:
            if row["recipient"] == BRIDGES[HERE]:
                for stretch in (0, 1):
                    near[row["block_time"] // WITHIN_SECONDS + stretch].append(row)
        for row in self.moves:
            if row["sender"] != BRIDGES[THERE]:
                continue
            for given in near[row["block_time"] // WITHIN_SECONDS]:
                late, lost = row["block_time"] - given["block_time"], given["amount"] - row["amount"]
                if 0 <= late <= WITHIN_SECONDS and 0 <= lost * FEE_PARTS <= given["amount"]:
                    yield given["sender"], row["recipient"]


def main() -> int:
    totals: Counter[tuple[str, int]] = Counter()
    for seed in range(WORLDS):
        scene = Scene(seed)
        links = grouped(scene.seen()).links
        rare = (
            pl.when(pl.col("family") == "sink")
            .then(pl.concat_str(pl.lit(" of "), pl.col("weight")))
            .otherwise(pl.lit(""))
        )
        named = links.with_columns((pl.col("family") + rare).alias("family"))
        pairs = {str(name): set(rows.select("a", "b").iter_rows()) for (name,), rows in named.group_by("family")}
        pairs["any that fits"] = {(a, b) for a, b in scene.fitting() if a != b}
        for name, found in pairs.items():
            brokers = {wallet: who for wallet, who in scene.owner.items() if who.partition(" ")[0] in CARES}
            totals.update({(name, at): count for at, count in enumerate(rates(scene.owner, found))})
            for care in CARES:
                mine = {wallet: who for wallet, who in brokers.items() if who.startswith(care)}
                touched, several = rates(mine, [pair for pair in found if mine.keys() >= {*pair}])[2:]
                totals.update({(f"{name} {care}", 2): touched, (f"{name} {care}", 3): several})
    shown = ("any", "bridge", "sink")
    names = sorted({name for name, at in totals if at == 0 and name.startswith(shown)})
    print(f"{WORLDS} worlds of {BROKERS} brokers and {HONEST} honest people; recall of wallets of brokers")
    print(f"{'family':<14} {'links':>7} {'precision':>10}" + "".join(f" {care:>9}" for care in CARES))
    for name in names:
        recall = [totals[f"{name} {care}", 2] / max(1, totals[f"{name} {care}", 3]) for care in CARES]
        right = totals[name, 0] / max(1, totals[name, 1])
        print(f"{name:<14} {totals[name, 1]:>7} {right:>10.3f}" + "".join(f" {share:>9.3f}" for share in recall))
    return 0 if totals["bridge", 0] >= FLOOR * totals["bridge", 1] else 1


if __name__ == "__main__":
    sys.exit(main())
