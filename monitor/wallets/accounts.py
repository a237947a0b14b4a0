"""What each wallet is, told by its code: a key's own account, or which kind of contract, and since when it acts.

Pure: known reads (READS) come in, what is still to be had (WANTED) goes out. Code is asked for as of the newest block,
which every node has, and again when the wallet is seen long after; all else about it as of that same block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import polars as pl

from monitor.model.schema import ACCOUNTS, READS, WANTED

__all__ = ["AGE", "FIRST_SLOT", "GET_OWNERS", "GET_THRESHOLD", "accounts"]

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
_ABOUT = (
    ("storage", FIRST_SLOT),
    ("storage", _IMPLEMENTATION),
    ("account", GET_OWNERS),
    ("account", GET_THRESHOLD),
    ("account", _ENTRY_POINT),
)
_SEEN = ("first_block", "last_block")
_TRIES = 5

_Question = tuple[int, int, str, bytes, bytes]
"""A row of WANTED."""


def accounts(
    people: pl.DataFrame,
    stays: pl.DataFrame,
    wallets: pl.DataFrame,
    funders: pl.DataFrame,
    reads: pl.DataFrame,
    heads: Mapping[int, int],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Say what `wallets` (chain_id, address) are: `ACCOUNTS`, sorted, and the reads (WANTED) that would tell more.

    `people` (PEOPLE) and `stays` (`monitor.wallets.clusters.STAYS`, of all transfers) say when a wallet was seen,
    `funders` (FUNDERS) who funded it first, `heads` the newest block by chain id.
    """
    seen = _sightings(people, stays, wallets)
    newest = (
        reads.filter(pl.col("kind") == "code")
        .sort("block_number")
        .unique(["chain_id", "target"], keep="last")
        .select("chain_id", pl.col("target").alias("address"), pl.col("block_number").alias("as_of"), "result")
    )
    held = seen.join(newest, on=["chain_id", "address"], how="left").sort("chain_id", "address")
    answers: dict[_Question, bytes | None] = {tuple(row[:5]): row[5] for row in reads.select(list(READS)).iter_rows()}
    firsts = [(chain_id, first, "nonce", address, b"") for chain_id, address, first, *_ in held.iter_rows()]
    wanted = _first_nonces(firsts, answers)
    rows = []
    for (chain_id, address, first, last, as_of, code), at_first in zip(held.iter_rows(), firsts, strict=True):
        if as_of is None or as_of + AGE <= last:
            wanted.append((chain_id, max(last, heads.get(chain_id, last)), "code", address, b""))
        about: list[_Question] = []
        if as_of is not None:
            asked = [("nonce", b""), *(() if not code or _simple(code) else _ABOUT)]
            about = [(chain_id, as_of, kind, address, payload) for kind, payload in asked]
        wanted += [question for question in about if question not in answers]
        told = {(question[2], question[4]): answers.get(question) for question in about}
        nonces = _number(told.get(("nonce", b""))), _number(answers.get(at_first))
        rows.append((chain_id, address, *_kind(code, told), nonces[0], as_of, first, nonces[1]))
    names = list(ACCOUNTS)[:-2]
    found = pl.DataFrame(rows, schema={name: ACCOUNTS[name] for name in names}, orient="row")
    funded = funders.select("chain_id", "address", "funder", pl.col("tx_hash").alias("funder_tx"))
    whole = found.join(funded, on=["chain_id", "address"], how="left").select(*ACCOUNTS).sort("chain_id", "address")
    return whole, pl.DataFrame(wanted, schema=WANTED, orient="row").unique().sort(list(WANTED))


def _first_nonces(firsts: Sequence[_Question], answers: Mapping[_Question, bytes | None]) -> list[_Question]:
    """Want nonces as of first sightings, but only a few of a chain until one was answered.

    A node without the state of old blocks refuses them all, and says no so often that the head would have to wait.
    """
    wanted: list[_Question] = []
    for _, group in groupby(firsts, key=itemgetter(0)):
        mine = list(group)
        asked = [answers[question] for question in mine if question in answers]
        most = None if any(answer is not None for answer in asked) else max(0, _TRIES - len(asked))
        wanted += [question for question in mine if question not in answers][:most]
    return wanted


def _sightings(people: pl.DataFrame, stays: pl.DataFrame, wallets: pl.DataFrame) -> pl.DataFrame:
    """Find the blocks each wallet was first and last seen in (columns chain_id, address, first_block, last_block)."""
    return (
        pl.concat([each.select("chain_id", "address", *_SEEN) for each in (people, stays)])
        .join(wallets, on=["chain_id", "address"], how="semi")
        .group_by("chain_id", "address")
        .agg(pl.col("first_block").min(), pl.col("last_block").max())
    )


def _simple(code: bytes) -> bool:
    """Whether the code itself says all there is to say."""
    return code.startswith(_DELEGATION) or (code.startswith(_CLONE) and _CLONE_END in code)


def _kind(
    code: bytes | None, told: Mapping[tuple[str, bytes], bytes | None]
) -> tuple[str | None, bytes | None, list[bytes] | None, int | None]:
    """Name a wallet's kind, what code it runs for others or borrows, and a Safe's owners and threshold."""
    if not code:
        return None if code is None else "eoa", None, None, None
    if _simple(code):
        kind, start = ("delegated", _DELEGATION) if code.startswith(_DELEGATION) else ("proxy", _CLONE)
        return kind, code[len(start) :][:_ADDRESS], None, None
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
