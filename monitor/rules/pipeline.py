"""The one way from decoded events to leads: daemon, command line and export all call `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.facts.folding import Folding, Terms, Turned, fresh
from monitor.facts.inorder import places
from monitor.facts.moving import Moved, Moving
from monitor.facts.offers import Offers
from monitor.facts.quotes import QUOTES
from monitor.facts.supply import emitted
from monitor.model.schema import CLUSTERS, READS, TRANSFERS, empty
from monitor.rules.facts import ChainContext, Facts
from monitor.rules.judge import Judgement, Judging
from monitor.rules.models import models
from monitor.rules.names import NAMES
from monitor.rules.rule import Override
from monitor.rules.standing import Told
from monitor.wallets.clusters import cluster_table, wallet_table
from monitor.wallets.expand import HOPS, Following, Reach
from monitor.wallets.fees import habits
from monitor.wallets.grouping import Grouping, Seen, Touched, grouped
from monitor.wallets.owners import jointly, owned
from monitor.wallets.placing import Placing
from monitor.wallets.signing import Acts, News, Signing
from monitor.wallets.watch import WATCH, Limits

__all__ = ["Inputs", "Known", "World", "evaluate"]

_BLOCK = ["chain_id", "block_number"]
Resolve = Callable[[Sequence[str]], pl.DataFrame]


class Inputs(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the world is computed from; rows in any order but where one is named.

    `events` EVENTS, `transfers` TRANSFERS (in chain order), `tokens` TOKENS (`monitor.facts.inputs`), `labels` LABELS
    (`monitor.wallets.labels`). `hardware` answers spellings with HARDWARE rows. `contracts` = market, escrow and token
    addresses, which are nobody's wallets. `overrides` = `[rules.<id>]` of the configuration.
    """

    events: pl.DataFrame
    transfers: pl.DataFrame
    since: Mapping[int, int] = {}
    """Per chain the block up to which all is what it was at the evaluation before; matters to `Known`."""
    late: pl.DataFrame = msgspec.field(default_factory=lambda: empty(TRANSFERS))
    """The `transfers` in these blocks that came since."""
    hardware: Resolve
    tokens: pl.DataFrame
    quotes: pl.DataFrame = msgspec.field(default_factory=lambda: empty(QUOTES))
    """What floating tokens were worth (QUOTES)."""
    labels: pl.DataFrame
    chains: Mapping[int, ChainContext]
    paid_until: Mapping[str, str] = {}
    """Rule by market: fixed_end|stream|job|none (`monitor.facts.leases`)."""
    contracts: frozenset[bytes] = frozenset()
    limits: Mapping[int, Limits] | None = None
    """How far transfers are looked at per chain; None looks at all that is given."""
    reach: Reach = Reach()
    """How far counterparties are followed, within `limits`."""
    hub_degree: int = 200
    about: pl.DataFrame = msgspec.field(default_factory=lambda: empty(READS))
    """What the chain said of wallets (READS): who owns Safes, what was set for fees."""
    fee_transactions: int = 0
    """Transactions per wallet whose fee settings count, the oldest first."""
    names: pl.DataFrame = msgspec.field(default_factory=lambda: empty(NAMES))
    """Names to look for, supplied by the user."""
    models: pl.DataFrame = msgspec.field(default_factory=models)
    emits: Mapping[str, frozenset[str]] | None = None
    """What each market's adapter can say (`verb`, `verb.column`); None goes by what the events were seen to carry."""
    overrides: Mapping[str, Mapping[str, Override]] = {}


class Spelled:
    """How GPU models were spelled so far; what a fork took back does no harm."""

    def __init__(self) -> None:
        self._met: set[str] | None = None

    def become(self, events: pl.DataFrame, news: pl.DataFrame) -> list[str]:
        """List all spellings, in order; but for `news` the events are as they were."""
        told = events if self._met is None else news
        self._met = {*(self._met or ()), *told.get_column("gpu_raw").drop_nulls().unique()}
        return sorted(self._met)


class Known(NamedTuple):
    """What earlier evaluations found out, brought up to date by each; it saves work and changes no result."""

    spelled: Spelled
    folding: Folding
    offers: Offers
    following: Following
    moving: Moving
    signing: Signing
    grouping: Grouping
    placing: Placing
    judging: Judging

    @classmethod
    def nothing(cls) -> Known:
        """Begin without any."""
        return cls(Spelled(), Folding(), Offers(), Following(), Moving(), Signing(), Grouping(), Placing(), Judging())


class World(msgspec.Struct, frozen=True, kw_only=True, eq=False, dict=True):
    """Everything known at one moment: `facts` for rules, the judgement, and tables for surfaces, made when asked."""

    facts: Facts
    people: pl.DataFrame
    """Everybody with a role in a lease or an offer (`monitor.facts.people.PEOPLE`)."""
    watch: pl.DataFrame
    """Whose transfers to read over which blocks (`monitor.wallets.watch.WATCH`)."""
    hops: pl.DataFrame
    """How many wallets were followed, and left out (`monitor.wallets.expand.HOPS`)."""
    nodes: pl.DataFrame
    """The wallets that are clustered (`monitor.wallets.clusters.nodes`)."""
    stays: pl.DataFrame
    """When each wallet first and last sent or got anything (`monitor.wallets.clusters.STAYS`)."""
    fees: pl.DataFrame
    """What wallets set for fees (`monitor.wallets.fees.FEES`)."""
    fee_reads: pl.DataFrame
    """Reads (WANTED) that would tell more about fees."""
    judgement: Judgement

    @cached_property
    def wallets(self) -> pl.DataFrame:
        """The wallets, sorted (WALLETS)."""
        facts = self.facts
        return wallet_table(self.nodes, facts.members, facts.labels, facts.leases, facts.as_of)

    @cached_property
    def clusters(self) -> pl.DataFrame:
        """Their clusters, sorted (CLUSTERS)."""
        return _with_leads(cluster_table(self.wallets), self.judgement)

    @cached_property
    def habits(self) -> pl.DataFrame:
        """What wallets set for fees again and again (HABITS)."""
        return habits(self.fees)


def evaluate(inputs: Inputs, known: Known | None = None) -> World:
    """Compute facts, wallets and judgement; pure, and the same for any order of rows and whatever is `known`.

    Raises ConfigError for a wrong rule override.
    """
    kept = None if known is None else known.grouping
    find = grouped if kept is None else kept.become
    known = Known.nothing() if known is None else known
    events = inputs.events
    news = fresh(events, inputs.since)
    hardware = inputs.hardware(known.spelled.become(events, news))
    block_seconds = {chain_id: chain.block_seconds for chain_id, chain in inputs.chains.items()}
    said = Terms(hardware, inputs.tokens, inputs.paid_until, block_seconds, inputs.quotes)
    offered, supplied = known.offers.become(events, news, inputs.since, hardware)
    rented, history, persons = known.folding.become(events, news, inputs.since, said)
    watch, hops, moved, went = _followed(inputs, persons, known)
    turned = known.folding.turned
    acts = Acts(rented, history, moved, persons, inputs.fee_transactions)
    since = None if turned is None or went is None else News(turned, went, known.grouping.near)
    settings = known.signing.become(acts, inputs.about, since)
    terms = inputs.labels, inputs.contracts, inputs.hub_degree, settings.fees
    now = Seen(rented, history, moved, persons, *terms, went, turned, settings.changed, owned(inputs.about))
    grouped_now, touched = find(now), known.grouping.touched
    seen, placed = known.placing.become(persons, grouped_now, turned, touched)
    facts = Facts(
        leases=rented,
        lease_events=history,
        transfers=moved,
        capacity=offered,
        supply=supplied,
        funders=grouped_now.funders,
        token_funders=grouped_now.token_funders,
        links=grouped_now.links,
        members=placed,
        hubs=grouped_now.hubs,
        labels=inputs.labels,
        tokens=inputs.tokens,
        names=inputs.names,
        models=inputs.models,
        chains=inputs.chains,
        safes=jointly(inputs.about),
        emits=emitted(events) if inputs.emits is None else inputs.emits,
        near=None if kept is None else kept.near,
        payers=None if kept is None else kept.paid,
        parties=None if kept is None else kept.leased,
    )
    told = _told(turned, touched, known.placing.placed)
    judgement = known.judging.become(facts, inputs.overrides, told)
    return World(
        facts=facts,
        people=persons,
        watch=watch,
        hops=hops,
        nodes=seen,
        stays=grouped_now.stays,
        fees=settings.fees,
        fee_reads=settings.wanted,
        judgement=judgement,
    )


def _told(turned: Turned | None, touched: Touched | None, placed: pl.Series | None) -> Told | None:
    if turned is None or touched is None or placed is None:
        return None
    return Told(turned, touched.moved, placed, touched.funded)


class _Followed(NamedTuple):
    """Whom to watch, the transfers within that watch, and which of them went and came since."""

    watch: pl.DataFrame
    hops: pl.DataFrame
    moved: pl.DataFrame
    news: Moved | None


def _followed(inputs: Inputs, persons: pl.DataFrame, known: Known) -> _Followed:
    late = places(inputs.transfers, inputs.late, _BLOCK)
    watch, hops, inside = empty(WATCH), empty(HOPS), None
    if inputs.limits is not None:
        terms = inputs.limits, inputs.reach, inputs.labels, inputs.contracts
        watch, hops, inside = known.following.become(
            inputs.transfers, persons, *terms, inputs.since, late, turned=known.folding.turned
        )
    moved, news = known.moving.become(inputs.transfers, inside, inputs.since, late)
    return _Followed(watch, hops, moved, known.grouping.difference(moved) if news is None else news)


def _with_leads(clusters: pl.DataFrame, judgement: Judgement) -> pl.DataFrame:
    counted = pl.DataFrame(
        {"cluster_id": [lead.cluster_id for lead in judgement.leads]}, schema={"cluster_id": pl.String()}
    ).group_by("cluster_id")
    joined = clusters.drop("leads").join(counted.agg(pl.len().alias("leads")), on="cluster_id", how="left")
    filled = joined.with_columns(pl.col("leads").fill_null(0))
    return filled.select(pl.col(name).cast(kind) for name, kind in CLUSTERS.items()).sort("cluster_id")
