"""What must be covered: the contracts the configuration binds and the wallets the facts name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from monitor.config import ChainConfig
from monitor.markets.load import Bound
from monitor.sync.fragment import Want, contract_fragment, native_fragment, transfers_fragment

__all__ = ["Wallet", "wants"]


class Wallet(NamedTuple):
    """A watched wallet and the block of its first lease."""

    address: bytes
    first_block: int


def wants(
    chain: ChainConfig, bound: Iterable[Bound], tokens: Iterable[bytes], wallets: Iterable[Wallet], *, transfers: bool
) -> list[Want]:
    """List what one chain's ledger must hold, as fragments with their spans, in a fixed order.

    Contracts from their first block to the head; payment-token transfers of each watched wallet from the first block
    of any market on the chain; native transactions in the `native_lookback_blocks` before a wallet's first lease.
    """
    mine = [item for item in bound if item.chain_id == chain.id]
    births: dict[bytes, int] = {}
    for item in mine:
        births[item.address] = min(item.from_block, births.get(item.address, item.from_block))
    required = [Want(contract_fragment(address), start, None) for address, start in sorted(births.items())]
    watched = sorted(_earliest(wallets).items())
    money = tuple(sorted(set(tokens)))
    if transfers and money and births:
        start = min(births.values())
        required += [Want(transfers_fragment(address, money), start, None) for address, _ in watched]
    if chain.native_lookback_blocks:
        required += [
            Want(native_fragment(address), max(0, first - chain.native_lookback_blocks), first + 1)
            for address, first in watched
        ]
    return required


def _earliest(wallets: Iterable[Wallet]) -> Mapping[bytes, int]:
    first: dict[bytes, int] = {}
    for wallet in wallets:
        first[wallet.address] = min(wallet.first_block, first.get(wallet.address, wallet.first_block))
    return first
