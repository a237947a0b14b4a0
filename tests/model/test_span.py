"""Spans are sets of blocks: the algebra equals that of Python's sets."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.model.span import Span, Spans

SPANS = st.lists(st.builds(Span, st.integers(0, 60), st.integers(0, 60)), max_size=8)


def blocks(spans: Iterable[Span]) -> set[int]:
    return {block for span in spans for block in range(span.start, span.stop)}


@given(SPANS)
def test_normal_form(raw):
    spans = list(Spans(raw))
    assert blocks(spans) == blocks(raw)
    assert all(span.start < span.stop for span in spans)
    assert all(left.stop < right.start for left, right in pairwise(spans))
    assert Spans(reversed(raw)) == Spans(raw)
    assert hash(Spans(raw)) == hash(Spans(spans))


@given(SPANS, SPANS)
def test_algebra_equals_sets(left, right):
    a, b = Spans(left), Spans(right)
    assert blocks(a | b) == blocks(left) | blocks(right)
    assert blocks(a & b) == blocks(left) & blocks(right)
    assert blocks(a - b) == blocks(left) - blocks(right)
    assert (a - b) | (a & b) == a
    assert a.total == len(blocks(left))
    assert all((block in a) == (block in blocks(left)) for block in range(62))


@given(SPANS, st.builds(Span, st.integers(0, 60), st.integers(0, 60)))
def test_what_a_set_lacks_of_a_span(raw, span):
    assert Spans(Spans(raw).lacks(span)) == Spans([span]) - Spans(raw)
    assert all(part.blocks for part in Spans(raw).lacks(span))


def test_words():
    assert repr(Spans([Span(0, 3), Span(3, 5), Span(9, 10)])) == "Spans(0..5, 9..10)"
    assert Spans() == Spans([Span(5, 5)])
    assert not Spans()
    assert len(Spans.of(1, 2)) == 1
    assert Span(2, 5).last == 4
    assert Span(5, 2).blocks == 0
    assert Spans() != ()
