"""Hold what a ledger says of a chain against a node: the same logs, in the same blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from monitor.chain.check import fits
from monitor.chain.distrust import Distrust
from monitor.chain.logs import Sizer, fetch_logs
from monitor.chain.rpc import RpcClient
from monitor.config import ChainConfig, Config
from monitor.daemon.watch import contract_wants
from monitor.errors import InputError
from monitor.ledger.reader import Reader
from monitor.model.page import PLACE
from monitor.model.schema import LOG_ROWS
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, LogFilter, Want, filters
from monitor.sync.plan import plan
from monitor.views.bundle import Bundle

__all__ = ["Audit", "Difference", "audit"]

_SHOWN = 20


class Difference(NamedTuple):
    """A log that the ledger and the node do not both have alike."""

    block: int
    log_index: int
    what: str


class Audit(NamedTuple):
    """What was compared: `blocks` of coverage, `logs` of the ledger; how many differ, and the first of them."""

    blocks: int
    logs: int
    differing: int
    differences: Sequence[Difference]


async def audit(config: Config, bundle: Bundle, name: str, span: Span, endpoints: ChainConfig) -> Audit:
    """Read the logs of the bound contracts over the covered part of a span again and compare them.

    `endpoints` is the chain with the endpoints to ask. Raises InputError when nothing of the span is covered,
    LedgerError, ChainUnreachable.
    """
    chain_id = endpoints.id
    fragments = [want.fragment for want in contract_wants(chain_id, bundle.bound)]
    with Reader(Path(config.ledger.path)) as reader:
        covered = reader.coverage(chain_id)
        wants = [
            Want(fragment, part.start, part.stop)
            for fragment in fragments
            for part in covered.get(fragment.key, Spans()) & Spans((span,))
        ]
        if not wants:
            message = f"{name}: the ledger covers no block of {span.start}-{span.last}"
            raise InputError(message, hint="`monitor status` says what it covers")
        held = reader.scan(
            [*LOG_ROWS],
            pl.any_horizontal(map(fits, _filters(fragments)))
            & pl.col("block_number").is_between(span.start, span.last),
            chain_id=chain_id,
        )
    async with RpcClient(name, chain_id, endpoints.rpc, timeout_seconds=endpoints.timeout_seconds) as rpc:
        await rpc.check()
        sizer, distrust = Sizer(endpoints.max_span), Distrust(rpc, endpoints.distrust, endpoints.distrust_ranges)
        jobs = plan(wants, {}, span.last, span.last, endpoints.max_span)
        found = [(await fetch_logs(rpc, job, sizer, distrust)).logs for job in jobs]
    blocks = sum(want.stop - want.start for want in wants if want.stop is not None)
    return _compared(held, pl.concat([pl.DataFrame(schema=LOG_ROWS), *found]), blocks)


def _filters(fragments: Sequence[Fragment]) -> list[LogFilter]:
    kinds = sorted({fragment.kind for fragment in fragments})
    return [wanted for kind in kinds for wanted in filters([item for item in fragments if item.kind == kind])]


def _compared(held: pl.DataFrame, found: pl.DataFrame, blocks: int) -> Audit:
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
    rows = pl.concat(parts).sort(PLACE)
    return Audit(blocks, here.height, rows.height, [Difference(*row) for row in rows.head(_SHOWN).iter_rows()])
