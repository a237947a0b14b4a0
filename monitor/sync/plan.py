"""What to fetch next: required minus covered, cut into spans of one request's size and grouped by span."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import NamedTuple

from monitor.model.span import Span, Spans
from monitor.sync.fragment import MAX_ALTERNATIVES, WHOLE_BLOCKS, Fragment, FragmentKind, Want

__all__ = ["NATIVE_SPAN", "TRACES_SPAN", "Job", "plan"]

NATIVE_SPAN = 100
"""Blocks per job where whole blocks are read: about 100 kB each, so a job stays near 10 MB."""
TRACES_SPAN = 10_000
"""Blocks per job where blocks are found by trace_filter, which nodes limit earlier than eth_getLogs."""


class Job(NamedTuple):
    """One page of work: fragments of one kind (and token set) over one span; `final` when no block can change."""

    kind: FragmentKind
    fragments: tuple[Fragment, ...]
    span: Span
    final: bool


class _Piece(NamedTuple):
    span: Span
    kind: FragmentKind
    tokens: tuple[bytes, ...]
    fragments: tuple[Fragment, ...]


def plan(
    required: Iterable[Want],
    covered: Mapping[str, Spans],
    head: int,
    finalized: int,
    max_span: int,
    *,
    limit: int | None = None,
) -> list[Job]:
    """List the jobs that cover what is required and not covered, oldest blocks first, at most `limit` of them.

    No job reaches above `head`, none straddles `finalized` (the last block that can no longer change) and none is wider
    than `max_span` blocks. Spans are cut on multiples of `max_span`, so that fragments that began at different blocks
    still share requests; where whole blocks are read, also where any wallet's need begins or ends.
    """
    jobs = _jobs(_missing(required, covered, head), finalized, max(1, max_span))
    return list(islice(jobs, limit))


def _missing(
    required: Iterable[Want], covered: Mapping[str, Spans], head: int
) -> dict[tuple[FragmentKind, tuple[bytes, ...], Spans], list[Fragment]]:
    needed: dict[str, Spans] = {}
    fragments: dict[str, Fragment] = {}
    for want in required:
        key = want.fragment.key
        stop = head + 1 if want.stop is None else min(want.stop, head + 1)
        fragments[key] = want.fragment
        needed[key] = needed.get(key, Spans()) | Spans.of(max(0, want.start), stop)
    groups: dict[tuple[FragmentKind, tuple[bytes, ...], Spans], list[Fragment]] = {}
    for key in sorted(fragments):
        fragment = fragments[key]
        tokens = fragment.addresses if fragment.kind == "transfers" else ()
        missing = needed[key] - covered.get(key, Spans())
        if missing:
            groups.setdefault((fragment.kind, tokens, missing), []).append(fragment)
    return groups


def _jobs(
    groups: Mapping[tuple[FragmentKind, tuple[bytes, ...], Spans], list[Fragment]], finalized: int, max_span: int
) -> Iterator[Job]:
    # A block read in full serves every wallet: cut where any wallet begins or ends, so that none is read twice.
    edges = sorted({edge for kind, _, missing in groups if kind in WHOLE_BLOCKS for span in missing for edge in span})
    streams = [
        _pieces(
            kind,
            tokens,
            tuple(fragments),
            _cuts(missing, finalized, _width(kind, max_span), edges if kind in WHOLE_BLOCKS else ()),
        )
        for (kind, tokens, missing), fragments in groups.items()
    ]
    pieces = heapq.merge(*streams, key=lambda piece: piece[:3])
    for (span, kind, _), same in groupby(pieces, key=lambda piece: piece[:3]):
        fragments = sorted(fragment for piece in same for fragment in piece.fragments)
        for batch in _batches(kind, fragments):
            yield Job(kind, tuple(batch), span, final=span.last <= finalized)


def _pieces(
    kind: FragmentKind, tokens: tuple[bytes, ...], fragments: tuple[Fragment, ...], spans: Iterable[Span]
) -> Iterator[_Piece]:
    for span in spans:
        yield _Piece(span, kind, tokens, fragments)


def _width(kind: FragmentKind, max_span: int) -> int:
    return min(max_span, NATIVE_SPAN if kind in WHOLE_BLOCKS else TRACES_SPAN if kind == "traces" else max_span)


def _cuts(missing: Spans, finalized: int, width: int, edges: Sequence[int]) -> Iterator[Span]:
    for span in missing:
        start = span.start
        while start < span.stop:
            stop = min(span.stop, start - start % width + width)
            following = bisect_right(edges, start)
            if following < len(edges):
                stop = min(stop, edges[following])
            if start <= finalized:
                stop = min(stop, finalized + 1)
            yield Span(start, stop)
            start = stop


def _batches(kind: FragmentKind, fragments: Sequence[Fragment]) -> Iterator[Sequence[Fragment]]:
    # Reading a block finds the transactions of any number of wallets; a log filter has room for so many.
    size = len(fragments) if kind in WHOLE_BLOCKS else MAX_ALTERNATIVES
    for first in range(0, len(fragments), size):
        yield fragments[first : first + size]
