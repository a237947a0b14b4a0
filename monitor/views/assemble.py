"""From the rows of a ledger to facts, findings and leads: where the rooms below are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.config import Config
from monitor.facts.bounds import TIME_LIMIT
from monitor.facts.inputs import NATIVE, RAW_LOGS, TOKENS
from monitor.facts.quotes import Feed, feed_quotes, feed_reads, table_quotes
from monitor.facts.transfers import transfers
from monitor.hardware.frame import resolve
from monitor.ledger.reader import Reader
from monitor.ledger.rows import UNSERVED, ChainRow, QuarantineRow, UpgradeRow
from monitor.markets.decode import decode_logs, find_children
from monitor.markets.load import Bound, Market
from monitor.markets.upgrades import remarked, upgrades
from monitor.model.lead import Finding, Lead
from monitor.model.schema import TRANSFERS, empty
from monitor.rules.legal import LegalFile, legal_status
from monitor.rules.names import names_frame
from monitor.rules.pipeline import Inputs, Known, World, evaluate
from monitor.rules.rule import ChainContext
from monitor.sync.fragment import TRANSFER
from monitor.views.bundle import Bundle
from monitor.views.shortfall import Shortfall, shortfall
from monitor.wallets.accounts import account_reads, accounts
from monitor.wallets.expand import Reach
from monitor.wallets.labels import labels_frame
from monitor.wallets.watch import Limits

__all__ = [
    "Assembled",
    "Read",
    "Rows",
    "assemble",
    "compute",
    "conclude",
    "decode",
    "decode_markets",
    "limits",
    "nobodys",
    "parted",
    "read_rows",
    "with_transfers",
]


_NO_TRANSFERS = empty(TRANSFERS)
MAX_UPGRADES = 10_000
"""The newest epochs that are told: a contract that a stranger made may claim as many as it likes."""


class Assembled(NamedTuple):
    """The world the ledger shows, with what the ledger itself says about its chains."""

    world: World
    events: pl.DataFrame
    quarantine: list[QuarantineRow]
    upgrades: tuple[UpgradeRow, ...]
    """Epochs of contracts, the oldest first."""
    chains: tuple[ChainRow, ...]
    children: tuple[Bound, ...]
    """Contracts to watch that only the logs name."""
    wanted: pl.DataFrame
    """Reads (WANTED) that would tell more."""
    about: pl.DataFrame
    """What the chain said of wallets themselves (READS)."""
    asides: pl.DataFrame
    """Reads (WANTED) that would tell more about wallets, for which no lead waits."""
    lacking: tuple[Shortfall, ...]
    """Reads that failed or are still to come, per market and chain."""

    @property
    def accounts(self) -> pl.DataFrame:
        """What wallets are (ACCOUNTS); made when asked."""
        world = self.world
        return accounts(world.people, world.stays, world.nodes, world.facts.funders, self.about)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What rules found, by id."""
        return self.world.judgement.findings

    @property
    def leads(self) -> tuple[Lead, ...]:
        """What it adds up to, by id."""
        return self.world.judgement.leads

    @property
    def legal(self) -> LegalFile:
        """The legal file in force."""
        return legal_status()

    @property
    def head_time(self) -> int:
        """Newest block time (seconds) of any chain, 0 for an empty ledger."""
        return max((chain.head_time or 0 for chain in self.chains), default=0)


class Rows(NamedTuple):
    """What facts are computed from, read in one transaction."""

    logs: pl.DataFrame
    token_logs: pl.DataFrame
    native: pl.DataFrame
    chains: tuple[ChainRow, ...]
    reads: pl.DataFrame
    """What the chain said beside logs (READS)."""
    children: tuple[Bound, ...]
    """Contracts that factories among the bound ones announced."""
    about: pl.DataFrame
    """What the chain said of wallets themselves (READS): what they are, and what they set for fees."""
    since: Mapping[int, int] = {}
    """Per chain the block up to which all that is decoded is what it was at the look before."""
    late: pl.DataFrame = _NO_TRANSFERS
    """The transfers (TRANSFERS) in these blocks that came since."""


def read_rows(reader: Reader, bundle: Bundle, upto: Mapping[int, int] | None) -> Rows:
    """Read what facts are computed from, up to the block per chain in `upto`, in one short transaction."""
    money = {address for _, address in bundle.tokens}
    with reader.snapshot():
        logs, children = _market_logs(reader, bundle, upto)
        reads, about = parted(reader.reads_frame(upto))
        return Rows(
            logs,
            reader.logs_frame(upto=upto, addresses=money, topic0=[TRANSFER]),
            reader.transfers_frame(upto=upto),
            tuple(_as_of(reader, upto)),
            reads,
            children,
            about,
        )


def parted(reads: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tell what markets asked (contracts' answers, transactions) from what was asked about wallets."""
    ours = pl.col("kind").is_in(["call", "transaction"])
    return reads.filter(ours), reads.filter(~ours)


def _market_logs(
    reader: Reader, bundle: Bundle, upto: Mapping[int, int] | None
) -> tuple[pl.DataFrame, tuple[Bound, ...]]:
    """Read the bound contracts' logs, then those of the children they announce, until no new one comes."""
    known = {item.address for item in bundle.bound}
    anywhere = bundle.anywhere
    logs = reader.logs_frame(upto=upto, addresses=known, anywhere=anywhere)
    while True:
        children = find_children(logs, bundle.markets, bundle.bound)
        fresh = {item.address for item in children} - known
        if not fresh:
            return logs, children
        known |= fresh
        theirs = reader.logs_frame(upto=upto, addresses=fresh)
        logs = pl.concat([logs, theirs.filter(~pl.col("topics").list.first().is_in(anywhere).fill_null(value=False))])


def assemble(
    reader: Reader,
    bundle: Bundle,
    config: Config,
    upto: Mapping[int, int] | None = None,
) -> Assembled:
    """Compute facts, clusters, findings and leads from the ledger; pure given what the reader returns."""
    return compute(read_rows(reader, bundle, upto), bundle, config)


class Read(NamedTuple):
    """The rows of a ledger decoded: EVENTS and QUARANTINE in any order, TABLES, WANTED, TRANSFERS in chain order."""

    events: pl.DataFrame
    quarantine: pl.DataFrame
    tables: pl.DataFrame
    wanted: pl.DataFrame
    transfers: pl.DataFrame


def compute(rows: Rows, bundle: Bundle, config: Config) -> Assembled:
    """Compute facts, clusters, findings and leads; pure."""
    return conclude(decode(rows, bundle), rows, bundle, config)


def decode(rows: Rows, bundle: Bundle, tables: pl.DataFrame | None = None) -> Read:
    """Decode rows; pure. `tables` are what markets' tables held before them."""
    return with_transfers(decode_markets(rows, bundle, tables), rows)


def decode_markets(rows: Rows, bundle: Bundle, tables: pl.DataFrame | None = None) -> Read:
    """Decode the markets' logs among the rows, and no transfers; pure."""
    decoded = decode_logs(rows.logs, bundle.markets, bundle.bound, tables, rows.reads, rows.children)
    return Read(decoded.events, decoded.quarantine, decoded.tables, decoded.wanted, empty(TRANSFERS))


def with_transfers(read: Read, rows: Rows) -> Read:
    """Add the transfers among the rows; pure."""
    moved, refused = transfers(
        rows.token_logs.select(list(RAW_LOGS)),
        rows.native.filter(pl.col("value").is_not_null()).select(list(NATIVE)),
    )
    return read._replace(quarantine=pl.concat([read.quarantine, refused]), transfers=moved)


def conclude(read: Read, rows: Rows, bundle: Bundle, config: Config, known: Known | None = None) -> Assembled:
    """Compute facts, clusters, findings and leads from all that was decoded; of `rows` what is not logs; pure.

    `known` as in `monitor.rules.pipeline.evaluate`.
    """
    feeds = _feeds(bundle)
    world = evaluate(_inputs(read, rows, bundle, config, feeds), known)
    names = ("chain_id", "block_number", "log_index", "market", "role", "reason")
    changes = upgrades(read.events, read.quarantine, bundle.markets)
    put_aside = [
        QuarantineRow(**dict(zip(names, row, strict=True)))
        for row in remarked(read.quarantine, changes).select(names).iter_rows()
    ]
    wanted = pl.concat([read.wanted, feed_reads(world.facts.leases, feeds, rows.reads)])
    newest = changes.sort("block_time", maintain_order=True).tail(MAX_UPGRADES)
    told = tuple(UpgradeRow(**row) for row in newest.iter_rows(named=True))
    fee_reads = rows.about.filter(pl.col("kind") == "fee")
    lacking = shortfall(
        pl.concat([rows.reads, fee_reads]),
        pl.concat([wanted, world.fee_reads]),
        read.events,
        (*bundle.bound, *rows.children),
        bundle.markets,
    )
    heads = {chain.chain_id: chain.head for chain in rows.chains if chain.head is not None}
    asides = account_reads(world.people, world.stays, world.nodes, rows.about, heads)
    asides = pl.concat([asides, world.fee_reads])
    return Assembled(
        world, read.events, put_aside, told, rows.chains, rows.children, wanted, rows.about, asides, lacking
    )


def _inputs(read: Read, rows: Rows, bundle: Bundle, config: Config, feeds: Sequence[Feed]) -> Inputs:
    return Inputs(
        events=read.events,
        since=rows.since,
        late=rows.late,
        transfers=read.transfers,
        hardware=lambda spelled: resolve(pl.Series("gpu_raw", spelled, dtype=pl.String)),
        tokens=_token_frame(bundle),
        quotes=pl.concat([_table(bundle), feed_quotes(feeds, rows.reads)]),
        labels=labels_frame(bundle.labels),
        names=names_frame(config.names),
        chains=_contexts(config, rows.chains),
        paid_until={name: item.paid_until for name, item in bundle.markets.items()},
        contracts=nobodys(bundle, rows),
        limits=limits(config, bundle, rows.chains),
        reach=Reach(config.wallets.depth, config.wallets.max_degree, config.wallets.max_wallets),
        hub_degree=config.wallets.hub_degree,
        about=rows.about,
        fee_transactions=config.wallets.fee_transactions,
        overrides=config.rules,
        emits={name: _emits(market) for name, market in bundle.markets.items()},
    )


def _emits(market: Market) -> frozenset[str]:
    """Say what a market's adapter can tell: each verb, and `verb.column` for what its events set."""
    columns = {f"{rule.verb}.{column}" for rule in market.rules for column, _ in rule.sets}
    return frozenset({rule.verb for rule in market.rules} | columns)


def _contexts(config: Config, chains: tuple[ChainRow, ...]) -> dict[int, ChainContext]:
    by_id = {chain.id: chain for chain in config.chains.values()}
    contexts = {}
    for row in chains:
        chain = by_id.get(row.chain_id)
        if chain is None or row.head is None or row.head_time is None:
            continue
        blocks = chain.native_blocks(indexed=row.indexed, by_blocks=row.by_blocks)
        seconds = Decimal(chain.block_seconds)
        # A look back over the whole chain sees everything, however long its blocks took, and as much at the next block.
        lookback = TIME_LIMIT if blocks >= row.head else int(blocks * seconds)
        contexts[row.chain_id] = ChainContext(
            chain_id=row.chain_id,
            head_block=row.head,
            head_time=row.head_time,
            native_lookback_seconds=0 if row.native_way == UNSERVED else lookback,
            token_transfers=config.wallets.transfers,
            block_seconds=seconds,
        )
    return contexts


def nobodys(bundle: Bundle, rows: Rows) -> frozenset[bytes]:
    """Name the contracts of markets and tokens, which are nobody's wallets."""
    markets = frozenset(item.address for item in (*bundle.bound, *rows.children) if item.address)
    return markets | {address for _, address in bundle.tokens}


def limits(config: Config, bundle: Bundle, chains: tuple[ChainRow, ...]) -> dict[int, Limits]:
    """Say how far transfers are looked at, by chain id."""
    final = {row.chain_id: -1 if row.finalized is None else row.finalized for row in chains}
    indexed = {row.chain_id for row in chains if row.indexed}
    by_blocks = {row.chain_id for row in chains if row.by_blocks}
    return {
        chain.id: Limits(
            start=min((item.from_block for item in bundle.bound if item.chain_id == chain.id), default=0),
            native_lookback=chain.native_blocks(indexed=chain.id in indexed, by_blocks=chain.id in by_blocks),
            around_funding=config.wallets.funder_blocks,
            transfers=config.wallets.transfers,
            final=final.get(chain.id, -1),
        )
        for chain in config.chains.values()
    }


def _token_frame(bundle: Bundle) -> pl.DataFrame:
    rows = [(info.chain_id, info.address, info.decimals, info.usd) for info in bundle.tokens.values()]
    return pl.DataFrame(sorted(rows, key=lambda row: row[:2]), schema=TOKENS, orient="row")


def _table(bundle: Bundle) -> pl.DataFrame:
    entries = [(info.chain_id, info.address, *entry) for info in bundle.tokens.values() for entry in info.by_date]
    return table_quotes(sorted(entries))


def _feeds(bundle: Bundle) -> list[Feed]:
    return [Feed(info.chain_id, info.address, *info.oracle) for info in bundle.tokens.values() if info.oracle]


def _as_of(reader: Reader, upto: Mapping[int, int] | None) -> list[ChainRow]:
    """Take the chains as the ledger has them, or with the newest header not above `upto`."""
    chains = reader.chains()
    if upto is None:
        return chains
    newest = reader.heads({chain.chain_id: upto.get(chain.chain_id, chain.head or 0) for chain in chains})
    return [
        msgspec.structs.replace(chain, head=number, head_hash=block_hash, head_time=time)
        for chain in chains
        if chain.chain_id in newest
        for number, block_hash, time in [newest[chain.chain_id]]
    ]
