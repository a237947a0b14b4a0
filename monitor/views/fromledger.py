"""A ledger read into one snapshot: everything a surface shows, at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import polars as pl

from monitor import __version__
from monitor.config import Config
from monitor.errors import InputError
from monitor.facts.fold import LEASE_VERBS
from monitor.ledger.reader import Reader
from monitor.ledger.rows import ChainRow, DispositionRow, OutboxRow, QuarantineRow, Status
from monitor.markets.load import Bound
from monitor.model.lead import Finding, Lead
from monitor.model.silence import Silence
from monitor.model.span import Span, Spans
from monitor.rules.confidence import calibrated
from monitor.rules.legal import LegalFile
from monitor.rules.pipeline import Known
from monitor.rules.registry import all_rules
from monitor.rules.rule import Rule, settle
from monitor.views import snapshot as view
from monitor.views.assemble import conclude, decode, read_rows
from monitor.views.bundle import Bundle
from monitor.views.coverage import contract_wants, unread
from monitor.views.incremental import Reading
from monitor.views.snapshot import Snapshot

__all__ = ["Onward", "parse_at", "snapshot"]

_BLOCK_DIGITS = 18
"""Digits of a block number that SQLite holds in any case."""


def parse_at(reader: Reader, at: str | None) -> dict[int, int] | None:
    """Turn `--at` into the last block per chain; None for now.

    Raises InputError when it is neither block nor time, and for a block that no chain has yet.
    """
    if at is None:
        return None
    if at.isascii() and at.isdigit() and len(at) <= _BLOCK_DIGITS:
        heads = {chain.chain_id: chain.head or 0 for chain in reader.chains()}
        if heads and int(at) > max(heads.values()):
            message = f"the ledger ends at block {max(heads.values())}: there is no block {at} to look at"
            raise InputError(
                message, hint="`monitor status` says how far each chain goes; without --at it is the newest"
            )
        return dict.fromkeys(heads, int(at))
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        message = f"{at!r} is neither a block number nor a time"
        raise InputError(message, hint="write 123456, 2026-03-01 or 2026-03-01T12:00:00Z") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return reader.blocks_at(int(moment.timestamp()))


class Onward(NamedTuple):
    """What a snapshot after another one goes on from, so that it costs what is new; of one ledger, for one thread."""

    reading: Reading
    known: Known

    @classmethod
    def start(cls, reader: Reader, bundle: Bundle) -> Onward:
        """Begin with nothing read."""
        return cls(Reading(reader, bundle), Known.nothing())


class _Stored(NamedTuple):
    """What the ledger says itself, beside the rows that facts are made of; `covered` by chain and fragment."""

    version: int
    covered: Mapping[int, Mapping[str, Spans]]
    status: Status
    dispositions: Sequence[DispositionRow]
    silences: Sequence[Silence]
    alerts: Sequence[OutboxRow]
    leads: Sequence[Lead]
    findings: Sequence[Finding]

    @classmethod
    def of(cls, reader: Reader, *, withdrawn: bool) -> _Stored:
        """Read it; of leads and findings those that were announced and then `withdrawn`, if these are asked for."""
        return cls(
            reader.data_version(),
            {chain.chain_id: reader.coverage(chain.chain_id) for chain in reader.chains()},
            reader.status(),
            reader.dispositions(),
            reader.silences(),
            reader.outbox(),
            [lead for lead in reader.leads() if lead.state == "retracted"] if withdrawn else [],
            [item for item in reader.findings() if item.state == "retracted"] if withdrawn else [],
        )


def snapshot(
    reader: Reader,
    bundle: Bundle,
    config: Config,
    *,
    at: str | None = None,
    now: int = 0,
    onward: Onward | None = None,
) -> Snapshot:
    """Read everything a surface shows, as of now or of `at` (a block or a time), which does not go `onward`."""
    read = known = None
    with reader.snapshot():
        upto = parse_at(reader, at)
        stored = _Stored.of(reader, withdrawn=upto is None)
        if onward is None or upto is not None:
            rows = read_rows(reader, bundle, upto)
        else:
            (read, rows), known = onward.reading.read(), onward.known
    found = conclude(read or decode(rows, bundle), rows, bundle, config, known)
    decided = {row.lead_id: row for row in stored.dispositions}
    reviewed = {name: row.disposition for name, row in decided.items()}
    leads = {lead.lead_id: lead for lead in calibrated([*stored.leads, *found.leads], reviewed)}
    findings = {item.finding_id: item for item in [*stored.findings, *found.findings]}
    facts, bound = found.world.facts, [*bundle.bound, *found.children]
    return Snapshot(
        tool_version=__version__,
        config_digest=bundle.digest,
        legal=_legal_file(found.legal),
        version=stored.version,
        now=now,
        chains=tuple(_chain_status(chain, config, bound, stored) for chain in found.chains),
        rules=tuple(_rule_info(rule, config) for rule in all_rules()),
        leases=facts.leases,
        lease_events=_lease_history(found.events),
        wallets=found.world.wallets,
        links=facts.links,
        clusters=found.world.clusters,
        capacity=facts.capacity,
        accounts=found.accounts,
        habits=found.world.habits,
        findings=tuple(findings[name] for name in sorted(findings)),
        leads=tuple(_decided(leads[name], decided.get(name)) for name in sorted(leads)),
        alerts=tuple(map(_alert, stored.alerts)),
        dispositions=tuple(stored.dispositions),
        silences=tuple(stored.silences),
        quarantine=_quarantine_counts(found.quarantine),
        not_assessable=found.world.judgement.not_assessable,
        upgrades=found.upgrades,
    )


def _legal_file(legal: LegalFile) -> view.LegalFile:
    return view.LegalFile(
        version=legal.version,
        jurisdiction=legal.jurisdiction,
        verify_by=legal.verify_by,
        statement=" ".join(legal.lines),
    )


def _rule_info(rule: Rule, config: Config) -> view.RuleInfo:
    return view.RuleInfo(
        rule=rule.id,
        version=rule.version,
        name=rule.title,
        family=rule.family,
        lawful=rule.lawful,
        guidance=rule.guidance,
        blind_spots=rule.blind_spots,
        parameters=settle(rule, config.rules.get(rule.id, {}))[0],
    )


def _alert(row: OutboxRow) -> view.AlertRow:
    return view.AlertRow(
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


def _decided(lead: Lead, row: DispositionRow | None) -> Lead:
    if row is None:
        return lead
    return msgspec.structs.replace(lead, disposition=row.disposition, reason=row.reason, reviewer=row.reviewer)


def _lease_history(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(pl.col("verb").is_in(LEASE_VERBS) & pl.col("lease_id").is_not_null()).with_columns(
        pl.coalesce("actor", "payer", "renter").alias("actor"), pl.coalesce("token", "price_token").alias("token")
    )


def _chain_status(row: ChainRow, config: Config, bound: Sequence[Bound], stored: _Stored) -> view.ChainStatus:
    chain = next((item for item in config.chains.values() if item.id == row.chain_id), None)
    starts = [item.from_block for item in bound if item.chain_id == row.chain_id]
    upto = Span(0, 0 if row.head is None else row.head + 1)
    unseen = unread(contract_wants(row.chain_id, bound), stored.covered.get(row.chain_id, {}), upto)
    return view.ChainStatus(
        chain_id=row.chain_id,
        name=row.name,
        first_block=min(starts, default=None),
        last_block=row.head,
        head_hash=row.head_hash,
        head_time=row.head_time,
        finalized=row.finalized,
        node_head=row.node_head,
        missing_blocks=stored.status.missing.get(row.chain_id, 0),
        unread_blocks=unseen.total,
        logs=stored.status.logs.get(row.chain_id, 0),
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
