"""What rules may look at: the fact frames, and the joins of them that most rules need, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Protocol

import msgspec
import polars as pl

from monitor.facts.bounds import believable_amount
from monitor.facts.fold import DEPOSITS, KEY
from monitor.facts.inorder import under
from monitor.facts.prices import priced, reference
from monitor.facts.transfers import CHAIN_ORDER
from monitor.model.schema import H100E, TRANSFERS
from monitor.rules.hands import Behind, founders, groups, hands, origins, started
from monitor.rules.money import with_micro
from monitor.wallets.hours import h100e_hours
from monitor.wallets.hubs import ZERO_ADDRESS

__all__ = ["DAY", "POSITION", "ChainContext", "Facts", "chosen", "lease_name", "milli_of"]

POSITION = ("chain_id", "block", "tx", "log_index")
"""Fields of a `position` struct: those of `monitor.model.chain.Position`, in order."""
_JUDGED = (
    *("market", "chain_id", "lease_id", "renter", "cluster_id", "lease", "milli"),
    *("opened_at", "open_block", "open_tx", "open_log_index", "position"),
)
"""Columns of tenancies that say when a tenant leased how much."""
_HOURS_LIMIT = 10**12
"""Thousandths of an H100e-hour one lease can add: a hundred thousand H100 for a year, so that sums stay in Int64."""


DAY = 86_400
_SOME = 20
"""Wallets of so many for whom their clusters are looked up one by one."""
_FEW = 10_000
"""Wallets up to which what is known of them is looked up and not gone through."""
_VENUE = ["market", "chain_id"]
_WITNESSES = 50
"""Leases of a market that are looked at first where one is enough."""

Paid = Callable[[pl.Series, str], pl.DataFrame]
Parties = Callable[..., pl.DataFrame]
"""Takes wallets and roles."""
OfSupply = Callable[..., pl.DataFrame]
"""Takes SUPPLY, CAPACITY and whole numbers."""


class Near(Protocol):
    """Finds transfers by wallets and side, in any order: all columns of them, or some."""

    def __call__(self, wallets: pl.Series, side: str, /, *columns: str) -> pl.DataFrame:
        """Give the rows."""


class ChainContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a chain when rules speak; `head_time` in block seconds is their "now"."""

    chain_id: int
    head_block: int
    head_time: int
    native_lookback_seconds: int = 0
    """How long before a wallet's first lease every transaction is read; 0 when native transfers are left out, or no
    endpoint has any more what reading them takes."""
    token_transfers: bool = True
    """Whether transfers of the payment tokens were read."""
    block_seconds: Decimal = Decimal(12)


class Facts(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """Everything rules may look at: frames of `monitor.model.schema`, `monitor.facts` and `monitor.wallets`."""

    leases: pl.DataFrame
    lease_events: pl.DataFrame
    transfers: pl.DataFrame
    capacity: pl.DataFrame
    supply: pl.DataFrame
    funders: pl.DataFrame
    token_funders: pl.DataFrame
    links: pl.DataFrame
    members: pl.DataFrame
    hubs: pl.DataFrame
    labels: pl.DataFrame
    tokens: pl.DataFrame
    names: pl.DataFrame
    """Names to look for (`monitor.rules.names.NAMES`), supplied by the user."""
    models: pl.DataFrame
    """What the catalogue says of each GPU model (`monitor.rules.models.MODELS`)."""
    chains: Mapping[int, ChainContext]
    safes: pl.DataFrame = msgspec.field(default_factory=lambda: pl.DataFrame(schema={"address": pl.Binary()}))
    """Wallets that several keys must sign for (`monitor.wallets.owners.jointly`)."""
    emits: Mapping[str, frozenset[str]] = {}
    """Per market what its events can carry: `verb`, and `verb.column` for each column they set."""
    near: Near | None = None
    """Finds `transfers` by wallets and side, in any order; without it they are searched from end to end."""
    payers: Paid | None = None
    """Finds payments for leases of others by payer or renter (`monitor.wallets.links.PAYMENTS`), as `near`."""
    parties: Parties | None = None
    """Finds leases (KEY) by who has a role in them, as `near`."""

    asked: pl.DataFrame | None = None
    """The clusters facts were cut down for (column cluster_id): nothing is asked of others whose leases are here."""

    @property
    def as_of(self) -> dict[int, int]:
        """Block seconds each chain has been read to."""
        return {chain_id: chain.head_time for chain_id, chain in self.chains.items()}

    @cached_property
    def heads(self) -> pl.DataFrame:
        """Columns chain_id, now (block seconds)."""
        now = self.as_of
        return pl.DataFrame(
            {"chain_id": list(now), "now": list(now.values())}, schema={"chain_id": pl.Int64(), "now": pl.Int64()}
        )

    @cached_property
    def clusters(self) -> pl.DataFrame:
        """Columns address, cluster_id; one row per wallet."""
        return self.members.select("address", "cluster_id").unique().sort("address")

    def homes(self, frame: pl.DataFrame, role: str) -> pl.DataFrame:
        """Pick the `clusters` of those who stand in a column, which has their name."""
        wallets = frame.select(pl.col(role).alias("address"))
        if wallets.height * _SOME < self.clusters.height:
            known = under(self.clusters, wallets)
        else:
            known = self.clusters.join(wallets, on="address", how="semi")
        return known.rename({"address": role})

    def about(self, leases: pl.DataFrame, lease_events: pl.DataFrame) -> Facts:
        """Give the same facts with other leases; who is in which cluster stays."""
        narrow = msgspec.structs.replace(self, leases=leases, lease_events=lease_events)
        narrow.__dict__["clusters"] = self.clusters
        return narrow

    @cached_property
    def venues(self) -> pl.DataFrame:
        """Markets with leases: market, chain_id, opened (any lease was), named (its machine), priced (in dollars)."""
        opened = pl.col("opened_at").is_not_null()
        return (
            self.leases.group_by("market", "chain_id")
            .agg(
                opened.any().alias("opened"),
                (opened & pl.col("machine_id").is_not_null()).any().alias("named"),
                pl.col("usd_per_gpu_hour").is_not_null().any().alias("priced"),
            )
            .sort("market", "chain_id")
        )

    @cached_property
    def suppliers(self) -> pl.DataFrame:
        """Markets with anything to say of their supply: market, chain_id."""
        return self.supply.select("market", "chain_id").unique()

    @cached_property
    def places(self) -> list[tuple[str, int]]:
        """Markets with leases or anything to say of their supply, and their chains, in order."""
        return sorted({*self.venues.select("market", "chain_id").iter_rows(), *self.suppliers.iter_rows()})

    @cached_property
    def supplied(self) -> dict[tuple[OfSupply, tuple[int, ...]], pl.DataFrame]:
        """What was asked of `of_supply`."""
        return {}

    def of_supply(self, work: OfSupply, *terms: int) -> pl.DataFrame:
        """Say what `work` makes of supply, capacity and some thresholds alone, found once for as long as both stand."""
        if (work, terms) not in self.supplied:
            self.supplied[work, terms] = work(self.supply, self.capacity, *terms)
        return self.supplied[work, terms]

    @cached_property
    def paying(self) -> pl.DataFrame:
        """Markets in which a payment names its lease and its token, and one lease that shows it: KEY, renter."""
        return self.witnesses(pl.lit(True))

    def witnesses(self, among: pl.Expr) -> pl.DataFrame:
        """Find such a lease per market `among` the leases; the first few of each market are looked at first."""
        told = self.leases.select(*KEY, "renter", "opened_at").filter(among)
        keys = told.filter(pl.col("opened_at").is_not_null() & pl.col("renter").is_not_null()).select(KEY)
        found = _named_payments(self, keys.group_by(_VENUE, maintain_order=True).head(_WITNESSES))
        rest = keys.join(found, on=_VENUE, how="anti")
        return found if rest.is_empty() else pl.concat([found, _named_payments(self, rest)]).sort(KEY)

    @cached_property
    def renters(self) -> pl.DataFrame:
        """Wallets with a lease that opened: chain_id, renter, in order."""
        leases = self.leases.select("chain_id", "renter", "opened_at")
        opened = leases.filter(pl.col("opened_at").is_not_null()).select("chain_id", "renter").unique()
        known = opened.join(self.homes(opened, "renter"), on="renter", how="semi")
        return known.sort("chain_id", "renter")

    @cached_property
    def unfunded(self) -> pl.DataFrame:
        """Renters nobody was seen to fund: chain_id, renter."""
        funded = self.funders.select("chain_id", pl.col("address").alias("renter"))
        return self.renters.join(funded, on=["chain_id", "renter"], how="anti").sort("chain_id", "renter")

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """How many leases of each size opened: market, chain_id, milli (thousandths of H100e), len."""
        size = ("market", "chain_id", milli_of("h100e").alias("milli"))
        leases = self.leases.select(*size[:2], "renter", "opened_at", "h100e")
        opened = leases.filter(pl.col("opened_at").is_not_null()).select(*size, "renter")
        known = opened.join(self.homes(opened, "renter"), on="renter", how="semi")
        return known.drop("renter").group_by(pl.all()).len()

    @cached_property
    def medians(self) -> dict[int, pl.DataFrame]:
        """What was asked of `reference`, by weeks."""
        return {}

    def reference(self, weeks: int) -> pl.DataFrame:
        """Say what a GPU-hour usually cost in so many weeks before (`monitor.facts.prices.REFERENCE`)."""
        if weeks not in self.medians:
            self.medians[weeks] = reference(self.priced, weeks)
        return self.medians[weeks]

    @property
    def priced(self) -> pl.DataFrame:
        """Leases with a price that tenants opened, as `monitor.facts.prices.priced` gives them."""
        found = priced(self.leases)
        return found.join(self.homes(found, "renter"), on="renter", how="semi")

    @cached_property
    def tenancies(self) -> pl.DataFrame:
        """Leases that opened and whose renter is a wallet, ordered by cluster and time.

        Columns of LEASES and cluster_id, held_until, milli (thousandths of H100e, 0 when unsized), milli_hours
        (thousandths of H100e-hours), lease (`market:chain:lease`), position, provider_cluster.
        """
        rented = h100e_hours(self.leases.filter(pl.col("opened_at").is_not_null()), self.as_of)
        hosts = self.homes(rented, "provider").rename({"cluster_id": "provider_cluster"})
        placed = rented.join(self.homes(rented, "renter"), on="renter", how="inner").join(
            hosts, on="provider", how="left"
        )
        spot = (pl.col("chain_id"), pl.col("open_block"), pl.col("open_tx"), pl.col("open_log_index"))
        return placed.with_columns(
            milli_of("h100e").alias("milli"),
            milli_of("h100e_hours").clip(0, _HOURS_LIMIT).alias("milli_hours"),
            lease_name().alias("lease"),
            pl.struct(each.alias(name) for name, each in zip(POSITION, spot, strict=True)).alias("position"),
        ).sort("cluster_id", "opened_at", "chain_id", "open_block", "open_log_index", "market", "lease_id")

    @cached_property
    def judged(self) -> pl.DataFrame:
        """Some columns of `tenancies`, of the tenants that are asked about, for rules that judge each by its own."""
        told = self.tenancies.select(_JUDGED)
        return told if self.asked is None else told.join(self.asked, on="cluster_id", how="semi", maintain_order="left")

    @cached_property
    def deposits(self) -> pl.DataFrame:
        """What went into escrow for tenancies, in chain order.

        Columns market, chain_id, lease_id, cluster_id, renter, provider, payer, verb, token, amount, micro (millionths
        of a dollar, null when unpriced), at, tx, lease, position. The payer of an open is the lease's, which a patch
        may name.
        """
        about = ("cluster_id", "renter", "provider", "lease", "price_token", pl.col("payer").alias("lease_payer"))
        opened = pl.col("verb") == "lease.open"
        paid = (
            self.lease_events.with_columns(believable_amount("amount"))
            .filter(pl.col("verb").is_in(DEPOSITS) & (pl.col("amount") > 0))
            .join(self.tenancies.select(*KEY, *about), on=KEY, how="inner")
            .with_columns(
                pl.when(opened)
                .then(pl.col("lease_payer"))
                .otherwise(pl.coalesce("actor", "lease_payer"))
                .alias("payer"),
                pl.coalesce("token", "price_token").alias("token"),
                pl.struct(POSITION).alias("position"),
            )
        )
        kept = (*KEY, "cluster_id", "renter", "provider", "payer", "verb", "token", "amount", "at", "tx", "lease")
        ordered = paid.sort("chain_id", "block", "log_index", *KEY)
        return with_micro(ordered.select(*kept, "position"), self.tokens)

    @cached_property
    def purses(self) -> pl.DataFrame:
        """Whose money tenants lease with: their own wallets, and payers of their leases that are no hubs.

        Columns address, cluster_id (of the tenant), payer (null for the cluster's own wallets).
        """
        key = ["address", "cluster_id"]
        own = self.clusters.join(self.tenancies, on="cluster_id", how="semi")
        paid = self.deposits.select(pl.col("payer").alias("address"), "cluster_id").drop_nulls().unique()
        others = paid.join(own, on=key, how="anti").join(self.strangers, on="address", how="anti")
        payer = pl.lit(None, dtype=pl.Binary()).alias("payer")
        return pl.concat([own.with_columns(payer), others.with_columns(pl.col("address").alias("payer"))]).sort(key)

    @cached_property
    def daily(self) -> pl.DataFrame:
        """What was opened (thousandths of H100e) and paid in (millionths of a dollar) each day since 1970.

        Columns unit (milli or micro), day, all.
        """
        opened = self.tenancies.select(pl.lit("milli").alias("unit"), pl.col("opened_at").alias("when"), "milli")
        paid = self.deposits.select(
            pl.lit("micro").alias("unit"), pl.col("at").alias("when"), pl.col("micro").cast(pl.Int64()).alias("milli")
        )
        both = pl.concat([opened, paid]).filter(pl.col("milli") > 0)
        summed = both.group_by("unit", (pl.col("when") // DAY).alias("day")).agg(pl.col("milli").sum().alias("all"))
        return summed.sort("unit", "day")

    def leased(self, wallets: pl.Series, *roles: str) -> pl.DataFrame:
        """Pick the leases that have one of some wallets in one of these roles, in order."""
        if self.parties is not None:
            return self.rented(self.parties(wallets, *roles))
        told = wallets.implode()
        return self.leases.filter(pl.any_horizontal(pl.col(role).is_in(told) for role in roles))

    def rented(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Pick the leases of some keys (KEY), in order."""
        return under(self.leases, keys.select(KEY).drop_nulls())

    def paid(self, wallets: pl.Series) -> pl.DataFrame:
        """List the leases of others that some wallets paid for (keys, each once or more often)."""
        if self.payers is not None:
            return self.payers(wallets, "payer").select(KEY)
        theirs = pl.col("verb").is_in(DEPOSITS) & pl.col("actor").is_in(wallets.implode())
        opened = self.leases.filter(pl.col("payer").is_in(wallets.implode()))
        return pl.concat([opened.select(KEY), self.lease_events.filter(theirs).select(KEY)])

    @property
    def moves(self) -> pl.LazyFrame:
        """Transfers that moved value from one wallet to another, as TRANSFERS with `at` and `position`.

        There may be millions: collect few columns of all, or `moved` of some wallets.
        """
        return _moving(self.transfers.lazy())

    def dealt(self, wallets: pl.DataFrame, side: str) -> pl.DataFrame:
        """Pick the transfers whose `side` (sender or recipient) stands in `wallets` (column `side`, maybe chain_id)."""
        found = self._found(wallets, side)
        return found if self.near is None else found.sort(CHAIN_ORDER)

    def _found(self, wallets: pl.DataFrame, side: str, *columns: str) -> pl.DataFrame:
        key = [name for name in ("chain_id", side) if name in wallets.columns]
        near = self.transfers
        if self.near is not None:
            near = self.near(wallets.get_column(side).drop_nulls().unique(), side, *columns)
            if key == [side] or _on_one_chain(near, wallets):
                return near
        return near.join(wallets.select(key), on=key, how="semi")

    def payments(self, wallets: pl.DataFrame, side: str, *columns: str) -> pl.DataFrame:
        """Pick columns of `moved`, in any order, also where the wallets are very many."""
        key = [name for name in ("chain_id", side) if name in wallets.columns]
        if self.near is not None and wallets.height < _FEW:
            told = {*columns, "chain_id", "sender", "recipient", "amount"}
            if "at" in columns:
                told.add("block_time")
            found = self._found(wallets, side, *(name for name in TRANSFERS if name in told))
            at = pl.col("block_time").alias("at")
            return (
                _valued(found.lazy())
                .select(at if name == "at" else name for name in columns)
                .collect(engine="in-memory")
            )
        return self.moves.join(wallets.lazy().select(key).unique(), on=key, how="semi").select(columns).collect()

    def moved(self, wallets: pl.DataFrame, side: str) -> pl.DataFrame:
        """Pick the `moves` whose `side` stands in `wallets`, as `dealt`."""
        return _moving(self.dealt(wallets, side).lazy()).collect(engine="in-memory")

    @cached_property
    def strangers(self) -> pl.DataFrame:
        """Column address: hubs and services, which connect nobody."""
        return self.hubs.select("address").unique().sort("address")

    @cached_property
    def founders(self) -> pl.DataFrame:
        """First funders that are no hubs: FUNDERS; a wallet has two where gas and the first tokens came from two.

        Nearly everybody's gas comes from an exchange: who sends the money tells more.
        """
        return founders(self.strangers, self.funders, self.token_funders)

    @cached_property
    def behind(self) -> Behind:
        """What is known of go-betweens."""
        return Behind.nothing()

    @cached_property
    def origins(self) -> pl.DataFrame:
        """Where each wallet's first value came from (`monitor.rules.hands.origins`)."""
        return self.origins_of(self.founders)

    def origins_of(self, founders: pl.DataFrame) -> pl.DataFrame:
        """Follow some `founders` to their `origins`."""
        people = pl.concat([self.renters.get_column("renter"), self.hosts.get_column("provider")])
        return origins(founders, people, lambda between: self.behind.of(between, self.dealt, self.hubs))

    @property
    def hosts(self) -> pl.DataFrame:
        """Column provider: who ever offered anything."""
        return self.of_supply(_providers)

    @cached_property
    def started(self) -> pl.DataFrame:
        """Columns address, origin: who may be of one hand."""
        return started(self.origins)

    @cached_property
    def groups(self) -> pl.DataFrame:
        """Columns address, group: each wallet's cluster, and its hands."""
        return groups(self.hands, self.clusters)

    @cached_property
    def hands(self) -> pl.DataFrame:
        """Rows of `groups` that are no clusters: who is of a hand that reaches over some."""
        return hands(self.started, self.clusters)

    @cached_property
    def together(self) -> pl.DataFrame:
        """Tenancies with `group`: a lease stands under its renter's cluster and, if there is one, its hand."""
        rows = self.tenancies.select("renter", pl.col("cluster_id").alias("group")).with_row_index("row")
        hands = rows.drop("group").join(self.hands.rename({"address": "renter"}), on="renter", how="inner")
        # of a wide frame rows are picked sooner than joined
        both = pl.concat([rows.drop("renter"), hands.select("row", "group")]).sort("row", "group")
        return self.tenancies[both.get_column("row")].with_columns(both.get_column("group"))

    @cached_property
    def anchored(self) -> pl.DataFrame:
        """Providers that live from one tenant: chain_id, provider, cluster_id, percent (of its H100e-hours).

        One tenant is a cluster, or all clusters of one hand that lease there. Whoever leased less than half of what a
        provider offers is a customer of it, however few others there are.
        """
        who = ["chain_id", "provider"]
        told = [*who, "cluster_id", "milli", "milli_hours"]
        rented = self.tenancies.filter(pl.col("provider").is_not_null())
        shared = rented.join(self.hands.rename({"address": "renter"}), on="renter", how="inner")
        whole = rented.group_by(who).agg(pl.col("milli_hours").sum().alias("whole"))
        own = rented.select(*told, pl.col("cluster_id").alias("group"))
        taken = (
            pl.concat([own, shared.select(own.columns)])
            .group_by(*who, "group")
            .agg(pl.col("milli_hours").sum(), pl.col("milli").sum().alias("leased"), pl.col("cluster_id").unique())
        )
        offered = self.capacity.group_by(who).agg(milli_of("h100e").sum().alias("offered"))
        sized = taken.join(whole.filter(pl.col("whole") > 0), on=who, how="inner").join(offered, on=who, how="left")
        large = sized.filter(pl.col("leased") * 2 >= pl.col("offered").fill_null(0)).explode("cluster_id")
        percent = (pl.col("milli_hours") * 100 // pl.col("whole")).max().alias("percent")
        return large.group_by(*who, "cluster_id").agg(percent)


def _on_one_chain(*frames: pl.DataFrame) -> bool:
    """Tell whether all rows are of the same chain."""
    ends = [end for each in frames for end in (each["chain_id"].min(), each["chain_id"].max())]
    return len(set(ends)) == 1


def _providers(supply: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    return supply.select("provider").drop_nulls().unique()


def chosen(frame: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Pick the rows of some leases (KEY), in their order; numbers of few are looked for before keys are compared."""
    few = frame.filter(pl.col("lease_id").is_in(keys.get_column("lease_id").unique().implode()))
    return few.join(keys, on=KEY, how="semi", maintain_order="left")


def _named_payments(facts: Facts, keys: pl.DataFrame) -> pl.DataFrame:
    """Say which of some leases (KEY) is the first of its market to have a payment that names it."""
    paid = facts.about(facts.rented(keys), chosen(facts.lease_events, keys)).deposits
    named = paid.filter(pl.col("payer").is_not_null() & pl.col("token").is_not_null()).select(*KEY, "renter")
    return named.unique(KEY).sort(KEY).unique(_VENUE, keep="first", maintain_order=True)


def _moving(transfers: pl.LazyFrame) -> pl.LazyFrame:
    spot = (pl.col("chain_id"), pl.col("block_number"), pl.col("tx_hash"), pl.col("log_index"))
    return _valued(transfers).with_columns(
        pl.col("block_time").alias("at"),
        pl.struct(each.alias(name) for name, each in zip(POSITION, spot, strict=True)).alias("position"),
    )


def _valued(transfers: pl.LazyFrame) -> pl.LazyFrame:
    """Pick what moved value from one wallet to another."""
    return (
        transfers.with_columns(believable_amount("amount"))
        .filter((pl.col("amount") > 0) & pl.col("recipient").is_not_null())
        .filter((pl.col("sender") != pl.col("recipient")) & (pl.col("sender") != ZERO_ADDRESS))
    )


def milli_of(column: str) -> pl.Expr:
    """Turn H100e (`Decimal(38, 3)`) into thousandths, null as 0."""
    limit = pl.lit(Decimal(10**9), dtype=H100E)
    return (pl.min_horizontal(pl.col(column).fill_null(0), limit) * 1000).cast(pl.Int64())


def lease_name() -> pl.Expr:
    """Name a lease as findings do."""
    return pl.concat_str("market", pl.col("chain_id").cast(pl.String()), "lease_id", separator=":")
