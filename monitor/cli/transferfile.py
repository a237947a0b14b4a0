"""`monitor clusters --transfers FILE`: a table of transfers, without a ledger, to wallets and their clusters.

A table that says when (`timestamp` or `block`) is judged like a ledger: links of two families. One that does not has a
single family of evidence, who dealt with whom, and is judged by rarity (`monitor.wallets.relations`).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from monitor.config import Config
from monitor.errors import InputError
from monitor.facts.lease_events import LEASE_EVENTS
from monitor.facts.people import PEOPLE
from monitor.model.lead import stable_id
from monitor.model.schema import AMOUNT, LEASES, TRANSFERS, empty
from monitor.views.checksum import checksummed
from monitor.views.labelstore import all_labels
from monitor.wallets.clusters import members, nodes, stays
from monitor.wallets.evidence import pair_scores
from monitor.wallets.funding import DUST_FRACTION, first_funders
from monitor.wallets.hubs import ZERO_ADDRESS, degrees, hubs
from monitor.wallets.labels import OWNER, SERVICES, labels_frame
from monitor.wallets.links import links
from monitor.wallets.merging import merge
from monitor.wallets.relations import MOVES, related

__all__ = ["OPTIONAL", "REQUIRED", "cluster_file"]

_CLUSTERED = {"address": pl.String(), "cluster_id": pl.String()}
REQUIRED = ("from", "to")
OPTIONAL = ("chain", "kind", "token", "value", "timestamp", "block", "tx")
MAX_BYTES = 2 * 1024**3
MAX_HEADER = 64 * 1024
_ADDRESS = "^0x[0-9a-f]{40}$"
_PARTS = 10**15
"""Values become parts of the largest a wallet got: all that is asked of one is whether it is dust beside another."""
_WORD = 2.0**256
"""What no honest value reaches."""
_NEVER = 2**62
"""Block of a transfer without a time: after all others, so that it is nobody's first."""


class _Moves(NamedTuple):
    """The transfers of a file; `addresses` = lower-case text, sorted, and `sender`, `recipient` number into it."""

    addresses: pl.Series
    rows: pl.DataFrame
    timed: bool


def cluster_file(path: Path, config: Config) -> pl.DataFrame:
    """Cluster every address of a CSV or Parquet file: columns address (EIP-55), cluster_id, sorted by address.

    Columns `from`, `to` (0x…); optional `chain`, `kind` (native), `token`, `value` (1), `timestamp` (seconds or
    ISO-8601), `block`, `tx`. Rows without a recipient made a contract. Hubs and labels are those of the configuration.
    The order of rows, their repeats within one `tx` and the letters of addresses do not matter. Raises InputError when
    the file is no such table.
    """
    moves = _read(path)
    raw = moves.addresses.str.slice(2).str.decode("hex")
    labels = labels_frame(label for _, label in all_labels(config))
    found = _by_time(moves, raw, labels, config) if moves.timed else _by_rarity(moves, raw, labels)
    digits = np.frombuffer(b"".join(raw), np.uint8).reshape(-1, 20)
    return pl.DataFrame({"address": checksummed(digits), "cluster_id": found}, schema=_CLUSTERED)


def _read(path: Path) -> _Moves:
    raw = _table(path)
    missing = [name for name in REQUIRED if name not in raw.columns]
    if missing:
        found = ", ".join(raw.columns)[:80]
        message = f"{path} has no column {missing[0]!r}, but {found!r}"
        raise InputError(message, hint=f"columns: {', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}")
    ends = [_text(raw, name) for name in REQUIRED]
    addresses = pl.concat(ends).drop_nulls().unique().sort()
    wrong = addresses.filter(~addresses.str.contains(_ADDRESS)).head(1).to_list()
    if wrong:
        column = "from" if (ends[0] == wrong[0]).any() else "to"
        message = f"column {column!r}: {str(wrong[0])[:60]!r} is no address"
        raise InputError(message, hint="write 0x and 40 hex digits")
    blank = [pl.lit(None, dtype=pl.String).alias(name) for name in OPTIONAL if name not in raw.columns]
    given = raw.with_columns(*blank)
    value = pl.col("value").cast(pl.Float64, strict=False).fill_null(0 if "value" in raw.columns else 1)
    numbers = pl.Enum(addresses)
    rows = given.select(
        pl.Series("sender", ends[0]).cast(numbers).to_physical().cast(pl.Int64),
        pl.Series("recipient", ends[1]).cast(numbers).to_physical().cast(pl.Int64),
        *(pl.col(name).cast(pl.String).fill_null("").alias(name) for name in ("chain", "kind", "token", "tx")),
        pl.when(value.is_between(0, _WORD)).then(value).otherwise(0.0).alias("value"),
        _seconds(given.schema["timestamp"]).alias("at"),
        pl.col("block").cast(pl.Int64, strict=False).alias("block"),
    ).filter(pl.col("sender").is_not_null())
    return _Moves(addresses, rows, any(rows[name].is_not_null().any() for name in ("at", "block")))


def _by_rarity(moves: _Moves, raw: pl.Series, labels: pl.DataFrame) -> pl.Series:
    """Name each address's cluster, after its lowest address, from who dealt with whom."""
    largest = pl.col("value").max().over("chain", "kind", "token", "recipient")
    real = moves.rows.filter(
        pl.col("recipient").is_not_null()
        & (pl.col("sender") != pl.col("recipient"))
        & (pl.col("value") > 0)
        & (pl.col("value") * DUST_FRACTION >= largest)
    ).with_columns(pl.concat_str("chain", "kind", "token", separator=" ").alias("kind"))
    known = real.filter(pl.col("tx") != "").unique(["sender", "recipient", "kind", "tx"], maintain_order=True)
    single = pl.concat([real.filter(pl.col("tx") == ""), known])
    closed = {ZERO_ADDRESS, *labels.filter(pl.col("kind").is_in(SERVICES))["address"]}
    services = np.flatnonzero(raw.is_in(list(closed)).to_numpy())
    groups = related(len(raw), single.select(list(MOVES)), services)
    named = {int(group): stable_id("cluster", moves.addresses[int(group)]) for group in np.unique(groups)}
    return pl.Series([named[group] for group in groups.tolist()], dtype=pl.String)


def _by_time(moves: _Moves, raw: pl.Series, labels: pl.DataFrame, config: Config) -> pl.Series:
    """Name each address's cluster, after its first seen member, from links of two families.

    Without leases only funding, its timing, flow back and shared sinks speak, so this joins less than a ledger does.
    """
    transfers = _transfers(moves, raw)
    seen = _seen(transfers)
    people = _shaped(seen, PEOPLE, role=pl.lit(""))
    # Links ask which wallets are tenants: here every wallet may be one, though nothing is known of a lease.
    tenants = _shaped(seen.select("chain_id", pl.col("address").alias("renter")), LEASES)
    counted = degrees(transfers)
    busy = hubs(counted, labels, frozenset(), config.wallets.hub_degree)
    # A wallet that never sent anything was not funded to act; its first income is no second piece of evidence.
    active = transfers.select("chain_id", pl.col("sender").alias("address"))
    funders = first_funders(transfers, counted, active, frozenset())
    found = links(tenants, empty(LEASE_EVENTS), transfers, counted, funders, busy, labels)
    owners = dict(labels.filter(pl.col("kind") == OWNER).select("address", "label").iter_rows())
    groups = merge(pair_scores(found, accepted=True), owners)
    placed = members(nodes(people, funders, found, busy, stays(transfers)), groups)
    return placed.unique("address").sort("address")["cluster_id"]


def _transfers(moves: _Moves, raw: pl.Series) -> pl.DataFrame:
    """Shape the rows as `TRANSFERS`, the same for any order of them."""
    part = pl.col("value") / pl.col("value").max().over("chain", "kind", "token", "recipient")
    sane = pl.when(pl.col("value") > 0).then((part * _PARTS).ceil()).otherwise(0)
    made = moves.rows.select(
        pl.col("chain").rank("dense").cast(pl.Int64).alias("chain_id"),
        pl.coalesce("block", "at", pl.lit(_NEVER)).alias("block_number"),
        pl.col("at").alias("block_time"),
        pl.col("tx").cast(pl.Binary).alias("tx_hash"),
        pl.lit(0).alias("log_index"),
        pl.when(pl.col("kind").str.to_lowercase().is_in(["", "native"]))
        .then(pl.lit("native"))
        .otherwise(pl.lit("erc20"))
        .alias("kind"),
        pl.col("token").str.to_lowercase().cast(pl.Binary),
        *(raw.gather(moves.rows[side]).alias(side) for side in ("sender", "recipient")),
        sane.cast(pl.Int64).cast(AMOUNT).alias("amount"),
        pl.lit(None, dtype=pl.Int64).alias("nonce"),
    )
    return made.select(pl.col(name).cast(kind) for name, kind in TRANSFERS.items()).sort(list(TRANSFERS))


def _seen(transfers: pl.DataFrame) -> pl.DataFrame:
    sides = [
        transfers.select("chain_id", pl.col(side).alias("address"), "block_time") for side in ("sender", "recipient")
    ]
    return (
        pl.concat(sides)
        .drop_nulls("address")
        .group_by("chain_id", "address")
        .agg(pl.col("block_time").min().alias("first_at"), pl.col("block_time").max().alias("last_at"))
    )


def _shaped(frame: pl.DataFrame, schema: dict[str, pl.DataType], **rest: pl.Expr) -> pl.DataFrame:
    """Fill the columns of `schema` that the frame lacks with `rest`, else with null."""
    return frame.select(
        (pl.col(name) if name in frame.columns else rest.get(name, pl.lit(None))).cast(kind).alias(name)
        for name, kind in schema.items()
    )


def _text(rows: pl.DataFrame, column: str) -> pl.Series:
    """Read a column of addresses as lower-case text; empty ones are null."""
    text = rows[column]
    if text.dtype == pl.Binary():
        text = "0x" + text.bin.encode("hex")
    if isinstance(text.dtype, (pl.Categorical, pl.Enum, pl.Null)):
        text = text.cast(pl.String)
    if text.dtype != pl.String():
        message = f"column {column!r} holds no addresses"
        raise InputError(message, hint="write 0x and 40 hex digits")
    clean = pl.col("x").str.strip_chars().str.to_lowercase()
    return text.to_frame("x").select(pl.when(clean != "").then(clean))["x"]


def _table(path: Path) -> pl.DataFrame:
    try:
        if path.stat().st_size > MAX_BYTES:
            message = f"{path} is larger than {MAX_BYTES} bytes"
            raise InputError(message, hint="split it")
        with path.open("rb") as file:
            magic = file.read(4)
        # As text: a uint256 must not become a float that no longer says whether it is there.
        if magic == b"PAR1":
            return pl.read_parquet(path)
        _named_once(path)
        return pl.read_csv(path, infer_schema=False)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise InputError(message, hint="check the path") from error
    except pl.exceptions.PolarsError as error:
        message = f"{path} is neither CSV nor Parquet: {str(error).partition(chr(10))[0]}"
        raise InputError(message, hint="the first line of a CSV names its columns") from error


def _named_once(path: Path) -> None:
    """Refuse a CSV that names a column twice: the reader would rename the second, and the first be believed."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = next(csv.reader([file.readline(MAX_HEADER)]), [])
    twice = [name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1]
    if twice:
        message = f"{path} names column {twice[0]!r} twice"
        raise InputError(message, hint="keep one of them")


def _seconds(kind: pl.DataType) -> pl.Expr:
    at = pl.col("timestamp")
    if kind.is_temporal():
        return at.cast(pl.Datetime("us")).dt.epoch("s")
    if kind != pl.String():
        return at.cast(pl.Int64, strict=False)
    plain = at.str.strip_chars().str.strip_suffix("Z").str.replace(" ", "T", literal=True)
    moment = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False).dt.epoch("s")
    return pl.coalesce(at.cast(pl.Int64, strict=False), moment)
