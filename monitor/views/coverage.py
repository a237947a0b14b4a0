"""What a ledger must cover of the markets' contracts, and which of their blocks it has not read yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monitor.markets.load import Bound
from monitor.model.span import Span, Spans
from monitor.sync.fragment import Fragment, Want, contract_fragment, events_fragment

__all__ = ["contract_wants", "unread", "within"]


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


def unread(contracts: Iterable[Want], covered: Mapping[str, Spans], span: Span) -> Spans:
    """List the blocks of a span that the coverage of some contract lacks."""
    missing = Spans()
    for want in contracts:
        missing |= within(want, span) - covered.get(want.fragment.key, Spans())
    return missing


def within(want: Want, span: Span) -> Spans:
    """List the blocks of a span that are wanted."""
    return Spans.of(max(want.start, span.start), span.stop if want.stop is None else min(want.stop, span.stop))


def _life(roles: Sequence[Bound]) -> tuple[int, int | None]:
    """Say from which block on, and up to which (left out), a contract counts in any of its roles."""
    ends = [item.to_block for item in roles]
    stop = None if None in ends else 1 + max(end for end in ends if end is not None)
    return min(item.from_block for item in roles), stop
