"""Law 4: what is covered and planned is all that is required, and nothing is planned that is covered or twice."""

import hypothesis.strategies as st
from hypothesis import given

from monitor.model.span import Span, Spans
from monitor.sync.fragment import (
    MAX_ALTERNATIVES,
    TRANSFER,
    Want,
    contract_fragment,
    events_fragment,
    native_fragment,
    transfers_fragment,
)
from monitor.sync.plan import NATIVE_SPAN, Job, plan

TOKEN = b"t" * 20


def wallet(number: int) -> bytes:
    return number.to_bytes(20, "big")


FRAGMENTS = [
    *(contract_fragment(wallet(number)) for number in range(3)),
    *(transfers_fragment(wallet(number), [TOKEN]) for number in range(3)),
    transfers_fragment(wallet(0), [TOKEN, b"u" * 20]),
    *(native_fragment(wallet(number)) for number in range(2)),
    events_fragment(b"", ((TRANSFER,), None, (b"w" * 32,))),
    events_fragment(wallet(0), ((TRANSFER,), (b"w" * 32,))),
]
WANTS = st.lists(
    st.builds(Want, st.sampled_from(FRAGMENTS), st.integers(0, 80), st.none() | st.integers(0, 120)), max_size=10
)
SPANS = st.builds(Spans, st.lists(st.builds(Span, st.integers(0, 90), st.integers(0, 90)), max_size=4))
COVERED = st.dictionaries(st.sampled_from([fragment.key for fragment in FRAGMENTS]), SPANS)


def planned_spans(jobs: list[Job]) -> dict[str, list[Span]]:
    spans: dict[str, list[Span]] = {}
    for job in jobs:
        for fragment in job.fragments:
            spans.setdefault(fragment.key, []).append(job.span)
    return spans


@given(WANTS, COVERED, st.integers(-1, 90), st.integers(-1, 90), st.integers(1, 40))
def test_law_four(wants, covered, head, finalized, max_span):
    jobs = plan(wants, covered, head, finalized, max_span)
    planned = planned_spans(jobs)
    required: dict[str, Spans] = {}
    for want in wants:
        stop = head + 1 if want.stop is None else min(want.stop, head + 1)
        required[want.fragment.key] = required.get(want.fragment.key, Spans()) | Spans.of(want.start, stop)
    for key, needed in required.items():
        pages = planned.get(key, [])
        have = covered.get(key, Spans())
        assert not needed - (have | Spans(pages))
        assert not have & Spans(pages)
        assert sum(page.blocks for page in pages) == Spans(pages).total, "a block is planned twice"
        assert not Spans(pages) - needed, "more is planned than required"
    for job in jobs:
        assert 0 < job.span.blocks <= max_span
        assert job.final == (job.span.last <= finalized)
        assert job.final or job.span.start > finalized, "a job straddles finality"
        assert len({(item.kind, item.addresses if item.kind == "transfers" else ()) for item in job.fragments}) == 1
    assert jobs == sorted(jobs, key=lambda job: job.span.start)
    assert plan(wants, covered, head, finalized, max_span, limit=2) == jobs[:2]


def test_contracts_that_began_at_different_blocks_share_requests():
    wants = [Want(contract_fragment(wallet(1)), 0), Want(contract_fragment(wallet(2)), 150)]
    jobs = plan(wants, {}, 299, 299, 100)
    assert [(job.span, len(job.fragments)) for job in jobs] == [
        (Span(0, 100), 1),
        (Span(100, 200), 1),
        (Span(150, 200), 1),
        (Span(200, 300), 2),
    ]


def test_wallets_are_batched():
    wants = [Want(transfers_fragment(wallet(number), [TOKEN]), 0) for number in range(250)]
    jobs = plan(wants, {}, 9, 9, 1000)
    assert [len(job.fragments) for job in jobs] == [MAX_ALTERNATIVES, MAX_ALTERNATIVES, 50]


def test_blocks_are_read_once_for_all_wallets():
    wants = [Want(native_fragment(wallet(number)), 0, 150) for number in range(250)]
    jobs = plan(wants, {}, 999, 999, 1000)
    assert [(job.span, len(job.fragments)) for job in jobs] == [(Span(0, NATIVE_SPAN), 250), (Span(100, 150), 250)]


def test_no_block_is_read_twice_for_wallets_that_begin_and_end_anywhere():
    wants = [Want(native_fragment(wallet(number)), 7 * number, 180 + 11 * number) for number in range(40)]
    jobs = plan(wants, {}, 999, 300, 1000)
    assert [job.span.start for job in jobs] == [0, *(job.span.stop for job in jobs[:-1])]
    assert jobs[-1].span.stop == 180 + 11 * 39
    for want in wants:
        held = [job.span for job in jobs if want.fragment in job.fragments]
        assert want.stop is not None
        assert Spans(held) == Spans.of(want.start, want.stop)


def test_a_long_plan_is_made_lazily():
    wants = [Want(contract_fragment(wallet(1)), 0)]
    assert len(plan(wants, {}, 10**12, 10**12, 10, limit=3)) == 3
