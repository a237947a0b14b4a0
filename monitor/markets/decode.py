"""Raw logs to unified events, quarantine and tables: columnar, pure, and deaf to hostile data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from monitor.abi import EventDecl
from monitor.markets.evaluate import Outcome, evaluate
from monitor.markets.layout import Job, decoded
from monitor.markets.load import Bound, Market, Rule
from monitor.markets.lookup import TABLES, address_of
from monitor.markets.reads import Known
from monitor.markets.standards import BEACON, UPGRADED
from monitor.markets.upgrades import complete
from monitor.model.schema import EVENTS, POSITION, QUARANTINE, READS, UNIFIED, WANTED, empty

__all__ = ["LOGS", "MAX_CHILDREN", "Decoded", "Mapped", "decode_logs", "find_children", "map_logs"]

MAX_CHILDREN = 20_000
"""Contracts that one ledger's factories may have announced: each is a filter of its own at every node."""

LOGS: dict[str, pl.DataType] = {
    "chain_id": pl.Int64(),
    "block_number": pl.Int64(),
    "block_time": pl.Int64(),
    "block_hash": pl.Binary(),
    "tx_hash": pl.Binary(),
    "tx_index": pl.Int64(),
    "log_index": pl.Int64(),
    "address": pl.Binary(),
    "topics": pl.List(pl.Binary()),
    "data": pl.Binary(),
    "tx_from": pl.Binary(),
}
"""What `decode_logs` reads; `tx_from` may be absent, positions and times may be null."""

_SILENT = ("ignore", "table.put", "table.delete")
_ASKED = {BEACON: (((UPGRADED.topic0,),),)}
"""Children that are asked for some events only: a beacon serves whom it likes."""
_MAPPED = {"_row": pl.Int64(), "lease_id": pl.String(), "_value": pl.String(), "_gap": pl.String(), **UNIFIED}
_LABELS = {"_rule": pl.Int64(), "market": pl.String(), "role": pl.String(), "event": pl.String(), "verb": pl.String()}
_ORDER = ["market", "role", "_rule", "verb", "lease_id", "machine_id", "amount", "renter", "provider"]
"""What tells apart the events of one log."""


class Decoded(NamedTuple):
    """Frames of schema EVENTS, QUARANTINE, WANTED (`monitor.model.schema`) and TABLES, sorted; and children found."""

    events: pl.DataFrame
    quarantine: pl.DataFrame
    tables: pl.DataFrame
    wanted: pl.DataFrame
    """Reads that would tell more than is known."""


class Mapped(NamedTuple):
    """What each log means, by its place `_row` in the input: `rows` (all verbs), `faults`, puts, wanted reads."""

    rows: pl.DataFrame
    faults: pl.DataFrame
    tables: pl.DataFrame
    wanted: pl.DataFrame


class _Label(NamedTuple):
    """Which rule made a row, in the order of `_LABELS`."""

    rule: int
    market: str
    role: str
    event: str
    verb: str


def decode_logs(
    logs: pl.DataFrame,
    markets: Mapping[str, Market],
    bound: Iterable[Bound],
    tables: pl.DataFrame | None = None,
    reads: pl.DataFrame | None = None,
    children: Iterable[Bound] = (),
) -> Decoded:
    """Decode and map the logs of bound contracts; logs of other contracts are passed over.

    A log gives one event per rule that matches it, none when the adapter ignores it, and a row of quarantine when it
    is unknown, undecodable, does not fit, or belongs to a subject nothing has named yet. `tables` are puts decoded
    earlier and `children` contracts that earlier logs announced, `reads` (READS) what the chain said beside logs. The
    rows' order does not matter.
    """
    logs = _numbered(logs)
    mapped = map_logs(logs, markets, bound, tables, reads, children)
    told = ~pl.col("verb").is_in(_SILENT)
    keyed = pl.col("_gap").is_null()
    reason = pl.concat_str("event", pl.lit(": "), "_gap").alias("reason")
    keyless = mapped.rows.lazy().filter(told & ~keyed).select("_row", "market", "role", reason).collect()
    put_aside = pl.concat([mapped.faults, keyless])
    return Decoded(
        _placed(mapped.rows, told & keyed, logs, _ORDER, EVENTS),
        _placed(put_aside, pl.lit(value=True), logs, ["market", "role", "reason"], QUARANTINE),
        mapped.tables.sort(list(TABLES), nulls_last=True),
        mapped.wanted,
    )


def _placed(
    rows: pl.DataFrame, meant: pl.Expr, logs: pl.DataFrame, order: list[str], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """Put the position of its log beside each row that is meant, and sort; few tie by their place in the chain."""
    position = logs.rename({"address": "contract"}).select("_place", *POSITION)
    keys = rows.lazy().with_row_index("_at").filter(meant).select("_at", "_row", *order).collect()
    keys = keys.with_columns(position["_place"][keys["_row"]])
    tied = keys["_place"].is_duplicated()
    ties = pl.concat([keys.filter(tied), position["contract", "tx_hash"][keys["_row"].filter(tied)]], how="horizontal")
    resolved = ties.sort("_place", "contract", "tx_hash", *order, nulls_last=True)
    place = ["_at", "_row", "_place"]
    chained = pl.concat([keys.filter(~tied).select(place), resolved.select(place)]).sort("_place", maintain_order=True)
    whole = pl.concat([rows[chained["_at"]], position[chained["_row"]]], how="horizontal")
    return whole.select(list(schema))


def _numbered(logs: pl.DataFrame) -> pl.DataFrame:
    """Sort logs as the chain has them; number them (`_row`) and their places (`_place`), which only doubles share."""
    place = ["chain_id", "block_number", "log_index"]
    moved = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in place)
    ordered = logs.sort(place, nulls_last=True, maintain_order=True)
    return ordered.with_columns(pl.int_range(pl.len()).alias("_row"), moved.cum_sum().alias("_place"))


def map_logs(
    logs: pl.DataFrame,
    markets: Mapping[str, Market],
    bound: Iterable[Bound],
    tables: pl.DataFrame | None = None,
    reads: pl.DataFrame | None = None,
    children: Iterable[Bound] = (),
) -> Mapped:
    """Map logs that carry their place in `_row`: tables first, so that lookups see every put."""
    markets = {name: complete(market) for name, market in markets.items()}
    held = empty(TABLES) if tables is None else tables
    faults: list[tuple[int, str, str, str]] = []
    watched = list(bound)
    born = [*watched, *children]
    jobs = list(_jobs(logs, markets, [*born, *find_children(logs, markets, born)], faults))
    frames = [(job, frame) for job in jobs for frame in [decoded(job, faults)]]
    told = empty(READS) if reads is None else reads.unique(list(WANTED), keep="any")
    places = _places(watched)
    fresh: list[pl.DataFrame] = []
    rows: list[pl.DataFrame] = []
    labels: list[_Label] = []
    wanted: list[pl.DataFrame] = []
    for rank in (*sorted({rule.rank for job in jobs for rule in job.rules if rule.rank is not None}), None):
        filled = pl.concat([held, *fresh]).partition_by("market", "table", as_dict=True)
        tables_of = {
            name: {table: puts for (owner, table), puts in filled.items() if owner == name} for name in markets
        }
        known = {name: Known(tables_of[name], told, places.get(name, {})) for name in markets}
        for job, frame in frames:
            for rule in job.rules:
                if rule.rank != rank:
                    continue
                ignored = Outcome(frame.select("_row"), [], [])
                found = ignored if rule.verb == "ignore" else evaluate(frame, rule, known[job.bound.market])
                rows.append(found.rows)
                market, role, event = job.bound.market, job.bound.role, job.decl.name
                labels.append(_Label(rule.place, market, role, event, rule.verb))
                faults += [(fault.row, market, role, f"{event}: {fault.reason}") for fault in found.faults]
                wanted += found.wanted
                fresh += [_puts(found.rows, rule, job, frame)] if rule.table else []
    aside = {"_row": pl.Int64(), "market": pl.String(), "role": pl.String(), "reason": pl.String()}
    whole = pl.concat([empty(_MAPPED), *rows], how="diagonal", rechunk=True)
    return Mapped(
        _labelled(whole, labels, [part.height for part in rows]),
        pl.DataFrame(faults, schema=aside, orient="row").unique(maintain_order=True),
        pl.concat([empty(TABLES), *fresh]),
        pl.concat([empty(WANTED), *wanted]).unique().sort(list(WANTED)),
    )


def _places(bound: Iterable[Bound]) -> dict[str, dict[tuple[int, str], bytes]]:
    """Say where each market's roles are, as far as one contract plays them on a chain."""
    found: dict[str, dict[tuple[int, str], set[bytes]]] = defaultdict(lambda: defaultdict(set))
    for item in bound:
        if item.address:
            found[item.market][item.chain_id, item.role].add(item.address)
    return {
        name: {place: next(iter(addresses)) for place, addresses in roles.items() if len(addresses) == 1}
        for name, roles in found.items()
    }


def find_children(logs: pl.DataFrame, markets: Mapping[str, Market], bound: Iterable[Bound]) -> tuple[Bound, ...]:
    """List the contracts that factories among the bound ones announce in these logs, children of children included.

    A child is watched from its birth and inherits its factory's constants. What is bound already, or is a payment
    token, is no child; of more than `MAX_CHILDREN` of a market the oldest count.
    """
    makers = {name: tuple(rule for rule in complete(market).rules if rule.child) for name, market in markets.items()}
    heads = sorted({decl.topic0 for rules in makers.values() for rule in rules for decl in rule.decls})
    logs = logs.filter(pl.col("topics").list.first().is_in(heads))
    if logs.is_empty():
        return ()
    placed = logs if "_row" in logs.columns else logs.with_row_index("_row").with_columns(pl.col("_row").cast(pl.Int64))
    only = {name: markets[name]._replace(rules=rules) for name, rules in makers.items()}
    fresh = list(bound)
    taken = {(item.chain_id, item.address) for item in fresh}
    taken |= {(item.chain_id, item.token) for item in fresh if item.token}
    found: dict[tuple[int, bytes], Bound] = {}
    while fresh:
        born = _births(placed, only, [item for item in fresh if makers[item.market]])
        fresh = [item for item in born if (item.chain_id, item.address) not in taken]
        fresh = fresh[: max(0, MAX_CHILDREN - len(found))]
        found |= {(item.chain_id, item.address): item for item in fresh}
        taken |= found.keys()
    return tuple(found.values())


def _births(logs: pl.DataFrame, markets: Mapping[str, Market], bound: list[Bound]) -> list[Bound]:
    """List the children of these contracts, oldest first, each once."""
    born: dict[tuple[int, bytes], tuple[int, Bound]] = {}
    for job in _jobs(logs, markets, bound, []):
        frame = decoded(job, [])
        for rule in job.rules:
            rows = evaluate(frame, rule, Known({}, empty(READS), {})).rows
            keyed = rows.drop_nulls("lease_id").select("_row", "lease_id").join(job.logs, on="_row", how="inner")
            for key, block in keyed.select("lease_id", "block_number").iter_rows():
                child = address_of(key)
                if child and any(child):
                    role = rule.child or ""
                    item = job.bound._replace(
                        role=role, address=child, from_block=block or 0, to_block=None, only=_ASKED.get(role, ())
                    )
                    place = (item.chain_id, child)
                    if place not in born or born[place][0] > item.from_block:
                        born[place] = (item.from_block, item)
    return [item for _, item in sorted(born.values())]


def _jobs(
    logs: pl.DataFrame, markets: Mapping[str, Market], bound: list[Bound], faults: list[tuple[int, str, str, str]]
) -> Iterator[Job]:
    place, kinds = _kinds([item for item in bound if item.address])
    at = logs.join(place, on=["chain_id", "address"], how="inner", maintain_order="left")
    parts = [(kinds[kind], topic, count, part) for (kind, topic, count), part in _alike(at, "_kind")]
    for item in bound:
        if not item.address:
            asked = logs.filter(pl.col("chain_id") == item.chain_id, _asked(item))
            parts += [((item,), topic, count, part) for (topic, count), part in _alike(asked)]
    # Markets whose contracts said nothing cost nothing.
    layouts = {name: _layouts(markets[name]) for name in {item.market for items, *_ in parts for item in items}}
    for items, topic, count, part in parts:
        found = [
            Job(item, decl, rules, mine)
            for item in items
            for decl, rules in layouts[item.market].get((item.role, topic, count), {}).items()
            for mine in [_mine(item, part)]
            if mine.height
        ]
        yield from found
        # A contract that is read whole answers for all its logs, others for what they are asked for.
        for item in () if found else [item for item in items if not item.only][:1] or items:
            reason = _unknown(topic, count, layouts[item.market], item.role)
            faults += [(row, item.market, item.role, reason) for row in _mine(item, part)["_row"].to_list()]


def _alike(logs: pl.DataFrame, *keys: str) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """Part logs by `keys`, first topic and number of topics."""
    topics = pl.col("topics").list
    keyed = logs.with_columns(topics.first().alias("_topic"), topics.len().alias("_count"))
    yield from keyed.partition_by([*keys, "_topic", "_count"], as_dict=True, maintain_order=True).items()


def _mine(item: Bound, logs: pl.DataFrame) -> pl.DataFrame:
    """Pick the logs that count: of a contract that was replaced those before, of one that is bounded what is asked."""
    if item.to_block is not None:
        logs = logs.filter(pl.col("block_number").is_null() | (pl.col("block_number") <= item.to_block))
    if item.only:
        # Others of the same contract may be there: what was read for a wallet or another market.
        since = pl.col("block_number").is_null() | (pl.col("block_number") >= item.from_block)
        logs = logs.filter(since, _asked(item))
    return logs


def _asked(item: Bound) -> pl.Expr:
    """Say which logs have topics that a deployment asks for."""
    word = pl.col("topics").list
    return pl.any_horizontal(
        pl.all_horizontal(
            word.len() >= len(topics),
            *(
                word.get(place, null_on_oob=True).is_in(words).fill_null(value=False)
                for place, words in enumerate(topics)
                if words is not None
            ),
        )
        for topics in item.only
    )


def _kinds(bound: list[Bound]) -> tuple[pl.DataFrame, list[tuple[Bound, ...]]]:
    """Put contracts that are read alike together: a factory may have thousands of children.

    Gives the frame `chain_id`, `address`, `_kind`, and by kind what its logs are read as, for any of its addresses.
    """
    at: dict[tuple[int, bytes], list[Bound]] = defaultdict(list)
    for item in bound:
        since = item.from_block if item.only else 0
        at[item.chain_id, item.address].append(item._replace(address=b"", from_block=since))
    kinds: dict[tuple[Bound, ...], int] = {}
    rows = [(chain, address, kinds.setdefault(tuple(items), len(kinds))) for (chain, address), items in at.items()]
    schema = {"chain_id": pl.Int64(), "address": pl.Binary(), "_kind": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row"), list(kinds)


def _unknown(topic: bytes | None, count: int | None, layouts: Mapping[tuple[str, bytes, int], Any], role: str) -> str:
    if topic is None:
        return "unknown event: the log has no topics"
    names = sorted({decl.name for key, decls in layouts.items() for decl in decls if key[:2] == (role, topic)})
    if names:
        return f"unknown layout of {', '.join(names)}: {count} topics"
    return f"unknown event 0x{topic.hex()}"


def _layouts(market: Market) -> dict[tuple[str, bytes, int], dict[EventDecl, list[Rule]]]:
    """Index the rules by what tells layouts apart: role, topic0 and number of topics."""
    found: dict[tuple[str, bytes, int], dict[EventDecl, list[Rule]]] = defaultdict(lambda: defaultdict(list))
    for rule in market.rules:
        for decl in rule.decls:
            for role in rule.roles:
                found[role, decl.topic0, decl.topics()][decl].append(rule)
    return found


def _labelled(rows: pl.DataFrame, labels: list[_Label], heights: list[int]) -> pl.DataFrame:
    """Say of each row which rule made it: the rows of a rule stand together."""
    named = pl.DataFrame(labels, schema=_LABELS, orient="row")
    return pl.concat([rows, named[np.repeat(np.arange(len(labels)), heights)]], how="horizontal")


def _puts(rows: pl.DataFrame, rule: Rule, job: Job, frame: pl.DataFrame) -> pl.DataFrame:
    place = frame.select("_row", "chain_id", "block_number", "log_index", "tx_hash")
    put = rows.filter(pl.col("lease_id").is_not_null()).join(place, on="_row", how="left")
    return put.with_columns(
        pl.lit(job.bound.market).alias("market"),
        pl.lit(rule.table).alias("table"),
        pl.col("lease_id").alias("key"),
        (pl.col("_value") if "_value" in put.columns else pl.lit(None)).alias("value"),
        pl.lit(rule.verb == "table.delete").alias("gone"),
    ).select(pl.col(name).cast(dtype) for name, dtype in TABLES.items())
