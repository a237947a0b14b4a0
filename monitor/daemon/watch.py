"""What must be covered: the contracts the configuration binds and the wallets the facts name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from monitor.markets.load import Bound
from monitor.model.span import Span, Spans
from monitor.sync.fragment import (
    NATIVE_KINDS,
    Fragment,
    FragmentKind,
    Want,
    native_fragment,
    transfers_fragment,
)
from monitor.views.coverage import contract_wants
from monitor.wallets.watch import LAST_AWAITED

__all__ = ["Watched", "admitted", "followed", "needed", "wants"]


class Watched(NamedTuple):
    """A row of `monitor.wallets.watch.WATCH`: whose transfers to read, and over which blocks."""

    chain_id: int
    address: bytes
    kind: str
    start: int
    stop: int | None
    stage: int = 0

    @property
    def awaited(self) -> bool:
        """Whether leads wait for it."""
        return self.stage <= LAST_AWAITED


def wants(
    chain_id: int,
    bound: Iterable[Bound],
    tokens: Iterable[bytes],
    watched: Iterable[Watched],
    native: FragmentKind | None = "native",
) -> list[Want]:
    """List what one chain's ledger must hold, as fragments with their spans, in a fixed order.

    `native` is the way native value is read on it, None where no endpoint has what that takes.
    """
    money = tuple(sorted(set(tokens)))
    mine = (row for row in watched if row.chain_id == chain_id)
    return [*contract_wants(chain_id, bound), *_transfer_wants(mine, money, native)]


def needed(
    bound: Iterable[Bound], tokens: Iterable[tuple[int, bytes]], watched: Iterable[Watched]
) -> set[tuple[int, Fragment]]:
    """List what the ledgers of all chains must hold (chain id, fragment), native value read in whichever way."""
    contracts, rows, money = list(bound), list(watched), list(tokens)
    return {
        (chain_id, want.fragment)
        for chain_id in {item.chain_id for item in contracts} | {row.chain_id for row in rows}
        for way in NATIVE_KINDS
        for want in wants(chain_id, contracts, [token for chain, token in money if chain == chain_id], rows, way)
    }


def admitted(
    watched: Iterable[Watched],
    tokens: Iterable[bytes],
    read: Mapping[str, Spans],
    upto: Span,
    before: Collection[Watched],
    native: FragmentKind | None = "native",
) -> list[Watched]:
    """Keep of one chain's rows those that may be trusted: each stage once what is below it was `read` within `upto`.

    Until then a hub may look like anybody else, for what shows it was not read. What was admitted `before` stays.
    """
    money = tuple(sorted(set(tokens)))
    ordered = sorted(watched, key=lambda row: row.stage)
    # what was read is asked of the stages below the last new row only: mostly there is none, and all are many
    last = max((row.stage for row in ordered if not row.awaited and row not in before), default=0)
    whole = True
    kept: list[Watched] = []
    for at, rows in groupby(ordered, key=lambda row: row.stage):
        stage = list(rows)
        kept += [row for row in stage if whole or row.awaited or row in before]
        needed = _transfer_wants(stage, money, native)
        whole = whole and (at >= last or all(_is_read(want, read, upto) for want in needed))
    return kept


def _is_read(want: Want, read: Mapping[str, Spans], upto: Span) -> bool:
    stop = upto.stop if want.stop is None else min(want.stop, upto.stop)
    return not Spans.of(max(want.start, upto.start), stop) - read.get(want.fragment.key, Spans())


def _transfer_wants(rows: Iterable[Watched], tokens: tuple[bytes, ...], native: FragmentKind | None) -> Iterator[Want]:
    for row in rows:
        if row.kind != "native" and tokens:
            fragment = transfers_fragment(row.address, tokens)
        elif row.kind == "native" and native:
            fragment = native_fragment(row.address, native)
        else:
            continue
        yield Want(fragment, row.start, row.stop, later=not row.awaited)


def followed(covered: Mapping[str, Spans], tokens: Iterable[bytes]) -> list[Want]:
    """List the wallets' transfers of these tokens that a ledger covers, by its coverage, whatever names them now."""
    money = tuple(sorted(set(tokens)))
    wallets = (bytes.fromhex(key.rpartition(":")[2]) for key in sorted(covered) if key.startswith("erc20:"))
    found = [transfers_fragment(wallet, money) for wallet in wallets]
    return [Want(fragment, part.start, part.stop) for fragment in found for part in covered.get(fragment.key, Spans())]
