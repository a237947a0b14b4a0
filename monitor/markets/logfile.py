"""Decode a file of RPC logs by itself: a JSON array as `eth_getLogs` answers, without a ledger around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import polars as pl

from monitor.errors import InputError
from monitor.markets.decode import LOGS, map_logs
from monitor.markets.fit import text_of
from monitor.markets.load import Bound, Market, homeless_events
from monitor.markets.only import ANY
from monitor.model.nesting import too_deep
from monitor.model.schema import UNIFIED

__all__ = ["MAX_BYTES", "Row", "decode_file"]

MAX_BYTES = 64 * 1024 * 1024
MAX_TOPICS = 4
_HINT = "give a JSON array of logs as eth_getLogs answers: address, topics, data, and where known blockNumber and so on"
_QUANTITY = 2**63
_SILENT = {"table.put": 1, "table.delete": 1, "ignore": 2}
_HASH, _ADDRESS = 32, 20
_NOWHERE = 0
"""Stands for the chain of a log that does not say it and whose address tells none."""


class Row(NamedTuple):
    """What one log means; all text, empty where nothing is known. A quarantined log has a `reason` and no verb."""

    market: str
    chain_id: str
    role: str
    event: str
    verb: str
    lease_id: str
    fields: str
    """JSON of the unified columns that are set: addresses by EIP-55, amounts as text, counts and times as numbers."""
    reason: str


def decode_file(
    text: bytes, markets: Mapping[str, Market], bound: Sequence[Bound], chain_id: int | None = None
) -> list[Row]:
    """Decode every log of the file, one row per log in the file's order.

    Where a log does not say its block, its place in the file stands for its position, so that tables fill in that
    order. Without `chain_id`, the chain is the log's own `chainId`, else the only or first one that knows its address.
    Raises InputError when the file is not such an array.
    """
    items = _items(text)
    known = sorted({(item.address, item.chain_id) for item in bound})
    records = [_record(place, item, chain_id, known) for place, item in enumerate(items)]
    schema = {"_row": pl.Int64(), **LOGS}
    logs = pl.DataFrame([tuple(record[name] for name in schema) for record in records], schema=schema, orient="row")
    logs = logs.with_columns(pl.col("chain_id").fill_null(_NOWHERE))
    everything = [*bound, *_recognised(records, markets, bound)]
    mapped = map_logs(logs, markets, everything)
    best: dict[int, Row] = {}
    ranks: dict[int, tuple[int, int]] = {}
    for found in mapped.rows.sort("_row", "_rule").iter_rows(named=True):
        row, rank = found["_row"], (_SILENT.get(found["verb"], 0), found["_rule"])
        if row not in ranks or rank < ranks[row]:
            ranks[row], best[row] = rank, _meaning(found, records[row]["chain_id"])
    for row, market, role, reason in mapped.faults.iter_rows():
        if ranks.get(row, (1, 0))[0]:
            best[row] = Row(market, _chain(records[row]["chain_id"]), role, "", "", "", "{}", reason)
            ranks[row] = (0, 0)
    owners = {(item.chain_id, item.address): item for item in everything}
    return [best.get(row) or _nothing(record, owners, markets) for row, record in enumerate(records)]


def _recognised(
    records: Sequence[Mapping[str, Any]], markets: Mapping[str, Market], bound: Sequence[Bound]
) -> list[Bound]:
    """Bind what is not bound by chain and address: contracts whose chain nobody tells, and roles without an address.

    A role that no public source gives an address for, or whose contracts a factory makes, is known by its events alone,
    if only one market has such an event.
    """
    known = {(item.chain_id, item.address) for item in bound}
    placeless = {
        bytes.fromhex(item.address[2:]): (market.id, item.role, item.token_decimals)
        for market in markets.values()
        for item in market.deployments
        if item.chain is None and item.address != ANY
    }
    speakers: dict[tuple[bytes, int], dict[str, str]] = {}
    for market in markets.values():
        for role, topic, count in homeless_events(market):
            speakers.setdefault((topic, count), {}).setdefault(market.id, role)
    found: dict[tuple[int, bytes, str, str], Bound] = {}
    for record in records:
        chain, address, topics = record["chain_id"] or _NOWHERE, record["address"], record["topics"]
        if (chain, address) in known:
            continue
        if address in placeless:
            market_id, role, decimals = placeless[address]
        else:
            able = speakers.get((topics[0], len(topics)), {}) if topics else {}
            if len(able) != 1:
                continue
            ((market_id, role),) = able.items()
            decimals = None
        found[chain, address, market_id, role] = Bound(chain, market_id, role, address, 0, None, decimals, None)
    return list(found.values())


def _items(text: bytes) -> list[Any]:
    if len(text) > MAX_BYTES:
        message = f"the file of logs is larger than {MAX_BYTES} bytes"
        raise InputError(message, hint="split the array")
    if too_deep(text):
        message = "the file of logs is not JSON that can be read: it is nested too deep"
        raise InputError(message, hint=_HINT)
    try:
        items = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = f"the file of logs is not JSON: {error}"
        raise InputError(message, hint=_HINT) from error
    if isinstance(items, dict) and isinstance(items.get("result"), list):
        items = items["result"]
    if not isinstance(items, list):
        message = "the file of logs is not a JSON array"
        raise InputError(message, hint=_HINT)
    return items


def _record(place: int, item: Any, chain_id: int | None, known: Sequence[tuple[bytes, int]]) -> dict[str, Any]:
    """Read one log; what it does not say is null, except where a place in the file can stand for a position."""
    if not isinstance(item, dict):
        _bad(place, "is no object")
    address = _bytes(place, item, "address", _ADDRESS)
    topics = item.get("topics", [])
    if not isinstance(topics, list) or len(topics) > MAX_TOPICS:
        _bad(place, f"topics are no array of at most {MAX_TOPICS}")
    said = _number(place, item, "chainId")
    chains = [chain for contract, chain in known if contract == address]
    block = _number(place, item, "blockNumber")
    index = _number(place, item, "logIndex")
    return {
        "_row": place,
        "chain_id": chain_id or said or (chains[0] if chains else None),
        "block_number": 0 if block is None else block,
        "block_time": _number(place, item, "blockTimestamp"),
        "block_hash": _bytes(place, item, "blockHash", _HASH, optional=True),
        "tx_hash": _bytes(place, item, "transactionHash", _HASH, optional=True),
        "tx_index": _number(place, item, "transactionIndex"),
        "log_index": place if block is None or index is None else index,
        "address": address,
        "topics": [_bytes(place, {"topic": topic}, "topic", _HASH) for topic in topics],
        "data": _bytes(place, {"data": item.get("data", "0x")}, "data"),
        "tx_from": None,
    }


def _bytes(place: int, item: Mapping[str, Any], name: str, size: int | None = None, *, optional: bool = False) -> Any:
    text = item.get(name)
    if text is None and optional:
        return None
    try:
        raw = bytes.fromhex(text[2:]) if isinstance(text, str) and text[:2] in {"0x", "0X"} else None
    except ValueError:
        raw = None
    if raw is None or (size is not None and len(raw) != size):
        _bad(place, f"{name} is no {'hex text' if size is None else f'{size} bytes of hex'} starting with 0x")
    return raw


def _number(place: int, item: Mapping[str, Any], name: str) -> int | None:
    value = item.get(name)
    if value is None:
        return None
    try:
        number = int(value, 16) if isinstance(value, str) and value[:2] == "0x" else int(value)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number < _QUANTITY or isinstance(value, (bool, float)):
        _bad(place, f"{name} is no number")
    return number


def _bad(place: int, what: str) -> None:
    message = f"log {place + 1} of the file: {what}"
    raise InputError(message, hint=_HINT)


def _meaning(found: Mapping[str, Any], chain_id: int | None) -> Row:
    fields = {name: _shown(found[name]) for name in sorted(UNIFIED) if found[name] is not None}
    shown = msgspec.json.encode(fields, order="sorted").decode()
    role, event, verb, key = (found[name] or "" for name in ("role", "event", "verb", "lease_id"))
    return Row(found["market"], _chain(chain_id), role, event, verb, key, shown, "")


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return text_of(value)
    return format(value, "f") if isinstance(value, Decimal) else value


def _chain(chain_id: int | None) -> str:
    return "" if chain_id is None else str(chain_id)


def _nothing(
    record: Mapping[str, Any], owners: Mapping[tuple[int, bytes], Bound], markets: Mapping[str, Market]
) -> Row:
    """Explain a log that no rule took: of no market, or one that the adapter's filters pass over."""
    chain = _chain(record["chain_id"])
    if owner := owners.get((record["chain_id"] or _NOWHERE, record["address"])):
        decls = [x for rule in markets[owner.market].rules if owner.role in rule.roles for x in rule.decls]
        name = next((decl.name for decl in decls if record["topics"][:1] == [decl.topic0]), "")
        return Row(owner.market, chain, owner.role, name, "ignore", "", "{}", "")
    where = f" on chain {chain}" if chain else ""
    return Row("", chain, "", "", "", "", "{}", f"{text_of(record['address'])} is no market's contract{where}")
