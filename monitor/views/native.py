"""In words: whether native value of a chain is read, by what, and what helps where it is not."""

from __future__ import annotations

from typing import NamedTuple

from monitor.config.spec import ChainConfig
from monitor.ledger.rows import UNSERVED, ChainRow
from monitor.sync.fragment import METHOD, native_kinds

__all__ = ["Told", "told"]

_BLOCKS = "native_lookback_blocks has it read without an index, block by block"


class Told(NamedTuple):
    """What is done, after "native value"; `hint` says what helps where it is not read."""

    text: str
    hint: str = ""


def told(chain: ChainConfig, row: ChainRow) -> Told:
    """Say how native value of a chain is read, by its configuration and what the ledger knows of its endpoints."""
    if chain.native == "off" or chain.native_lookback_blocks == 0:
        why = 'native = "off"' if chain.native == "off" else "native_lookback_blocks = 0"
        return Told(f"is not read: {why}")
    kinds = native_kinds(chain.native, indexed=chain.native_lookback_blocks is None)
    methods = " or ".join(METHOD[kind] for kind in kinds)
    blocks = chain.native_blocks(indexed=row.indexed, by_blocks=row.by_blocks)
    if not blocks and not kinds:
        return Told("is not read: whole blocks are, where native_lookback_blocks says how many")
    if not blocks:
        return Told(f"is not read: no endpoint with {methods} was met", f"add one that has it; {_BLOCKS}")
    if row.native_way == UNSERVED:
        text = f"of wallets that come now is not read: no endpoint has {methods} any more"
        return Told(text, f'add one that has it, or set native = "auto"; {_BLOCKS}')
    by = "".join(f" by {method}" for kind, method in METHOD.items() if kind == row.native_way)
    return Told(f"is read{by}, {blocks} blocks back from a wallet's first lease")
