"""Facts from the ledger, leads from the facts, and what must be said about them, in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.alerts.message import announced, diff
from monitor.alerts.outbox import outbox_rows
from monitor.alerts.payload import Context, LegalStatus
from monitor.chain.reads import Wanted
from monitor.config import Config
from monitor.daemon.pool import on_the_pool
from monitor.daemon.watch import Watched, admitted
from monitor.ledger.reader import Reader
from monitor.ledger.rows import ChainRow
from monitor.ledger.writer import Writer
from monitor.markets.load import Bound
from monitor.model.lead import Finding, Lead
from monitor.model.page import Page
from monitor.model.span import Span, Spans
from monitor.rules.confidence import calibrated
from monitor.rules.facts import Facts
from monitor.rules.measure import address_text
from monitor.rules.pipeline import Known
from monitor.rules.withdrawn import withdrawn
from monitor.sync.fragment import FragmentKind
from monitor.views.assemble import Assembled, Read, Rows, conclude
from monitor.views.bundle import Bundle
from monitor.views.incremental import Reading
from monitor.views.newcomers import newcomers, watch_funders_of, watch_newcomers

__all__ = ["Judge", "Look", "Survey", "reach", "ready_leads"]

_WALLET = {"chain_id": pl.Int64(), "address": pl.Binary()}


class Survey(NamedTuple):
    """What the ledger held at one moment: what was covered, per chain id, and the rows, decoded."""

    covered: Mapping[int, tuple[Mapping[str, Spans], Span]]
    read: Read
    rows: Rows


class Look(NamedTuple):
    """What an evaluation asks for: wallets whose transfers to read, children to index, reads beside logs.

    No lead waits for `asides`, reads about the wallets themselves.
    """

    watched: Sequence[Watched]
    children: Sequence[Bound]
    wanted: Sequence[Wanted]
    asides: Sequence[Wanted] = ()


class Judge:
    """Looks at the ledger as a whole: `survey` reads, `look` computes, `commit` writes what was computed.

    `newcomers` tells of a survey, for a fraction of what a look costs, what the look would ask for because of new rows.

    `first` and `last` bound the blocks that are read, of a backfill.
    """

    def __init__(
        self, config: Config, bundle: Bundle, writer: Writer, reader: Reader, first: int = 0, last: int | None = None
    ) -> None:
        self.config = config
        self.bundle = bundle
        self.writer = writer
        self.reader = reader
        self.native: dict[int, FragmentKind | None] = {}
        """How native value is read, by chain id; None where no endpoint has what that takes."""
        self._first = first
        self._last = last
        self._watched: frozenset[Watched] = frozenset()
        self._latest: Assembled | None = None
        self._known = Known.nothing()
        self._reading = Reading(reader, bundle)
        self._since: tuple[Mapping[int, int], pl.DataFrame] | None = None
        """Up to where all is what it was at the last look, and the transfers there that came since; None right after
        it."""

    def heard(self, chain_id: int, page: Page) -> None:
        """Take note of a page that is about to be written."""
        self._reading.heard(chain_id, page)

    async def survey(self) -> Survey:
        """Read the ledger."""
        return await asyncio.to_thread(on_the_pool, self._survey)

    def _survey(self) -> Survey:
        # Before the rows: what is covered now, they hold.
        covered = {chain.chain_id: self._covered(chain) for chain in self.reader.chains()}
        read, rows = self._reading.read()
        if self._since is not None:
            # There may be several surveys to a look, which goes on from the look before.
            since, late = self._since
            rows = rows._replace(since=since if rows.since else {}, late=pl.concat([late, rows.late]))
        self._since = (rows.since, rows.late)
        return Survey(covered, read, rows)

    async def newcomers(self, survey: Survey, watched: Sequence[Watched]) -> Look:
        """Tell what a look would ask for beyond what is `watched`, as far as new events alone say so."""
        fresh = await asyncio.to_thread(on_the_pool, lambda: self._newcomers(survey, watched))
        wanted = [Wanted(*row) for row in survey.read.wanted.iter_rows()]
        return Look([*watched, *fresh], survey.rows.children, wanted)

    def _newcomers(self, survey: Survey, watched: Sequence[Watched]) -> list[Watched]:
        read, rows = survey.read, survey.rows
        known = {(row.chain_id, row.address) for row in self._watched if not row.stage}
        persons = newcomers(read, rows, known)
        if persons.is_empty():
            return []
        asked = set(watched)
        own = [Watched(*row) for row in watch_newcomers(persons, rows, self.bundle, self.config).iter_rows()]
        if fresh := [row for row in own if row not in asked]:
            return fresh
        # Their own transfers were read by now, and name who funded them.
        near = watch_funders_of(persons, read, rows, self.bundle, self.config)
        return [row for each in near.iter_rows() if (row := Watched(*each)) not in asked]

    async def look(self, survey: Survey) -> Look:
        """Evaluate all that was surveyed; tell what else to read, each sorted."""
        latest, watched = await asyncio.to_thread(on_the_pool, lambda: self._evaluate(survey))
        self._latest, self._watched = latest, frozenset(watched)
        wanted, asides = ([Wanted(*row) for row in frame.iter_rows()] for frame in (latest.wanted, latest.asides))
        return Look(watched, latest.children, wanted, asides)

    def _evaluate(self, survey: Survey) -> tuple[Assembled, list[Watched]]:
        latest = conclude(survey.read, survey.rows, self.bundle, self.config, self._known)
        self._since = None
        watched: list[Watched] = []
        named = (Watched(*row) for row in latest.world.watch.iter_rows())
        for chain_id, mine in groupby(named, key=lambda row: row.chain_id):
            read_there, upto = survey.covered.get(chain_id, ({}, Span(0, 0)))
            way = self.native.get(chain_id, "native")
            watched += admitted(mine, self.bundle.money(chain_id), read_there, upto, self._watched, way)
        return latest, watched

    def _covered(self, chain: ChainRow) -> tuple[Mapping[str, Spans], Span]:
        """Say what was read of a chain, and which blocks of it are to be read for good."""
        final = -1 if chain.finalized is None else chain.finalized
        stop = 1 + (final if self._last is None else min(final, self._last))
        return self.reader.coverage(chain.chain_id), Span(min(self._first, stop), stop)

    async def commit(self, unread: Collection[tuple[int, bytes]] = ()) -> None:
        """Write findings, leads, quarantine and the alerts they call for, in one transaction.

        `unread` are wallets (chain id, address) whose transfers are still to come: a lead within their reach stays as
        it was, so that nobody is told of what the next round may take back. A direct match with a list needs none.
        """
        latest = self._latest
        if latest is None:
            return
        before = self.reader.leads()
        told = announced(self.reader.outbox())
        decided = {row.lead_id: row.disposition for row in self.reader.dispositions()}
        ready, kept = ready_leads(calibrated([*latest.leads], decided), before, reach(latest.world.facts, unread))
        findings, leads = _with_retracted(
            latest.findings,
            ready,
            kept,
            self.reader.findings(),
            before,
            {lead_id for lead_id, _ in told},
            latest.head_time,
        )
        alerts = diff(
            before,
            [msgspec.structs.replace(lead, disposition=decided.get(lead.lead_id, "")) for lead in leads],
            told,
            sinks={name: sink.min_severity for name, sink in self.config.alerts.sinks.items()},
            context=Context(
                findings={finding.finding_id: finding for finding in findings},
                legal=LegalStatus(
                    version=latest.legal.version,
                    jurisdiction=latest.legal.jurisdiction,
                    verify_by=latest.legal.verify_by,
                    statement=" ".join(latest.legal.lines),
                ),
                at=latest.head_time,
            ),
            silences=[silence for silence in self.reader.silences() if silence.active(int(time.time()))],
        )
        await self.writer.put_judgement(findings, leads, outbox_rows(alerts), latest.quarantine, latest.upgrades)
        lacking = msgspec.json.encode(latest.lacking).decode()
        await self.writer.put_meta({"hops": latest.world.hops.write_json(), "lacking": lacking})


def reach(facts: Facts, unread: Collection[tuple[int, bytes]]) -> frozenset[str]:
    """Name the wallets (`chain:address`) whose story may change with transfers that are still to come.

    They are the unread ones that are no hubs (a hub stays one whatever else is read), who dealt with them, and who
    leases from any of these.
    """
    if not unread:
        return frozenset()
    hubs = facts.hubs.select("address")
    start = pl.DataFrame(sorted(unread), schema=_WALLET, orient="row").join(hubs, on="address", how="anti")
    dealt = [(facts.transfers, "sender", "recipient"), (facts.leases, "renter", "provider")]
    both = [*dealt, *((frame, there, here) for frame, here, there in dealt)]
    near = pl.concat([start, *(_across(start, *tie) for tie in both)]).join(hubs, on="address", how="anti")
    tenants = _across(near, facts.leases, "provider", "renter")
    return frozenset(f"{chain_id}:{address_text(each)}" for chain_id, each in pl.concat([near, tenants]).iter_rows())


def _across(wallets: pl.DataFrame, frame: pl.DataFrame, here: str, there: str) -> pl.DataFrame:
    met = frame.join(wallets.rename({"address": here}), on=["chain_id", here], how="semi")
    return met.select("chain_id", pl.col(there).alias("address")).drop_nulls().unique()


def ready_leads(
    leads: Sequence[Lead], before: Sequence[Lead], missing: AbstractSet[str]
) -> tuple[list[Lead], list[Lead]]:
    """Tell leads that can be judged now from those with a wallet that is `missing` something, as those were before."""
    waiting = [lead for lead in leads if lead.kind != "screening" and not missing.isdisjoint(lead.wallets)]
    touched = missing | {wallet for lead in waiting for wallet in lead.wallets}
    names = {lead.lead_id for lead in waiting}
    ready = [lead for lead in leads if lead.lead_id not in names]
    standing = {lead.lead_id for lead in ready}
    kept = [
        lead
        for lead in before
        if lead.kind != "screening" and lead.lead_id not in standing and not touched.isdisjoint(lead.wallets)
    ]
    return ready, kept


def _with_retracted(
    findings: Sequence[Finding],
    leads: Sequence[Lead],
    kept: Sequence[Lead],
    old_findings: Sequence[Finding],
    old_leads: Sequence[Lead],
    told: set[str],
    at: int,
) -> tuple[list[Finding], list[Lead]]:
    """Keep, as retracted, what a receiver was told of and the evidence no longer holds; forget what nobody was told."""
    standing = {lead.lead_id for lead in (*leads, *kept)}
    gone = [
        withdrawn(lead, [*leads, *kept], at)
        for lead in old_leads
        if lead.lead_id in told and lead.lead_id not in standing
    ]
    known = {finding.finding_id for finding in findings}
    resting = {name for lead in kept for name in lead.findings} - known
    cited = {name for lead in gone for name in lead.findings} - known - resting
    taken_back = [
        msgspec.structs.replace(finding, state="retracted") for finding in old_findings if finding.finding_id in cited
    ]
    unchanged = [finding for finding in old_findings if finding.finding_id in resting]
    return [*findings, *unchanged, *taken_back], [*leads, *kept, *gone]
