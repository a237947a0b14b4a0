"""What nodes say when a request is too large, and what follows from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sync.sizing import (
    TARGET_ROWS,
    Elsewhere,
    Later,
    Narrow,
    Sizing,
    classify,
    first_sizing,
    grown,
    is_bare,
    narrowed,
)

ALCHEMY_SIZE = (
    "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on "
    "the response size, or you can request any block range with a cap of 10K logs in the response. Based on your "
    "parameters and the response size limit, this block range should work: [0x0, 0x1f3]"
)
ALCHEMY_FREE = (
    "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your "
    "parameters, this block range should work: [0x64, 0x6d]."
)
TEXTS = [
    # Suggested ranges.
    (-32602, ALCHEMY_SIZE, Narrow(500)),
    (-32600, ALCHEMY_FREE, Narrow(10, lasting=True)),
    (-32005, "query returned more than 10000 results. Try with this block range [0x1, 0x64].", Narrow(100)),
    (-32602, "query exceeds max results 20000, retry with the range 100-200", Narrow(101)),
    # Rules with a number.
    (-32614, "eth_getLogs is limited to a 10,000 range", Narrow(10_000, lasting=True)),
    (-32614, "eth_getLogs and eth_newFilter are limited to a 5 blocks range", Narrow(5, lasting=True)),
    (-32602, "eth_getLogs is limited to 1024 block range. Please check the parameter", Narrow(1024, lasting=True)),
    (-32602, "please limit the query to at most 1000 blocks", Narrow(1000, lasting=True)),
    (-32701, "exceed maximum block range: 50000", Narrow(50_000, lasting=True)),
    (-32047, "Max range: 800", Narrow(800, lasting=True)),
    (-32600, "Maximum allowed number of requested blocks is 1000", Narrow(1000, lasting=True)),
    (-32600, "maximum [from, to] blocks distance: 1000", Narrow(1000, lasting=True)),
    (35, "ranges over 10000 blocks are not supported on freetier", Narrow(10_000, lasting=True)),
    (-32602, "query exceeds max block range 100000", Narrow(100_000, lasting=True)),
    (-32000, "block range too large (5000 > 2000)", Narrow(2000, lasting=True)),
    (-32000, "requested too many blocks from 0 to 5000, maximum is set to 2048", Narrow(2048, lasting=True)),
    (-32000, "eth_getLogs range is too large, max is 1k blocks", Narrow(1000, lasting=True)),
    (-32000, "block range greater than 10000 max", Narrow(10_000, lasting=True)),
    # Limits without a useful number.
    (-32005, "query returned more than 10000 results", Narrow()),
    (-32600, "block range is too wide", Narrow(3000, lasting=True)),
    (-32000, "block range is too wide", Narrow()),
    (-32602, "query block range exceeds server limit, max 1000 blocks", Narrow(1000, lasting=True)),
    (-32000, "block range too large, range: 5000, max: 1024", Narrow(1024, lasting=True)),
    (-32000, "block range too large (1500), maximum allowed is 1000 blocks", Narrow(1000, lasting=True)),
    (-32000, "invalid block range: exceeds maximum 10000", Narrow(10_000, lasting=True)),
    (-32000, "exceed max block range: 5000", Narrow(5000, lasting=True)),
    (-32000, "Query Timeout Exceeded. Maximum block range: 1000", Narrow(1000, lasting=True)),
    (-32000, "maximum allowed is 2000 blocks", Narrow(2000, lasting=True)),
    (-32000, "you cannot query logs for more than 10000 blocks at once.", Narrow(10_000, lasting=True)),
    (-32000, "range greater than 2000 max", Narrow(2000, lasting=True)),
    (-32012, "range threshold exceeded: requested 5000 max 1000", Narrow(1000, lasting=True)),
    (-32000, "block range 5000 exceeds limit of 1000", Narrow(1000, lasting=True)),
    (-32000, "eth_getLogs and eth_newFilter are limited to a 10,000 blocks range", Narrow(10_000, lasting=True)),
    (-32000, "Maximum block range exceeded. Max allowed 1000", Narrow(1000, lasting=True)),
    (-32602, "eth_getLogs response size exceeded, this block range should work: [0x10, 0x5]", Narrow(12)),
    # Numbers that are no blocks.
    (-32000, "block range too wide; more than 10000 logs", Narrow()),
    (-32000, "query returned more than 20000 logs in 1 block", Narrow()),
    (-32012, "ErrUpstreamRequestTooLarge: response too large, exceeded max allowed", Narrow()),
    (-32000, "getLogs request exceeded max allowed range", Narrow()),
    (-32005, "limit exceeded", Narrow()),
    (-32602, "Block range limit exceeded. See more details at https://example.com/limits", Narrow()),
    (-32011, "backend response too large", Narrow()),
    (-32005, "response size should not greater than 10000000 bytes", Narrow()),
    (-32005, "logs matched by query exceeds limit of 10000", Narrow()),
    (-32000, "query timeout exceeded", Narrow()),
    (-32008, "Response is too big", Narrow()),
    (-32005, "", Narrow()),
    # The same code, another meaning.
    (-32005, "project ID request rate exceeded", Later()),
    (-32005, "daily request count exceeded, request rate limited", Later()),
    (-32005, "Rate limit exceeded", Later()),
    (-32007, "50/second request limit reached - reduce calls per second or upgrade your account", Later()),
    (429, "Your app has exceeded its compute units per second capacity.", Later()),
    (-32090, "Too many requests", Later()),
    # Not this node.
    (-32000, "unknown block", Elsewhere(lagging=True)),
    (-32000, "header not found", Elsewhere(lagging=True)),
    (-32000, "One of the blocks specified in filter (fromBlock, toBlock or blockHash) cannot be found.",
     Elsewhere(lagging=True)),
    (-32601, "the method eth_getLogs does not exist/is not available", Elsewhere()),
    (-32000, "History has been pruned for this block", Elsewhere()),
    (-32603, "internal error", Elsewhere(passing=True)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "verdict"), TEXTS)
def test_texts_of_providers(code, text, verdict):
    assert classify(text, code) == verdict


@given(st.text(), st.integers() | st.none())
def test_any_text_is_classified(text, code):
    assert isinstance(classify(text, code), Narrow | Later | Elsewhere)


def test_a_long_text_costs_little():
    assert classify("block range " * 100_000 + "limited to 5 blocks", -32000) == Narrow()


@given(st.integers(2, 10**6), st.none() | st.integers(-5, 10**7), st.booleans(), st.integers(1, 10**6))
def test_a_refusal_always_shrinks(asked, hint, lasting, ceiling):
    sizing = narrowed(Sizing(asked, ceiling), asked, Narrow(hint, lasting))
    assert 1 <= sizing.size < asked
    assert sizing.size <= sizing.ceiling
    if hint is None or not 0 < hint < asked:
        assert sizing.size <= asked // 2
        assert sizing.ceiling == ceiling


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_growth_ends_at_the_ceiling(size, ceiling):
    sizing = Sizing(min(size, ceiling), ceiling)
    for _ in range(20):
        after = grown(sizing, sizing.size, 0)
        assert sizing.size <= after.size <= ceiling
        sizing = after
    assert sizing.size == ceiling


def asked_for(blocks, density, cap=None, sizing=None):
    """Read so many blocks with `density` logs each from a node that gives at most `cap`: calls, refusals, most rows."""
    sizing, done, calls, refused, most = sizing or first_sizing(10**7), 0, 0, 0, 0
    while done < blocks:
        span = min(sizing.size, blocks - done)
        rows = int(span * density)
        calls += 1
        if cap is not None and rows > cap:
            refused += 1
            sizing = narrowed(sizing, span, Narrow())
            continue
        most = max(most, rows)
        done += span
        sizing = grown(sizing, span, rows)
    return calls, refused, most


def test_sparse_history_takes_few_calls():
    assert asked_for(2_000_000, 0.001)[0] < 15
    assert asked_for(2_000_000, 0.001, sizing=first_sizing(100_000))[0] < 30


def test_dense_history_is_asked_for_in_answers_of_one_size():
    calls, _, most = asked_for(50_000, 100)
    assert calls < 50_000 * 100 / TARGET_ROWS * 1.6 + 10
    assert most <= 2_000 * 100


@pytest.mark.parametrize("cap", [100, 500, 1000, 10_000])
def test_a_cap_on_results_is_met_seldom(cap):
    calls, refused, _ = asked_for(20_000, 20, cap)
    assert refused <= 0.1 * calls + 12
    assert calls < 20_000 * 20 / min(cap, TARGET_ROWS) * 2.5 + 20


def test_density_that_changes_is_followed():
    sizing = first_sizing(100_000)
    for _ in range(10):
        sizing = grown(sizing, sizing.size, 0)
    assert sizing.size == 100_000
    sizing = grown(sizing, sizing.size, 10 * TARGET_ROWS)
    assert sizing.size == 50_000
    for _ in range(10):
        sizing = grown(sizing, sizing.size, sizing.size * 100)
    assert sizing.size == TARGET_ROWS // 100


def test_a_short_range_says_nothing_of_what_a_node_takes():
    assert grown(Sizing(2000, 10_000), 5, 0).size == 2000


def test_a_rule_stays():
    sizing = narrowed(Sizing(2000, 2000), 2000, Narrow(50, lasting=True))
    for _ in range(100):
        sizing = grown(sizing, sizing.size, 0)
    assert sizing.size == 50


def test_a_late_refusal_does_not_widen():
    first = narrowed(Sizing(2000, 2000), 2000, Narrow(50))
    assert narrowed(first, 2000, Narrow()).size == 50


@pytest.mark.parametrize(
    ("text", "code", "bare"),
    [
        ("limit exceeded", -32005, True),
        ("Request limit reached.", None, True),
        ("", -32005, True),
        ("", -32000, False),
        ("query exceeds limit of 500", -32005, False),
        ("block range limit exceeded", -32005, False),
    ],
)
def test_some_limits_are_of_nothing_in_particular(text, code, bare):
    assert is_bare(text, code) == bare
