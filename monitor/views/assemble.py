"""From a ledger and a configuration to everything a surface shows: where the rooms below are put together."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from monitor import __version__
from monitor.config import Config
from monitor.config.resources import ledger_path
from monitor.errors import ConfigError, InputError
from monitor.facts.fold import LEASE_VERBS
from monitor.facts.inputs import NATIVE, RAW_LOGS, TOKENS
from monitor.hardware.frame import resolve
from monitor.ledger.reader import Reader
from monitor.ledger.rows import ChainRow, DispositionRow, QuarantineRow
from monitor.markets.decode import decode_logs
from monitor.markets.load import Bound, Market, TokenInfo, bind, folders, load_markets, tokens
from monitor.model.lead import Finding, Lead
from monitor.rules.legal import LegalFile, legal_status
from monitor.rules.pipeline import Inputs, World, evaluate
from monitor.rules.registry import all_rules, problems
from monitor.rules.rule import ChainContext
from monitor.sync.fragment import TRANSFER
from monitor.views import snapshot as view
from monitor.views.snapshot import Snapshot
from monitor.wallets.labels import labels_frame
from monitor.wallets.watch import Limits

__all__ = ["Assembled", "Bundle", "assemble", "load_bundle", "open_path", "parse_at", "snapshot"]


_BLOCK_DIGITS = 18
"""Digits of a block number that SQLite holds in any case."""


class Bundle(NamedTuple):
    """What the configuration binds: adapters, the contracts to watch, the payment tokens, and their digest."""

    markets: dict[str, Market]
    bound: tuple[Bound, ...]
    tokens: dict[tuple[int, bytes], TokenInfo]
    digest: str


class Assembled(NamedTuple):
    """The world the ledger shows, with what the ledger itself says about its chains."""

    world: World
    events: pl.DataFrame
    quarantine: list[QuarantineRow]
    chains: tuple[ChainRow, ...]

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


def load_bundle(config: Config) -> Bundle:
    """Load the adapters and bind them; raises ConfigError or MarketError with every problem at once."""
    markets = load_markets(folders(config))
    wrong = problems(config.rules)
    if wrong:
        raise ConfigError("\n".join(wrong), hint="`monitor rules list` names the rules, `show` their parameters")
    return Bundle(markets, bind(markets, config), tokens(markets, config), _digest(config, markets))


def _digest(config: Config, markets: Mapping[str, Market]) -> str:
    """Fingerprint all that can change a fact or a finding; endpoints, paths and pacing cannot."""
    chains = {
        name: chain.model_dump(mode="json", include={"id", "tokens", "block_seconds", "native_lookback_blocks"})
        for name, chain in config.chains.items()
        if chain.enabled
    }
    rest = config.model_dump(mode="json", include={"markets", "wallets", "labels", "rules"})
    adapters = {name: hashlib.sha256(market.path.read_bytes()).hexdigest() for name, market in markets.items()}
    text = json.dumps({"chains": chains, "adapters": adapters, **rest}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_path(config: Config) -> Path:
    """Say where the ledger is; raises LedgerError when there is none yet."""
    return ledger_path(config.ledger.path)


def parse_at(reader: Reader, at: str | None) -> dict[int, int] | None:
    """Turn `--at` into the last block per chain; None for now. Raises InputError when it is neither block nor time."""
    if at is None:
        return None
    if at.isascii() and at.isdigit() and len(at) <= _BLOCK_DIGITS:
        return {chain.chain_id: int(at) for chain in reader.chains()}
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        message = f"--at {at!r} is neither a block number nor a time"
        raise InputError(message, hint="write 123456, 2026-03-01 or 2026-03-01T12:00:00Z") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return reader.blocks_at(int(moment.timestamp()))


class _Rows(NamedTuple):
    """What facts are computed from, read in one transaction."""

    logs: pl.DataFrame
    token_logs: pl.DataFrame
    native: pl.DataFrame
    chains: tuple[ChainRow, ...]


def _read(reader: Reader, bundle: Bundle, upto: Mapping[int, int] | None) -> _Rows:
    contracts = {item.address for item in bundle.bound}
    money = {address for _, address in bundle.tokens}
    with reader.snapshot():
        return _Rows(
            reader.logs_frame(upto=upto, addresses=contracts),
            reader.logs_frame(upto=upto, addresses=money, topic0=[TRANSFER]),
            reader.transfers_frame(upto=upto),
            tuple(_as_of(reader, upto)),
        )


def assemble(reader: Reader, bundle: Bundle, config: Config, upto: Mapping[int, int] | None = None) -> Assembled:
    """Compute facts, clusters, findings and leads from the ledger; pure given what the reader returns."""
    return _compute(_read(reader, bundle, upto), bundle, config)


def _compute(rows: _Rows, bundle: Bundle, config: Config) -> Assembled:
    decoded = decode_logs(rows.logs, bundle.markets, bundle.bound)
    world = evaluate(
        Inputs(
            events=decoded.events,
            token_logs=rows.token_logs.select(list(RAW_LOGS)),
            native=rows.native.filter(pl.col("value").is_not_null()).select(list(NATIVE)),
            hardware=lambda spelled: resolve(pl.Series("gpu_raw", spelled, dtype=pl.String)),
            tokens=_token_frame(bundle),
            labels=labels_frame(config.labels),
            chains=_contexts(config, rows.chains),
            stream_markets=frozenset(name for name, item in bundle.markets.items() if item.paid_until == "stream"),
            contracts=frozenset(item.address for item in bundle.bound) | {address for _, address in bundle.tokens},
            limits=_limits(config, bundle),
            hub_degree=config.wallets.hub_degree,
            overrides=config.rules,
        )
    )
    refused = pl.concat([decoded.quarantine, world.token_quarantine])
    names = ("chain_id", "block_number", "log_index", "market", "role", "reason")
    put_aside = [QuarantineRow(**dict(zip(names, row, strict=True))) for row in refused.select(names).iter_rows()]
    return Assembled(world, decoded.events, put_aside, rows.chains)


def snapshot(reader: Reader, bundle: Bundle, config: Config, *, at: str | None = None, now: int = 0) -> Snapshot:
    """Read everything a surface shows, as of now or of `at` (a block or a time)."""
    with reader.snapshot():
        upto = parse_at(reader, at)
        rows, version = _read(reader, bundle, upto), reader.data_version()
        dispositions, status, alerts = reader.dispositions(), reader.status(), reader.outbox()
        # The ledger also remembers leads that were announced and then withdrawn.
        old_leads = [lead for lead in reader.leads() if lead.state == "retracted"] if upto is None else []
        old_findings = [item for item in reader.findings() if item.state == "retracted"] if upto is None else []
    found = _compute(rows, bundle, config)
    decided = {row.lead_id: row for row in dispositions}
    leads = {lead.lead_id: lead for lead in [*old_leads, *found.leads]}
    findings = {item.finding_id: item for item in [*old_findings, *found.findings]}
    facts, legal = found.world.facts, found.legal
    return Snapshot(
        tool_version=__version__,
        config_digest=bundle.digest,
        legal=view.LegalFile(
            version=legal.version,
            jurisdiction=legal.jurisdiction,
            verify_by=legal.verify_by,
            statement=" ".join(legal.lines),
        ),
        version=version,
        now=now,
        chains=tuple(_chain_status(chain, config, bundle, status.missing, status.logs) for chain in found.chains),
        rules=tuple(
            view.RuleInfo(
                rule=rule.id,
                version=rule.version,
                name=rule.title,
                family=rule.family,
                lawful=rule.lawful,
                guidance=rule.guidance,
            )
            for rule in all_rules()
        ),
        leases=facts.leases,
        lease_events=_lease_history(found.events),
        wallets=facts.wallets,
        links=facts.links,
        clusters=found.world.clusters,
        capacity=facts.capacity,
        findings=tuple(findings[name] for name in sorted(findings)),
        leads=tuple(_decided(leads[name], decided.get(name)) for name in sorted(leads)),
        alerts=tuple(
            view.AlertRow(
                alert_id=row.alert_id,
                lead_id=row.lead_id,
                sink=row.sink,
                kind=row.kind,
                state=row.state,
                attempts=row.attempts,
                first_at=None if row.first_at is None else int(row.first_at),
                delivered_at=None if row.delivered_at is None else int(row.delivered_at),
                last_error=row.last_error,
            )
            for row in alerts
        ),
        dispositions=tuple(
            view.DispositionRow(
                lead_id=row.lead_id, disposition=row.disposition, reason=row.reason, reviewer=row.reviewer, at=row.at
            )
            for row in dispositions
        ),
        quarantine=_quarantine_counts(found.quarantine),
    )


def _decided(lead: Lead, row: DispositionRow | None) -> Lead:
    if row is None:
        return lead
    return msgspec.structs.replace(lead, disposition=row.disposition, reason=row.reason, reviewer=row.reviewer)


def _as_of(reader: Reader, upto: Mapping[int, int] | None) -> list[ChainRow]:
    """Take the chains as the ledger has them, or with the newest header not above `upto`."""
    chains = reader.chains()
    if upto is None:
        return chains
    heads = reader.headers_frame(upto=upto).group_by("chain_id").agg(pl.all().sort_by("number").last())
    newest = {row["chain_id"]: row for row in heads.iter_rows(named=True)}
    return [
        msgspec.structs.replace(
            chain,
            head=newest[chain.chain_id]["number"],
            head_hash=newest[chain.chain_id]["hash"],
            head_time=newest[chain.chain_id]["timestamp"],
        )
        for chain in chains
        if chain.chain_id in newest
    ]


def _contexts(config: Config, chains: tuple[ChainRow, ...]) -> dict[int, ChainContext]:
    by_id = {chain.id: chain for chain in config.chains.values()}
    contexts = {}
    for row in chains:
        chain = by_id.get(row.chain_id)
        if chain is None or row.head is None or row.head_time is None:
            continue
        blocks, seconds = chain.native_lookback_blocks, Decimal(chain.block_seconds)
        # A look back over the whole chain sees everything, however long its blocks took.
        lookback = row.head_time if blocks >= row.head else int(blocks * seconds)
        contexts[row.chain_id] = ChainContext(
            chain_id=row.chain_id,
            head_block=row.head,
            head_time=row.head_time,
            native_lookback_seconds=lookback,
            token_transfers=config.wallets.transfers,
            block_seconds=seconds,
        )
    return contexts


def _limits(config: Config, bundle: Bundle) -> dict[int, Limits]:
    return {
        chain.id: Limits(
            start=min((item.from_block for item in bundle.bound if item.chain_id == chain.id), default=0),
            native_lookback=chain.native_lookback_blocks,
            around_funding=config.wallets.funder_blocks,
            transfers=config.wallets.transfers,
        )
        for chain in config.chains.values()
    }


def _token_frame(bundle: Bundle) -> pl.DataFrame:
    rows = [(info.chain_id, info.address, info.decimals, info.usd) for info in bundle.tokens.values()]
    return pl.DataFrame(sorted(rows, key=lambda row: row[:2]), schema=TOKENS, orient="row")


def _lease_history(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(pl.col("verb").is_in(LEASE_VERBS) & pl.col("lease_id").is_not_null()).with_columns(
        pl.coalesce("actor", "payer", "renter").alias("actor"), pl.coalesce("token", "price_token").alias("token")
    )


def _chain_status(
    row: ChainRow, config: Config, bundle: Bundle, missing: Mapping[int, int], logs: Mapping[int, int]
) -> view.ChainStatus:
    chain = next((item for item in config.chains.values() if item.id == row.chain_id), None)
    starts = [item.from_block for item in bundle.bound if item.chain_id == row.chain_id]
    return view.ChainStatus(
        chain_id=row.chain_id,
        name=row.name,
        first_block=min(starts, default=None),
        last_block=row.head,
        head_hash=row.head_hash,
        head_time=row.head_time,
        finalized=row.finalized,
        node_head=row.node_head,
        missing_blocks=missing.get(row.chain_id, 0),
        logs=logs.get(row.chain_id, 0),
        reorgs=row.reorgs,
        explorer=chain.explorer if chain else "",
        state=row.state,
    )


def _quarantine_counts(rows: list[QuarantineRow]) -> tuple[view.QuarantineCount, ...]:
    counted = Counter((row.market, row.chain_id, row.reason) for row in rows)
    return tuple(
        view.QuarantineCount(market=market, chain_id=chain_id, reason=reason, rows=count)
        for (market, chain_id, reason), count in sorted(counted.items())
    )
