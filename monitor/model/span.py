"""Block spans and the set algebra that coverage is kept in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Span", "Spans"]


class Span(NamedTuple):
    """Blocks `start` to `stop`, `stop` itself left out; empty when `stop <= start`."""

    start: int
    stop: int

    @property
    def last(self) -> int:
        """The highest block of a span that is not empty."""
        return self.stop - 1

    @property
    def blocks(self) -> int:
        """How many blocks the span holds."""
        return max(0, self.stop - self.start)


class Spans:
    """An immutable set of blocks, kept as ascending spans that neither overlap nor touch."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans = _normalise(spans)

    @classmethod
    def of(cls, start: int, stop: int) -> Spans:
        """Make the set of one span."""
        return cls((Span(start, stop),))

    def __or__(self, other: Spans) -> Spans:
        return Spans((*self._spans, *other._spans))

    def __and__(self, other: Spans) -> Spans:
        found: list[Span] = []
        left, right = iter(self._spans), iter(other._spans)
        a, b = next(left, None), next(right, None)
        while a is not None and b is not None:
            start, stop = max(a.start, b.start), min(a.stop, b.stop)
            if start < stop:
                found.append(Span(start, stop))
            if a.stop <= b.stop:
                a = next(left, None)
            else:
                b = next(right, None)
        return Spans(found)

    def __sub__(self, other: Spans) -> Spans:
        found: list[Span] = []
        holes = other._spans
        first = 0
        for span in self._spans:
            while first < len(holes) and holes[first].stop <= span.start:
                first += 1
            start, index = span.start, first
            while index < len(holes) and holes[index].start < span.stop:
                if start < holes[index].start:
                    found.append(Span(start, holes[index].start))
                start = holes[index].stop
                index += 1
            if start < span.stop:
                found.append(Span(start, span.stop))
        return Spans(found)

    def __contains__(self, block: int) -> bool:
        return any(span.start <= block < span.stop for span in self._spans)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spans) and other._spans == self._spans

    def __hash__(self) -> int:
        return hash(self._spans)

    def __repr__(self) -> str:
        return f"Spans({', '.join(f'{span.start}..{span.stop}' for span in self._spans)})"

    @property
    def total(self) -> int:
        """How many blocks the set holds."""
        return sum(span.blocks for span in self._spans)

    def lacks(self, span: Span) -> tuple[Span, ...]:
        """List the parts of a span that are not in the set."""
        if self._spans and self._spans[-1].start <= span.start:
            # asked of each wallet at each block: what is missing mostly stands above all that is held
            missing = Span(max(span.start, self._spans[-1].stop), span.stop)
            return (missing,) if missing.blocks else ()
        return tuple(Spans((span,)) - self)


def _normalise(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.stop):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(Span(*span))
    return tuple(merged)
