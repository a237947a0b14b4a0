"""The fault matrix: whatever one endpoint does, every log is stored once and the exit code is 0.

Where the node makes that impossible there is one clear error, exit code 3, and nothing is covered that is not held.
Rows run `monitor backfill` as a process of its own with the default configuration, unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from tests.fakenode import faults
from tests.fakenode.chain import Chain, dense
from tests.fakenode.faults import Fault
from tests.fakenode.forked import finished
from tests.fakenode.node import Node
from tests.fakenode.truth import assert_holds, assert_sound, lay_out

SOME = 0.1
NARROW = faults.range_cap(20, -32614, "eth_getLogs is limited to a 20 range")
"""Makes for at least 50 requests, so that a fault of few answers strikes."""
PLAIN = ("eth_chainId", "eth_blockNumber", "eth_getBlockByNumber", "eth_getLogs")
"""What a server that somebody wrote for a purpose knows."""


class Row(NamedTuple):
    """A fault, what else the endpoint does, and lines for its table in the configuration."""

    fault: Callable[[], Fault]
    also: Sequence[Fault] = ()
    config: str = ""


def some(fault: Fault, share: float = SOME) -> Row:
    return Row(lambda: faults.sometimes(share, fault, seed=5), (NARROW,))


def always(fault: Fault, *also: Fault, config: str = "") -> Row:
    return Row(lambda: fault, also, config)


# One of every kind runs in `make test`, the rest in `make test-all`.
OFTEN = {
    "500 results, Alchemy's text": always(faults.result_cap(500, faults.alchemy)),
    "100 results, limit exceeded": always(faults.result_cap(100, faults.bare)),
    "50 blocks, QuickNode's text": always(faults.range_cap(50, -32614, "eth_getLogs is limited to a 50 range")),
    "a block above the limit": always(faults.result_cap(14, faults.bare)),
    "HTTP 502": some(faults.status(502), 0.05),
    "10 requests a second, then 429": Row(lambda: faults.rate_limit(10), (NARROW,)),
    "half-written bodies": some(faults.half_written()),
    "a backend behind the balancer lags": some(faults.lag(30), 0.3),
    "silently without the last block": some(faults.logs(faults.last_block_missing)),
    "silently without some logs": some(faults.logs(faults.some_missing)),
    "HTTP 200 with an error for nobody": some(faults.envelope()),
    "a plain server": always(faults.breaks_on_lists(), faults.breaks_on_others(*PLAIN), faults.without_tags()),
}
SLOW = {
    "silently without a block": some(faults.logs(faults.a_block_missing)),
    "silently without the second half": some(faults.logs(faults.truncated)),
    "silently without any log": some(faults.logs(lambda _: [])),
    "truncated answers and receipts": some(faults.everywhere(faults.truncated)),
    "more than can be read": some(faults.huge(140 * 2**20), 0.03),
    "clean": always(Fault()),
    "500 results, Infura's text": always(faults.result_cap(500, faults.infura)),
    "500 results, limit exceeded": always(faults.result_cap(500, faults.bare)),
    "500 results, other words": always(faults.result_cap(500, faults.other_words)),
    "500 results, the refused range suggested": always(faults.result_cap(500, faults.reth_same_range)),
    "a contract in a block above the limit": always(faults.result_cap(15, faults.bare)),
    "HTTP 502 called JSON": some(faults.status(502, kind="application/json"), 0.05),
    "15 requests a second, then 429": Row(lambda: faults.rate_limit(15), (NARROW,)),
    "10 requests a second, retry-after": Row(lambda: faults.rate_limit(10, retry_after="1"), (NARROW,)),
    "no answer in time": Row(lambda: faults.sometimes(SOME, faults.slow(3), 5), (NARROW,), "timeout_seconds = 1"),
    "bodies cut short": some(faults.cut_short()),
    "ids of another request": some(faults.wrong_ids()),
    "logs twice": some(faults.logs(faults.doubled)),
    "logs in reverse": always(faults.logs(faults.backwards)),
    "blocks a backend has lost": some(faults.gaps(range(100, 110)), 0.3),
    "logs without their time": always(faults.logs(faults.without_timestamps)),
    "nobody says what has code": always(faults.without_methods("eth_getCode")),
    "an error in words nobody knows": some(faults.refusing(-32000, "something went wrong")),
    "500 results, words and code nobody knows": always(faults.result_cap(500, lambda *_: (-1, "nope"))),
    "no batches": always(faults.no_batches()),
    "no finalized tag": always(faults.without_tags(), config='finality = "finalized"'),
    "no receipts": always(faults.without_methods("eth_getBlockReceipts", "eth_getTransactionReceipt")),
}
HOPELESS = {
    "another chain": (always(faults.wrong_chain(1)), "it serves chain 1, not 31337"),
    "blocks nobody has": (always(faults.gaps(range(100, 600))), "is not known"),
    "always too many results": (always(faults.result_cap(2, faults.bare), faults.without_methods(
        "eth_getBlockReceipts", "eth_getTransactionReceipt")), "limit exceeded"),
    "always without logs": (always(faults.everywhere(lambda _: []), config='distrust = "receipts"'), "another root"),
    "a node without its logs": (always(faults.logs(lambda _: [])), "wanted logs, it sent 0"),
    "always doubled": (always(faults.logs(faults.doubled)), "comes twice"),
    "always down": (always(faults.status(502)), "HTTP 502"),
}  # fmt: skip
ROWS = [
    *OFTEN.items(),
    *(pytest.param(*item, marks=pytest.mark.slow) for item in SLOW.items()),
]
LOST = [
    pytest.param(*found, id=name, marks=() if name == "always without logs" else pytest.mark.slow)
    for name, found in HOPELESS.items()
]


@pytest.mark.parametrize(("name", "row"), ROWS)
async def test_every_log_is_stored_once(name, row, thousand, tmp_path):
    async with Node(thousand, row.fault(), *row.also).running() as node:
        place = lay_out(tmp_path, [node.url], chain=row.config)
        code, said = await finished(place, "backfill", seconds=150)
    assert node.struck[0] > 0, "the fault befell no request"
    assert code == 0, said
    assert_holds(place, thousand)


@pytest.mark.parametrize(("row", "words"), LOST)
async def test_what_cannot_be_read_is_said_and_not_covered(row, words, thousand, tmp_path):
    async with Node(thousand, row.fault(), *row.also).running() as node:
        place = lay_out(tmp_path, [node.url], chain=row.config)
        code, said = await finished(place, "backfill", seconds=150)
    assert code == 3, (code, said)
    errors = [line for line in said.splitlines() if line.startswith("monitor: error:")]
    assert len(errors) == 1, said
    assert words in errors[0]
    assert_sound(place, thousand)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [bytes, lambda bloom: bytes(byte | 0x11 for byte in bloom)], ids=["zero", "extra"])
async def test_a_chain_with_wrong_blooms(bits: Callable[[bytes], bytes], tmp_path):
    chain: Chain = dense(seed=2, blocks=200, logs=8, bloom=lambda bloom: bytes(256) if bits is bytes else bits(bloom))
    async with Node(chain, NARROW).running() as node:
        place = lay_out(tmp_path, [node.url])
        code, said = await finished(place, "backfill", seconds=100)
    assert code == 0, said
    assert_holds(place, chain)


@pytest.mark.slow
async def test_a_liar_is_left_for_the_other_endpoint(thousand, tmp_path):
    liar = Node(thousand, faults.logs(faults.some_missing))
    async with liar.running(), Node(thousand).running() as honest:
        place = lay_out(tmp_path, [liar.url, honest.url])
        code, said = await finished(place, "backfill", seconds=100)
    assert code == 0, said
    assert liar.struck[0] > 0
    assert_holds(place, thousand)
