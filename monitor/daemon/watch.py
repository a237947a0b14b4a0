"""What must be covered: the contracts the configuration binds and the wallets the facts name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from monitor.markets.load import Bound
from monitor.sync.fragment import (
    Fragment,
    Want,
    contract_fragment,
    events_fragment,
    native_fragment,
    transfers_fragment,
)

__all__ = ["Watched", "contract_wants", "wants"]


class Watched(NamedTuple):
    """A row of `monitor.wallets.watch.WATCH`: whose transfers to read, and over which blocks."""

    chain_id: int
    address: bytes
    kind: str
    start: int
    stop: int | None


def wants(chain_id: int, bound: Iterable[Bound], tokens: Iterable[bytes], watched: Iterable[Watched]) -> list[Want]:
    """List what one chain's ledger must hold, as fragments with their spans, in a fixed order."""
    money = tuple(sorted(set(tokens)))
    required = contract_wants(chain_id, bound)
    for row in watched:
        if row.chain_id != chain_id:
            continue
        if row.kind == "native":
            required.append(Want(native_fragment(row.address), row.start, row.stop))
        elif money:
            required.append(Want(transfers_fragment(row.address, money), row.start, row.stop))
    return required


def contract_wants(chain_id: int, bound: Iterable[Bound]) -> list[Want]:
    """List the fragments of one chain's contracts: all of a contract's logs, or the events its adapter bounds it to."""
    lives: dict[Fragment, list[Bound]] = {}
    for item in bound:
        if item.chain_id != chain_id:
            continue
        some = [events_fragment(item.address, topics) for topics in item.only]
        for fragment in some or [contract_fragment(item.address)]:
            lives.setdefault(fragment, []).append(item)
    order = sorted(lives.items(), key=lambda pair: pair[0].key)
    return [Want(fragment, *_life(roles)) for fragment, roles in order]


def _life(roles: Sequence[Bound]) -> tuple[int, int | None]:
    """Say from which block on, and up to which (left out), a contract counts in any of its roles."""
    ends = [item.to_block for item in roles]
    stop = None if None in ends else 1 + max(end for end in ends if end is not None)
    return min(item.from_block for item in roles), stop
