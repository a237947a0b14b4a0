"""`monitor clusters --transfers FILE`: a table of transfers, without a ledger, to wallets and their clusters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from monitor.config import Config
from monitor.errors import InputError
from monitor.facts.lease_events import LEASE_EVENTS
from monitor.facts.people import PEOPLE
from monitor.model.schema import AMOUNT, LEASES, TRANSFERS, empty
from monitor.views.format import address
from monitor.wallets.clusters import members, merge, nodes
from monitor.wallets.evidence import pair_scores
from monitor.wallets.funding import first_funders
from monitor.wallets.hubs import hubs
from monitor.wallets.labels import OWNER, labels_frame
from monitor.wallets.links import links

__all__ = ["OPTIONAL", "REQUIRED", "cluster_rows", "read_transfers"]

REQUIRED = ("from", "to")
OPTIONAL = ("chain", "kind", "token", "value", "timestamp", "block", "tx")
MAX_BYTES = 2 * 1024**3
_ADDRESS_TEXT = 42
_PARTS = 10**15
"""Values become parts of the largest a wallet got: all that is asked of one is whether it is dust beside another."""
_WORD = 2.0**256
"""What no honest value reaches."""


def read_transfers(path: Path) -> pl.DataFrame:
    """Read a CSV or Parquet file into `TRANSFERS`, in the file's order; raises InputError when it is no such table.

    Columns `from`, `to` (0x…); optional `chain` (1), `kind` (native), `token`, `value` (1), `timestamp` (seconds or
    ISO-8601), `block` (else the timestamp, else the row), `tx`. Rows without a recipient made a contract.
    """
    raw = _table(path)
    missing = [name for name in REQUIRED if name not in raw.columns]
    if missing:
        message = f"{path} has no column {missing[0]!r}"
        raise InputError(message, hint=f"columns: {', '.join(REQUIRED)}; optional: {', '.join(OPTIONAL)}")
    given = raw.with_columns(
        *(pl.lit(None).alias(name) for name in OPTIONAL if name not in raw.columns),
        pl.int_range(pl.len()).alias("_row"),
    )
    timed = given.with_columns(_seconds(given.schema["timestamp"]).alias("_at"))
    found = timed.select(
        pl.col("chain").cast(pl.Int64, strict=False).fill_null(1).alias("chain_id"),
        pl.coalesce(pl.col("block").cast(pl.Int64, strict=False), "_at", "_row").alias("block_number"),
        pl.col("_at").alias("block_time"),
        pl.col("tx").cast(pl.String).cast(pl.Binary).alias("tx_hash"),
        pl.col("_row").alias("log_index"),
        pl.when(pl.col("kind").cast(pl.String).fill_null("native").str.to_lowercase() == "native")
        .then(pl.lit("native"))
        .otherwise(pl.lit("erc20"))
        .alias("kind"),
        pl.col("token").cast(pl.String).str.to_lowercase().cast(pl.Binary).alias("token"),
        _raw(given, "from").alias("sender"),
        _raw(given, "to").alias("recipient"),
        pl.col("value").cast(pl.Float64, strict=False).fill_null(0 if "value" in raw.columns else 1).alias("amount"),
        pl.lit(None, dtype=pl.Int64).alias("nonce"),
    )
    moved = found.with_columns(pl.when(pl.col("amount").is_between(0, _WORD)).then("amount").otherwise(0.0))
    part = pl.col("amount") / pl.col("amount").max().over("chain_id", "kind", "token", "recipient")
    sane = pl.when(pl.col("amount") > 0).then((part * _PARTS).ceil()).otherwise(0)
    whole = moved.with_columns(sane.cast(pl.Int64).cast(AMOUNT).alias("amount")).filter(pl.col("sender").is_not_null())
    return whole.select(pl.col(name).cast(kind) for name, kind in TRANSFERS.items())


def _table(path: Path) -> pl.DataFrame:
    try:
        if path.stat().st_size > MAX_BYTES:
            message = f"{path} is larger than {MAX_BYTES} bytes"
            raise InputError(message, hint="split it")
        with path.open("rb") as file:
            magic = file.read(4)
        # As text: a uint256 must not become a float that no longer says whether it is there.
        return pl.read_parquet(path) if magic == b"PAR1" else pl.read_csv(path, infer_schema=False)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise InputError(message, hint="check the path") from error
    except pl.exceptions.PolarsError as error:
        message = f"{path} is neither CSV nor Parquet: {str(error).partition(chr(10))[0]}"
        raise InputError(message, hint="the first line of a CSV names its columns") from error


def _seconds(kind: pl.DataType) -> pl.Expr:
    at = pl.col("timestamp")
    if kind.is_temporal():
        return at.cast(pl.Datetime("us")).dt.epoch("s")
    if kind != pl.String():
        return at.cast(pl.Int64, strict=False)
    plain = at.str.strip_chars().str.strip_suffix("Z").str.replace(" ", "T", literal=True)
    moment = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False).dt.epoch("s")
    return pl.coalesce(at.cast(pl.Int64, strict=False), moment)


def _raw(rows: pl.DataFrame, column: str) -> pl.Series:
    """Turn a column of addresses into bytes; empty ones are null."""
    text = rows[column]
    if text.dtype == pl.Binary():
        text = "0x" + text.bin.encode("hex")
    if text.dtype != pl.String():
        message = f"column {column!r} holds no addresses"
        raise InputError(message, hint="write 0x and 40 hex digits")
    clean = text.to_frame("x").select(pl.when(pl.col("x") != "").then(pl.col("x").str.to_lowercase()))["x"]
    good = (clean.str.len_bytes() == _ADDRESS_TEXT) & clean.str.contains("^0x[0-9a-f]{40}$")
    wrong = clean.filter(~good).head(1).to_list()
    if wrong:
        message = f"column {column!r}: {str(wrong[0])[:60]!r} is no address"
        raise InputError(message, hint="write 0x and 40 hex digits")
    return clean.str.slice(2).str.decode("hex")


def cluster_rows(transfers: pl.DataFrame, config: Config) -> list[Mapping[str, str]]:
    """Cluster every address of `TRANSFERS`; rows `address` (EIP-55), `cluster_id`, sorted by address.

    Without leases only funding, its timing, flow back and shared sinks speak, so this joins less than a ledger does.
    Hubs and labels are those of the configuration.
    """
    sides = [
        transfers.select("chain_id", pl.col(side).alias("address"), "block_time") for side in ("sender", "recipient")
    ]
    seen = (
        pl.concat(sides)
        .drop_nulls("address")
        .group_by("chain_id", "address")
        .agg(pl.col("block_time").min().alias("first_at"), pl.col("block_time").max().alias("last_at"))
    )
    people = seen.select(
        (pl.col(name) if name in seen.columns else pl.lit("" if name == "role" else None)).cast(kind).alias(name)
        for name, kind in PEOPLE.items()
    )
    labels = labels_frame(config.labels)
    busy = hubs(transfers, labels, frozenset(), config.wallets.hub_degree)
    # A wallet that never sent anything was not funded to act; its first income is no second piece of evidence.
    active = transfers.select("chain_id", pl.col("sender").alias("address"))
    funders = first_funders(transfers, active, frozenset())
    # Links ask which wallets are tenants: here every wallet may be one, though nothing is known of a lease.
    tenants = seen.select(
        (pl.col("address") if name == "renter" else pl.col("chain_id") if name == "chain_id" else pl.lit(None))
        .cast(kind)
        .alias(name)
        for name, kind in LEASES.items()
    )
    found = links(tenants, empty(LEASE_EVENTS), transfers, funders, busy, labels)
    owners = dict(labels.filter(pl.col("kind") == OWNER).select("address", "label").iter_rows())
    placed = members(nodes(people, funders, found, busy, transfers), merge(pair_scores(found), owners))
    rows = placed.select("address", "cluster_id").unique("address").sort("address")
    return [{"address": address(raw) or "", "cluster_id": name} for raw, name in rows.iter_rows()]
