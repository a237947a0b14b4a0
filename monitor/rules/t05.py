"""T05: the payer is not the renter."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.model.chain import Position
from monitor.model.lead import Finding
from monitor.rules.measure import (
    DAY,
    address_text,
    dollars,
    finding,
    number_text,
    services,
    token_prices,
)
from monitor.rules.rule import Facts, Outcome, Parameter, Params, Rule

__all__ = ["RULE"]

POINTS = 15
HUB_POINTS = 5


_OPENLY = (
    "every third payer pays for tenants that nothing ties together, as sponsors do, or is a Safe that several sign for"
)
_OWN = "the payer belongs to the tenants' own cluster: somebody may pay in one place for several wallets of one owner"


class _Open(NamedTuple):
    """Payers who pay in the open: sponsors, and Safes that several people sign for, as firms and DAOs have."""

    sponsors: set[bytes]
    safes: set[bytes]


class _Payment(NamedTuple):
    """What one payer paid for one tenant cluster in one transaction."""

    at: int
    tx: bytes
    payer: bytes
    third: bool
    purse: bool
    """A payer of the cluster itself that pays for several of its other wallets."""
    amount: int
    renters: tuple[bytes, ...]
    leases: tuple[str, ...]
    positions: tuple[Position, ...]


def check(facts: Facts, params: Params) -> Outcome:
    """Judge, per tenant cluster, chain and token, who paid for the leases of any thirty days."""
    paid = facts.deposits.filter(pl.col("payer").is_not_null() & pl.col("token").is_not_null())
    paid = paid.sort("at", maintain_order=True)
    crowds = _crowds(facts, paid, params["hub_renters"])
    open_payers = _Open(_sponsors(facts, paid, params), set(facts.safes.get_column("address")))
    purses = _purses(facts, paid, params["min_fronts"])
    prices = token_prices(facts)
    found = []
    for (cluster_id, chain_id, token), payments in sorted(_by_cluster(facts, paid, purses).items()):
        # what outsiders pay says more, and is told alone
        window = _first_match(payments, params)
        if window is None and any(payment.purse for payment in payments):
            window = _first_match([payment._replace(third=payment.purse) for payment in payments], params)
        if window is not None:
            third = [payment for payment in window if payment.third]
            usd = dollars(((chain_id, token, payment.amount) for payment in third), prices)
            found.append(_finding(cluster_id, (chain_id, token), window, usd, (crowds, open_payers), params))
    return Outcome(tuple(found), _blind_markets(facts))


def _crowds(facts: Facts, paid: pl.DataFrame, limit: int) -> set[bytes]:
    """Find payers of so many renters that they look like a service nobody labelled."""
    third = paid.filter(pl.col("payer") != pl.col("renter"))
    many = third.group_by("payer").agg(pl.col("renter").n_unique()).filter(pl.col("renter") >= limit)
    return {*many.get_column("payer"), *facts.hubs.filter(pl.col("reason") == "degree").get_column("address")}


def _sponsors(facts: Facts, paid: pl.DataFrame, params: Params) -> set[bytes]:
    """Find payers of several tenants that nothing ties together.

    Hardly any have a hand in common, with one another or with the payer, and many do not meet at one provider.
    """
    own = facts.clusters.rename({"address": "payer", "cluster_id": "own"})
    served = paid.select("payer", "cluster_id").unique().join(own, on="payer", how="left")
    others = served.filter(pl.col("cluster_id").ne_missing(pl.col("own")))
    tenants = others.filter(pl.len().over("payer") >= params["open_tenants"])
    if tenants.is_empty():
        return set()
    held = facts.groups.join(facts.clusters, on="address", how="inner")
    hands = held.select("group", "cluster_id").unique().filter(pl.len().over("group") > 1)
    placed = tenants.join(hands, on="cluster_id", how="left")
    shared = placed.filter(pl.col("group").is_not_null() & (pl.len().over("payer", "group") > 1))
    backed = placed.join(hands.rename({"cluster_id": "own"}), on=["own", "group"], how="semi")
    tied = pl.concat([shared, backed]).select("payer", "cluster_id").unique().group_by("payer").len("tied")
    places = (
        paid.select("payer", "cluster_id", "provider").unique().join(tenants, on=["payer", "cluster_id"], how="semi")
    )
    met = places.group_by("payer", "provider").len().group_by("payer").agg(pl.col("len").max().alias("met"))
    counted = tenants.group_by("payer").len("tenants").join(tied, on="payer", how="left").join(met, on="payer")
    apart = counted.filter(
        (pl.col("tied").fill_null(0) * 100 <= pl.col("tenants") * params["max_tied_percent"])
        & (pl.col("met") * 100 <= pl.col("tenants") * params["max_met_percent"])
    )
    return set(apart.get_column("payer"))


def _purses(facts: Facts, paid: pl.DataFrame, least: int) -> set[bytes]:
    """Find payers of several other wallets of their own cluster: a front that is known for one stays one."""
    others = paid.filter(pl.col("payer") != pl.col("renter")).select("payer", "cluster_id", "renter").unique()
    inside = others.join(facts.clusters.rename({"address": "payer"}), on=["payer", "cluster_id"], how="semi")
    return set(inside.group_by("payer").len().filter(pl.col("len") >= least).get_column("payer"))


def _by_cluster(facts: Facts, paid: pl.DataFrame, purses: set[bytes]) -> dict[tuple[str, int, bytes], list[_Payment]]:
    served = services(facts)
    theirs = facts.clusters.rename({"address": "payer", "cluster_id": "payer_cluster"})
    placed = paid.join(theirs, on="payer", how="left", maintain_order="left")
    # most tenants only ever pay for themselves: leave them out before walking rows
    outside = pl.col("cluster_id").ne_missing(pl.col("payer_cluster"))
    behind = pl.col("payer").is_in(sorted(purses)) & (pl.col("payer") != pl.col("renter"))
    mixed = placed.filter((outside | behind).any().over("cluster_id", "chain_id", "token"))
    merged: dict[tuple[str, int, bytes], dict[tuple[bytes, bytes, bool], _Payment]] = {}
    for row in mixed.iter_rows(named=True):
        cluster_id, payer, inside = row["cluster_id"], row["payer"], row["payer_cluster"] == row["cluster_id"]
        payment = _Payment(
            at=row["at"], tx=row["tx"], payer=payer, amount=int(row["amount"]), renters=(row["renter"],),
            third=not inside and payer not in served,
            purse=inside and payer in purses and payer != row["renter"],
            leases=(row["lease"],), positions=(Position(*row["position"].values()),),
        )  # fmt: skip
        group = merged.setdefault((cluster_id, row["chain_id"], row["token"]), {})
        key = (payment.tx, payer, payment.purse)
        group[key] = _joined(group[key], payment) if key in group else payment
    return {key: list(group.values()) for key, group in merged.items()}


def _joined(one: _Payment, other: _Payment) -> _Payment:
    return one._replace(
        amount=one.amount + other.amount,
        renters=one.renters + other.renters,
        leases=one.leases + other.leases,
        positions=one.positions + other.positions,
    )


def _first_match(payments: Iterable[_Payment], params: Params) -> list[_Payment] | None:
    """Slide the window over the payments, in time, until third payers carry enough of it."""
    window: deque[_Payment] = deque()
    times: Counter[bytes] = Counter()
    often = params["min_payments"]
    regulars = 0
    total = third = 0
    for payment in payments:
        window.append(payment)
        total += payment.amount
        if payment.third:
            third += payment.amount
            times[payment.payer] += 1
            regulars += times[payment.payer] == often
        while window[0].at <= payment.at - params["window_days"] * DAY:
            gone = window.popleft()
            total -= gone.amount
            if gone.third:
                third -= gone.amount
                regulars -= times[gone.payer] == often
                times[gone.payer] -= 1
        if regulars and third * 100 >= params["min_share_percent"] * total:
            return list(window)
    return None


def _finding(
    cluster_id: str,
    scope: tuple[int, bytes],
    window: list[_Payment],
    usd: Decimal | None,
    known: tuple[set[bytes], _Open],
    params: Params,
) -> Finding:
    crowds, openly = known
    third = [payment for payment in window if payment.third]
    total = sum(payment.amount for payment in window)
    part = sum(payment.amount for payment in third)
    share = part * 100 // total
    payers = sorted({payment.payer for payment in third})
    paid_for = Counter(renter for payment in third for renter in payment.renters)
    renter = min(paid_for, key=lambda each: (-paid_for[each], each))
    service_like = crowds.issuperset(payers)
    own = all(payment.purse for payment in third)
    in_the_open = all(payer in openly.sponsors or payer in openly.safes for payer in payers)
    caveats = (
        *(("every third payer deals with very many wallets and may be a service",) if service_like else ()),
        *((_OPENLY,) if in_the_open else ()),
        *((_OWN,) if own else ()),
    )
    return finding(
        RULE,
        subject=address_text(renter),
        cluster_id=cluster_id,
        points=HUB_POINTS if service_like else POINTS,
        summary=f"{share} % of what the leases cost in {params['window_days']} d came from {len(payers)} other payers",
        threshold=(
            f">= {params['min_share_percent']} % of {params['window_days']}-day lease value from"
            + (f" one purse of >= {params['min_fronts']} renters" if own else " payers outside the renter's cluster")
            + f", the same payer >= {params['min_payments']} times"
        ),
        values={
            "share_percent": str(share),
            "payments": str(len(third)),
            "payers": ", ".join(address_text(payer) for payer in payers[:10]),
            "third_party_usd": "unknown" if usd is None else number_text(usd),
        },
        positions=[position for payment in third for position in payment.positions],
        leases=[lease for payment in third for lease in payment.leases],
        at=max(payment.at for payment in third),
        caveats=caveats,
        common=in_the_open or own,
        scope=f"{scope[0]}:{scope[1].hex()}",
    )


def _blind_markets(facts: Facts) -> tuple[str, ...]:
    """Name markets whose events never tie a payment to a lease."""
    silent = facts.venues.filter("opened").join(facts.paying, on=["market", "chain_id"], how="anti")
    return tuple(
        f"T05: not assessable: {market} on chain {chain_id}: no payment names its lease"
        for market, chain_id in silent.select("market", "chain_id").iter_rows()
    )


RULE = Rule(
    id="T05",
    version=4,
    title="Payer is not the renter",
    family="payment",
    role="core",
    max_points=POINTS,
    pattern="A tenant's leases are mostly paid from outside its cluster, or from one purse of several renters in it.",
    parameters=(
        Parameter("min_share_percent", 50, "percent", "of the value paid in the window", 1, 100),
        Parameter("min_payments", 2, "transactions", "by the same third payer in the window", 1, 1_000),
        Parameter("window_days", 30, "days", "any stretch of this length", 1, 3_650),
        Parameter("hub_renters", 200, "wallets", "a payer of this many renters looks like a service", 2, 1_000_000),
        Parameter("open_tenants", 3, "tenants", "a payer of so many that nothing ties is a sponsor", 2, 1_000_000),
        Parameter("max_tied_percent", 20, "percent", "of a sponsor's tenants share a hand, at most", 0, 100),
        Parameter("max_met_percent", 67, "percent", "of a sponsor's tenants meet at one provider, at most", 0, 100),
        Parameter("min_fronts", 3, "wallets", "of its own cluster that one purse pays for", 2, 1_000_000),
    ),
    lawful=(
        "relayers, paymasters and the owners of smart accounts pay for others by design",
        "foundations, employers and treasuries pay for many who have nothing else in common",
        "firms and DAOs pay from a Safe that several people sign for: a common sign",
        "a treasury may pay for wallets of its own projects: a common sign, too",
        "gift cards, fiat on-ramps and employers look like third payers",
    ),
    guidance="FinCEN/BIS FIN-2023-GLOBALEXPORT (refuses detail on the end user); third payers as such: our reading",
    blind_spots=(
        "money handed to the renter first and paid by the renter does not match",
        "a payer that makes itself a Safe of several keys is a common sign only",
        "markets whose payments name no lease cannot be assessed",
        "payments in different tokens or on different chains are judged apart",
    ),
    inputs=("escrow deposits with their payer", "clusters", "service labels", "owners and thresholds of Safes"),
    check=check,
    scope="tenants",
    hops=0,
    ages=False,
)
