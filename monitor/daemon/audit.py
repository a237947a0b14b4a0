"""Hold what a ledger says of a chain against a node: the same logs, in the same blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from monitor.chain.check import fits
from monitor.chain.distrust import Distrust
from monitor.chain.logs import Sizer, fetch_logs
from monitor.chain.rpc import RpcClient
from monitor.config import ChainConfig, Config
from monitor.daemon.watch import followed
from monitor.errors import InputError
from monitor.ledger.reader import Reader
from monitor.model.page import PLACE
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Want, filters
from monitor.sync.plan import Job, plan
from monitor.views.assemble import read_rows
from monitor.views.bundle import Bundle
from monitor.views.coverage import contract_wants, unread, within

__all__ = ["Audit", "Difference", "audit"]

_SHOWN = 20


class Difference(NamedTuple):
    """A log that the ledger and the node do not both have alike."""

    block: int
    log_index: int
    what: str


class Audit(NamedTuple):
    """What was compared, and what came of it."""

    logs: int
    """Logs of the ledger that were compared."""
    contracts: int
    """Contracts of markets, those that factories made among them, and events that are read of any contract."""
    wallets: int
    """Wallets whose token transfers were compared."""
    missing: Spans
    """Blocks of the range that the ledger does not cover for all of these contracts: nothing is said of them."""
    differing: int
    differences: Sequence[Difference]
    """The first of those that differ."""


async def audit(config: Config, bundle: Bundle, name: str, span: Span, endpoints: ChainConfig) -> Audit:
    """Read all logs again that the ledger says it covers of a span, and compare them: of contracts, and of wallets.

    `endpoints` is the chain with the endpoints to ask. Raises InputError when nothing of the span is covered,
    LedgerError, ChainUnreachable.
    """
    chain_id = endpoints.id
    with Reader(Path(config.ledger.path)) as reader:
        with reader.snapshot():
            covered = reader.coverage(chain_id)
            children = read_rows(reader, bundle, None).children
        contracts = contract_wants(chain_id, [*bundle.bound, *children])
        wallets = followed(covered, bundle.money(chain_id))
        wants = [*_parts(contracts, covered, span), *_parts(wallets, covered, span)]
        if not wants:
            message = f"{name}: the ledger covers no block of {span.start}-{span.last}"
            raise InputError(message, hint="`monitor status` says what it covers")
        async with RpcClient(name, chain_id, endpoints.rpc, timeout_seconds=endpoints.timeout_seconds) as rpc:
            await rpc.check()
            sizer, distrust = Sizer(endpoints.max_span), Distrust(rpc, endpoints.distrust, endpoints.distrust_ranges)
            here, differences = [pl.DataFrame(schema=_PLACES)], [pl.DataFrame(schema=_DIFFERENCES)]
            for job in plan(wants, {}, span.last, span.last, endpoints.max_span):
                held = _held(reader, chain_id, job)
                found = (await fetch_logs(rpc, job, sizer, distrust)).logs
                here.append(held.select(*PLACE))
                differences.append(_compared(held, found))
    rows = pl.concat(differences).unique().sort(*PLACE, "what")
    return Audit(
        pl.concat(here).unique().height,
        len(contracts),
        len({want.fragment.wallet for want in wants} - {b""}),
        unread(contracts, covered, span),
        rows.height,
        [Difference(*row) for row in rows.head(_SHOWN).iter_rows()],
    )


def _parts(wants: Iterable[Want], covered: Mapping[str, Spans], span: Span) -> list[Want]:
    return [
        Want(want.fragment, part.start, part.stop)
        for want in wants
        for part in covered.get(want.fragment.key, Spans()) & within(want, span)
    ]


_PLACES = {name: LOG_ROWS[name] for name in PLACE}
_DIFFERENCES = {**_PLACES, "what": pl.String()}


def _held(reader: Reader, chain_id: int, job: Job) -> pl.DataFrame:
    asked = pl.any_horizontal(map(fits, filters(job.fragments)))
    within = pl.col("block_number").is_between(job.span.start, job.span.last)
    return reader.scan([*LOG_ROWS], asked & within, chain_id=chain_id)


def _compared(held: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in LOG_ROWS if name != "block_time"]
    here, there = held.select(columns), found.select(columns)
    ours = here.join(there, on=columns, how="anti").select(*PLACE)
    theirs = there.join(here, on=columns, how="anti").select(*PLACE)
    both = ours.join(theirs, on=PLACE, how="inner")
    parts = [
        both.with_columns(what=pl.lit("differs")),
        ours.join(both, on=PLACE, how="anti").with_columns(what=pl.lit("only in the ledger")),
        theirs.join(both, on=PLACE, how="anti").with_columns(what=pl.lit("only at the node")),
    ]
    return pl.concat(parts)
