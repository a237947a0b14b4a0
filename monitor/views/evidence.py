"""What one lead rests on: its part of a snapshot, the positions that findings, leases and links name, and their logs.

Reads the ledger, never the chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from monitor.ledger.reader import Reader
from monitor.model.chain import Header
from monitor.model.lead import Lead
from monitor.model.schema import LOG_ROWS
from monitor.rules.facts import lease_name
from monitor.views import format as fmt
from monitor.views.snapshot import Snapshot
from monitor.wallets.labels import Label

__all__ = ["Evidence", "about", "evidence", "labels_of"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}(?![0-9a-fA-F])")
_PARTIES = ("renter", "payer", "beneficiary", "provider")
Place = tuple[int, int | None, bytes, int | None]
"""Chain, block, transaction, log index; what evidence does not say is None: links name transactions alone."""


class Evidence(NamedTuple):
    """What stands behind a lead, as the ledger has it."""

    named: Mapping[Place, tuple[str, ...]]
    """Who names a place: findings, leases, links."""
    held: frozenset[Place]
    """Those of them that the ledger still has."""
    logs: pl.DataFrame
    """`chain_id` and LOG_ROWS, in chain order: every log that the ledger has of the named transactions."""
    transactions: pl.DataFrame
    """Native transactions among them, and what contracts paid out inside them (columns of `Reader.transactions`)."""
    headers: tuple[tuple[int, Header], ...]
    """Chain and block header of all these rows; the parent hash is empty where the ledger no longer needs it."""


def about(snapshot: Snapshot, lead: Lead) -> Snapshot:
    """Keep of a snapshot what one lead is about: its findings, leases and their events, wallets and links, alerts."""
    ours = lease_name().is_in(list(lead.leases))
    leases = snapshot.leases.filter(ours)
    members = {bytes.fromhex(text.partition(":")[2].removeprefix("0x")) for text in lead.wallets}
    parties = {raw for name in _PARTIES for raw in leases[name].drop_nulls()}
    inside = pl.col("a").is_in(list(members)) & pl.col("b").is_in(list(members))
    return msgspec.structs.replace(
        snapshot,
        leases=leases,
        lease_events=snapshot.lease_events.filter(ours),
        wallets=snapshot.wallets.filter(pl.col("address").is_in(list(members | parties))),
        links=snapshot.links.filter(inside),
        clusters=snapshot.clusters.filter(pl.col("cluster_id") == lead.cluster_id),
        findings=tuple(item for item in snapshot.findings if item.finding_id in set(lead.findings)),
        leads=(lead,),
        alerts=tuple(item for item in snapshot.alerts if item.lead_id == lead.lead_id),
        dispositions=tuple(item for item in snapshot.dispositions if item.lead_id == lead.lead_id),
    )


def evidence(reader: Reader, part: Snapshot) -> Evidence:
    """Find every place that a lead's part of a snapshot (`about`) names, and read what the ledger has there.

    Logs and transactions come whole: all that the ledger holds of a transaction that is named.
    """
    named = _named(part)
    hashes = {tx for _, _, tx, _ in named}
    with reader.snapshot():
        logs = reader.scan(["chain_id", *LOG_ROWS], pl.col("tx_hash").is_in(sorted(hashes)))
        transactions = reader.transactions(hashes)
        blocks = pl.concat([frame.select(_BLOCK) for frame in (logs, transactions)]).unique().sort(_BLOCK)
        parents = reader.parents((chain_id, number) for chain_id, number, *_ in blocks.iter_rows())
    headers = tuple(
        (chain_id, Header(number, block_hash, parents.get((chain_id, number), b""), time))
        for chain_id, number, block_hash, time in blocks.iter_rows()
    )
    return Evidence(named, _held(named, logs, transactions), logs, transactions, headers)


_BLOCK = ["chain_id", "block_number", "block_hash", "block_time"]


def _named(part: Snapshot) -> dict[Place, tuple[str, ...]]:
    found: dict[Place, set[str]] = {}
    for finding in part.findings:
        for place in finding.evidence:
            found.setdefault((*place,), set()).add(finding.finding_id)
    events = ("chain_id", "block_number", "tx_hash", "log_index", "market", "lease_id")
    for chain_id, block, tx, index, market, lease_id in part.lease_events.select(events).iter_rows():
        name = f"lease {fmt.lease_key(market, chain_id, lease_id)}"
        found.setdefault((chain_id, block, tx, index), set()).add(name)
    for chain_id, a, b, heuristic, txs in part.links.select("chain_id", "a", "b", "heuristic", "evidence").iter_rows():
        for tx in txs or ():
            name = f"link {heuristic} {fmt.address(a)} {fmt.address(b)}"
            found.setdefault((chain_id, None, tx, None), set()).add(name)
    return {place: tuple(sorted(names)) for place, names in sorted(found.items(), key=_in_order)}


def _in_order(item: tuple[Place, set[str]]) -> tuple[int, int, bytes, int]:
    chain_id, block, tx, index = item[0]
    return chain_id, -1 if block is None else block, tx, -2 if index is None else index


def _held(named: Iterable[Place], logs: pl.DataFrame, transactions: pl.DataFrame) -> frozenset[Place]:
    exact = set(logs.select("chain_id", "block_number", "tx_hash", "log_index").iter_rows())
    both = [frame.select("chain_id", "block_number", "tx_hash") for frame in (logs, transactions)]
    known = set(pl.concat(both).iter_rows())
    anywhere = {(chain_id, tx) for chain_id, _, tx in known}
    return frozenset(
        place
        for place in named
        if place in exact
        or (place[3] == -1 and place[:3] in known)
        or (place[1] is None and (place[0], place[2]) in anywhere)
    )


def labels_of(part: Snapshot, labels: Iterable[Label]) -> list[Label]:
    """Choose the labels of whoever a lead names: wallets, parties of leases, addresses in findings; sorted."""
    said = (text for item in part.findings for text in (item.subject, item.summary, *item.values.values()))
    named = {bytes.fromhex(word[2:]) for text in said for word in _ADDRESS.findall(text)}
    known = named | set(part.wallets["address"])
    return sorted({label for label in labels if label.address in known})
