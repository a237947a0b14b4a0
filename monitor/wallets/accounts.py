"""What each wallet is, told by its code: a key's own account, or which kind of contract, and since when it acts.

Pure: known reads (READS) come in, what is still to be had (WANTED) goes out. Code is asked for as of the newest block,
which every node has, and again when the wallet is seen long after; all else about it as of that same block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from monitor.model.schema import ACCOUNTS, WANTED
from monitor.wallets.clusters import WALLET

__all__ = ["AGE", "FIRST_SLOT", "GET_OWNERS", "GET_THRESHOLD", "account_reads", "accounts"]

AGE = 500_000
"""Blocks after which an answer about a wallet that was seen since is no longer taken for today's."""
_WORD, _ADDRESS = 32, 20
_DELEGATION = bytes.fromhex("ef0100")
"""EIP-7702: the code of an account that lent itself the code at an address."""
_CLONE, _CLONE_END = bytes.fromhex("363d3d373d3d3d363d73"), bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
"""EIP-1167: the code of a minimal proxy, around the address of what it runs."""
_IMPLEMENTATION = bytes.fromhex("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc")
"""EIP-1967: the slot that names what a proxy runs."""
FIRST_SLOT = bytes(_WORD)
"""Where a Safe's proxy names its singleton (safe-smart-account, SafeProxy)."""
GET_OWNERS, GET_THRESHOLD, _ENTRY_POINT = (bytes.fromhex(selector) for selector in ("a0e67e2b", "e75235b8", "b0d691fe"))
"""`getOwners()`, `getThreshold()`, `entryPoint()`."""
_ENTRY_POINTS = frozenset(
    bytes.fromhex(address)
    for address in (
        "5ff137d4b0fdcd49dca30c7cf57e578a026d2789",
        "0000000071727de22e5e9d8baf0edac6f37da032",
        "4337084d9e255ff0702461cf8895ce9e3b5ff108",
    )
)
"""ERC-4337 entry points v0.6, v0.7 and v0.8 (eth-infinitism/account-abstraction)."""
MAX_OWNERS = 200
_STORED = ("storage", "account")
_ABOUT = pl.DataFrame(
    [
        ("storage", FIRST_SLOT),
        ("storage", _IMPLEMENTATION),
        ("account", GET_OWNERS),
        ("account", GET_THRESHOLD),
        ("account", _ENTRY_POINT),
    ],
    schema={"kind": pl.String(), "payload": pl.Binary()},
    orient="row",
)
"""What is asked of a contract whose code does not say all there is to say."""
_is_clone = pl.col("code").bin.starts_with(_CLONE) & pl.col("code").bin.contains(_CLONE_END)
_is_contract = (pl.col("code").bin.size() > 0) & ~pl.col("code").bin.starts_with(_DELEGATION) & ~_is_clone
_SEEN = ("first_block", "last_block")
_TRIES = 5
_PLACE = ["chain_id", "address", "block_number"]
"""Of which wallet, and as of which block, a question about it is."""


def accounts(
    people: pl.DataFrame, stays: pl.DataFrame, wallets: pl.DataFrame, funders: pl.DataFrame, reads: pl.DataFrame
) -> pl.DataFrame:
    """Say what `wallets` (chain_id, address) are: `ACCOUNTS`, sorted.

    `people` (PEOPLE) and `stays` (`monitor.wallets.clusters.STAYS`, of all transfers) say when a wallet was seen,
    `funders` (FUNDERS) who funded it first, `reads` (READS) what the chain said of it.
    """
    seen = _seen(people, stays, wallets, reads)
    nonces = _about(reads, "nonce").select(*_PLACE, pl.col("result").map_elements(_number, pl.Int64).alias("nonce"))
    lent, clone = pl.col("code").bin.starts_with(_DELEGATION), _is_clone
    runs = (
        pl.when(lent)
        .then(pl.col("code").bin.slice(len(_DELEGATION), _ADDRESS))
        .when(clone)
        .then(pl.col("code").bin.slice(len(_CLONE), _ADDRESS))
    )
    kind = (
        pl.when(pl.col("code").bin.size() == 0).then(pl.lit("eoa")).when(lent).then(pl.lit("delegated"))
        .when(clone).then(pl.lit("proxy"))
    )  # fmt: skip
    found = (
        seen.with_columns(runs.alias("runs"), kind.alias("kind"))
        .join(_contracts(seen, reads), on=WALLET, how="left")
        .with_columns(pl.coalesce(name, f"{name}_told").alias(name) for name in ("kind", "runs"))
        .join(nonces, left_on=[*WALLET, "as_of"], right_on=_PLACE, how="left")
        .join(nonces.rename({"nonce": "first_nonce"}), left_on=[*WALLET, "first_block"], right_on=_PLACE, how="left")
        .join(funders.select(*WALLET, "funder", pl.col("tx_hash").alias("funder_tx")), on=WALLET, how="left")
    )
    return found.select(pl.col(name).cast(kind) for name, kind in ACCOUNTS.items()).sort(WALLET)


def account_reads(
    people: pl.DataFrame,
    stays: pl.DataFrame,
    wallets: pl.DataFrame,
    reads: pl.DataFrame,
    heads: Mapping[int, int],
) -> pl.DataFrame:
    """List the reads (WANTED), sorted, that would tell more of what `accounts` says.

    `heads` is the newest block by chain id.
    """
    seen = _seen(people, stays, wallets, reads)
    head = pl.col("chain_id").replace_strict(heads, default=None, return_dtype=pl.Int64)
    newest = pl.max_horizontal("last_block", head)
    stale = seen.filter(pl.col("as_of").is_null() | (pl.col("as_of") + AGE <= pl.col("last_block")))
    told = seen.drop_nulls("as_of")
    nonces, firsts = (
        _unanswered(rows.select(*WALLET, pl.col(block).alias("block_number")), _about(reads, "nonce"))
        for rows, block in ((told, "as_of"), (seen, "first_block"))
    )
    asked = told.filter(_is_contract).select(*WALLET, pl.col("as_of").alias("block_number")).join(_ABOUT, how="cross")
    parts = [
        (stale.select(*WALLET, newest.alias("block_number")), "code"),
        (nonces.filter("missing"), "nonce"),
        (_few(firsts), "nonce"),
    ]
    simple = [rows.select(*_PLACE, pl.lit(kind).alias("kind"), pl.lit(b"").alias("payload")) for rows, kind in parts]
    further = asked.join(_about(reads, *_STORED), on=[*_PLACE, "kind", "payload"], how="anti")
    wanted = pl.concat([*simple, further.select(*_PLACE, "kind", "payload")]).rename({"address": "target"})
    return wanted.select(pl.col(name).cast(kind) for name, kind in WANTED.items()).unique().sort(list(WANTED))


def _about(reads: pl.DataFrame, *kinds: str) -> pl.DataFrame:
    return reads.filter(pl.col("kind").is_in(kinds)).rename({"target": "address"})


def _unanswered(asked: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Say of what was asked whether it was answered, and whether it is `missing` even as a failure."""
    both = answers.select(*_PLACE, pl.col("result").is_not_null().alias("answered"))
    joined = asked.join(both, on=_PLACE, how="left", maintain_order="left")
    return joined.with_columns(pl.col("answered").is_null().alias("missing"))


def _few(firsts: pl.DataFrame) -> pl.DataFrame:
    """Take the nonces as of first sightings that are missing, but only a few of a chain until one was answered.

    A node without the state of old blocks refuses them all, and says no so often that the head would have to wait.
    """
    tried = (~pl.col("missing")).sum().over("chain_id")
    nth = pl.col("missing").cast(pl.Int64).cum_sum().over("chain_id")
    known = pl.col("answered").fill_null(value=False).any().over("chain_id")
    return firsts.filter(pl.col("missing") & (known | (nth + tried <= _TRIES)))


def _seen(people: pl.DataFrame, stays: pl.DataFrame, wallets: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """Find the blocks wallets were first and last seen in, and their newest code, sorted.

    Columns chain_id, address, first_block, last_block, as_of, code.
    """
    newest = _about(reads, "code").sort("block_number").unique(WALLET, keep="last")
    return (
        pl.concat([each.select(*WALLET, *_SEEN).join(wallets, on=WALLET, how="semi") for each in (people, stays)])
        .group_by(WALLET)
        .agg(pl.col("first_block").min(), pl.col("last_block").max())
        .join(
            newest.select(*WALLET, pl.col("block_number").alias("as_of"), pl.col("result").alias("code")),
            on=WALLET,
            how="left",
        )
        .sort(WALLET)
    )


def _contracts(seen: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """Tell kinds of contracts by what they answered: chain_id, address, kind_told, runs_told, owners, threshold."""
    ours = seen.filter(_is_contract).select(*WALLET, pl.col("as_of").alias("block_number"))
    said = _about(reads, *_STORED).join(ours, on=_PLACE, how="semi")
    answers: dict[tuple[int, bytes], dict[tuple[str, bytes], bytes | None]] = {}
    for chain_id, address, kind, payload, result in said.select(*WALLET, "kind", "payload", "result").iter_rows():
        answers.setdefault((chain_id, address), {})[kind, payload] = result
    rows = [(*wallet, *_kind(answers.get(wallet, {}))) for wallet in ours.select(WALLET).iter_rows()]
    kinds = {name: ACCOUNTS[name] for name in (*WALLET, "kind", "runs", "owners", "threshold")}
    return pl.DataFrame(rows, schema=kinds, orient="row").rename({name: f"{name}_told" for name in ("kind", "runs")})


def _kind(
    told: Mapping[tuple[str, bytes], bytes | None],
) -> tuple[str, bytes | None, list[bytes] | None, int | None]:
    """Name a contract's kind, what code it runs, and a Safe's owners and threshold."""
    singleton, runs = _address(told.get(("storage", FIRST_SLOT))), _address(told.get(("storage", _IMPLEMENTATION)))
    owners, threshold = _addresses(told.get(("account", GET_OWNERS))), _number(told.get(("account", GET_THRESHOLD)))
    if singleton and owners and threshold is not None and 1 <= threshold <= len(owners):
        return "safe", singleton, owners, threshold
    if _address(told.get(("account", _ENTRY_POINT))) in _ENTRY_POINTS:
        return "erc4337", runs, None, None
    return ("proxy" if runs else "contract"), runs, None, None


def _number(raw: bytes | None) -> int | None:
    value = None if raw is None or not 0 < len(raw) <= _WORD else int.from_bytes(raw)
    return value if value is not None and value < 2**63 else None


def _address(raw: bytes | None) -> bytes | None:
    """Read a word that is an address and not zero."""
    if raw is None or len(raw) != _WORD or any(raw[: _WORD - _ADDRESS]) or not any(raw):
        return None
    return raw[_WORD - _ADDRESS :]


def _addresses(raw: bytes | None) -> list[bytes] | None:
    """Read `address[]` as the only value returned: where it begins, how many, then a word each."""
    words = list(_words(raw or b""))
    if len(words) < 2 or int.from_bytes(words[0]) != _WORD or int.from_bytes(words[1]) != len(words) - 2:  # noqa: PLR2004
        return None
    found = [_address(word) for word in words[2:]]
    return [each for each in found if each] if all(found) and len(found) <= MAX_OWNERS else None


def _words(raw: bytes) -> Iterator[bytes]:
    for first in range(0, len(raw), _WORD):
        yield raw[first : first + _WORD]
