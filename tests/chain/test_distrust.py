"""Answers that leave something out, at every level of distrust: noticed, held against the right endpoint, mended."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from monitor.chain.distrust import Distrust
from monitor.chain.logs import Sizer, fetch_logs
from monitor.chain.rpc import RpcClient
from monitor.config.spec import ChainConfig, DistrustRange, EndpointConfig, Level
from monitor.errors import NodeRefused
from monitor.model.span import Span
from monitor.sync.fragment import contract_fragment, events_fragment
from monitor.sync.plan import Job
from tests.fakenode import faults
from tests.fakenode.chain import CHAIN_ID, Chain, Log, Tx, dense
from tests.fakenode.node import Node

ONE, TWO = contract_fragment(b"\xc1" * 20), contract_fragment(b"\xc2" * 20)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return dense(blocks=90, logs=20)


def client(*nodes: Node) -> RpcClient:
    found = [EndpointConfig.model_validate({"url": node.url}) for node in nodes]
    return RpcClient("local", CHAIN_ID, found, timeout_seconds=10)


async def read(rpc: RpcClient, chain: Chain, level: Level = "bloom", span: Span | None = None) -> pl.DataFrame:
    job = Job("logs", (ONE, TWO), span or Span(0, chain.head + 1), final=True)
    page = await fetch_logs(rpc, job, Sizer(1000), Distrust(rpc, level))
    return page.logs


def places(chain: Chain) -> list[tuple[int, int]]:
    return [(block.number, int(log["logIndex"], 16)) for block in chain.blocks for log in block.logs]


LIES: dict[str, Callable[[list[Any]], Any]] = {
    "last block": faults.last_block_missing,
    "a block": faults.a_block_missing,
    "the second half": faults.truncated,
    "everything": lambda _: [],
    "some": faults.some_missing,
    "the first": lambda found: found[1:],
    "last log": lambda found: found[:-1],
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_liar_is_benched_and_the_truth_is_read_elsewhere(lie, chain):
    liar = Node(chain, faults.logs(LIES[lie]))
    async with liar.running(), Node(chain).running() as honest, client(liar, honest) as rpc:
        logs = await read(rpc, chain)
        assert logs.select("block_number", "log_index").rows() == places(chain)
        bad, good = rpc.endpoints()
        assert bad.faults["lying"] > 0
        assert good.faults.get("lying", 0) == 0


@pytest.mark.parametrize("lie", LIES)
async def test_a_liar_about_events_of_any_address_is_found_too(lie, chain):
    asked = [log for block in chain.blocks for log in block.logs]
    word = bytes.fromhex(asked[0]["topics"][0][2:])
    wanted = [log for log in asked if log["topics"][0] == asked[0]["topics"][0]]
    assert len({log["address"] for log in wanted}) > 1
    fragment = events_fragment(b"", ((word,),))
    liar = Node(chain, faults.logs(LIES[lie]))
    async with liar.running(), Node(chain).running() as honest, client(liar, honest) as rpc:
        job = Job("events", (fragment,), Span(0, chain.head + 1), final=True)
        logs = (await fetch_logs(rpc, job, Sizer(1000), Distrust(rpc, "bloom"))).logs
        assert logs.select("block_number", "log_index").rows() == [
            (int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in wanted
        ]
        bad, good = rpc.endpoints()
        assert bad.faults["lying"] > 0
        assert good.faults.get("lying", 0) == 0


async def test_logs_outside_a_topic_filter_are_no_answer_to_it(chain):
    word = bytes.fromhex(chain.blocks[1].logs[0]["topics"][0][2:])
    other = lambda found: [{**log, "topics": ["0x" + "77" * 32]} for log in found]  # noqa: E731 - one line reads best
    async with Node(chain, faults.logs(other)).running() as liar, client(liar) as rpc:
        job = Job("events", (events_fragment(b"", ((word,),)),), Span(0, 20), final=True)
        with pytest.raises(NodeRefused, match="does not match the filter"):
            await fetch_logs(rpc, job, Sizer(1000), Distrust(rpc, "off"))


@pytest.mark.parametrize("lie", ["last block", "a block", "everything", "some"])
async def test_nobody_else_to_ask_and_lies_without_end(lie, chain, monkeypatch):
    monkeypatch.setattr("monitor.chain.logs.MAX_LIES", 2)
    async with Node(chain, faults.logs(LIES[lie])).running() as liar, client(liar) as rpc:
        with pytest.raises(NodeRefused, match="contradicts itself"):
            await read(rpc, chain)


async def test_a_lie_that_comes_twice_alike_is_told_by_receipts(monkeypatch):
    monkeypatch.setattr("monitor.chain.logs.MAX_LIES", 2)
    chain = dense(blocks=100, logs=20)
    assert len(chain.blocks[1:50]) * 20 % 7 == 0, "every seventh log of the half is every seventh log of the whole"
    async with Node(chain, faults.logs(faults.some_missing)).running() as liar, client(liar) as rpc:
        with pytest.raises(NodeRefused, match="block 1 has 20 wanted logs, it sent 17"):
            await read(rpc, chain)


async def test_a_lone_node_without_logs_is_told_by_blooms_all_over_history(monkeypatch):
    monkeypatch.setattr("monitor.chain.logs.MAX_LIES", 2)
    chain = Chain(5)
    for number in range(1, 1001):
        chain.mine(*[Tx((Log(b"\xc1" * 20),))] if number % 50 == 7 else [])
    async with Node(chain, faults.logs(lambda _: [])).running() as mute, client(mute) as rpc:
        with pytest.raises(NodeRefused, match="has 1 wanted logs, it sent 0"):
            await read(rpc, chain)
    async with Node(Chain(6), faults.logs(lambda _: [])).running() as quiet, client(quiet) as rpc:
        while quiet.chain.head < 1000:
            quiet.chain.mine()
        assert (await read(rpc, quiet.chain)).height == 0
        assert quiet.methods["eth_getBlockByNumber"] < 250, "of a thousand blocks"


async def test_off_believes(chain):
    async with Node(chain, faults.logs(faults.a_block_missing)).running() as liar, client(liar) as rpc:
        assert (await read(rpc, chain, "off")).height == len(places(chain)) - 20


@pytest.mark.parametrize("level", ["quorum", "receipts"])
@pytest.mark.parametrize("lie", ["some", "the first"])
async def test_the_stricter_levels(level, lie, chain):
    liar = Node(chain, faults.logs(LIES[lie]))
    async with liar.running(), Node(chain).running() as honest, client(liar, honest) as rpc:
        logs = await read(rpc, chain, level, Span(5, 40))
        assert logs.height == 35 * 20
        assert rpc.endpoints()[0].faults["lying"] > 0


async def test_a_quorum_needs_two(chain):
    async with Node(chain).running() as node, client(node) as rpc:
        with pytest.raises(NodeRefused, match="asks for two"):
            await read(rpc, chain, "quorum")
    with pytest.raises(ValueError, match="needs another"):
        ChainConfig.model_validate({"id": 1, "rpc": ["http://localhost"], "distrust": "quorum"})


async def test_forged_receipts_do_not_help_a_liar(chain):
    forger = Node(chain, faults.everywhere(faults.some_missing))
    async with forger.running(), Node(chain).running() as honest, client(forger, honest) as rpc:
        logs = await read(rpc, chain, "receipts", Span(5, 20))
        assert logs.height == 15 * 20


async def test_without_receipts_a_block_is_asked_for_by_its_hash(chain):
    bare = faults.without_methods("eth_getBlockReceipts", "eth_getTransactionReceipt")
    liar = Node(chain, faults.logs(faults.last_block_missing), bare)
    async with liar.running(), Node(chain, bare).running() as honest, client(liar, honest) as rpc:
        assert (await read(rpc, chain)).height == len(places(chain))
        assert rpc.endpoints()[0].faults["lying"] > 0


@pytest.mark.parametrize("bits", [0x00, 0xFF])
async def test_blooms_that_say_nothing_accuse_nobody(bits, caplog):
    chain = dense(blocks=40, logs=8, bloom=lambda _: bytes([bits]) * 256)
    async with Node(chain).running() as node, client(node) as rpc:
        distrust = Distrust(rpc)
        for _ in range(2):
            job = Job("logs", (ONE, TWO), Span(0, chain.head + 1), final=True)
            page = await fetch_logs(rpc, job, Sizer(1000), distrust)
            assert page.logs.height == len(places(chain))
        assert rpc.endpoints()[0].faults == {}
    assert sum("blooms are empty" in record.message for record in caplog.records) == (bits == 0)


@pytest.mark.parametrize("bloom", [lambda _: bytes(256), lambda _: b""], ids=["empty", "missing"])
@pytest.mark.parametrize("final", [True, False], ids=["history", "head"])
async def test_without_blooms_no_answer_is_believed_at_once(bloom, final):
    chain = dense(blocks=41, logs=8, bloom=bloom)
    lies: list[int] = []

    def lie(found: list[Any]) -> list[Any]:
        lies.append(len(lies))
        return faults.last_block_missing(found) if len(lies) % 4 == 1 else found

    async with Node(chain, faults.logs(lie)).running() as node, client(node) as rpc:
        known = dict(enumerate(await rpc.headers(range(chain.head + 1))))
        distrust = Distrust(rpc)
        for start in range(1, 41, 10):
            job = Job("logs", (ONE, TWO), Span(start, start + 10), final=final)
            page = await fetch_logs(rpc, job, Sizer(1000), distrust, {} if final else known)
            assert page.logs.height == 80
    assert len(lies) > 4


async def test_sparse_history_costs_few_calls():
    chain = Chain()
    for number in range(1, 3000):
        chain.mine(*[Tx((Log(b"\xc1" * 20),))] * (number % 1000 == 0))
    async with Node(chain).running() as node, client(node) as rpc:
        assert (await read(rpc, chain)).height == 2
        assert node.methods["eth_getLogs"] <= 18
        # One for each, and blooms of its first answers: many until it has sent a log.
        assert node.methods["eth_getBlockByNumber"] <= 18 + 2 * 64 + 4 * 4


async def test_dense_history_costs_no_headers(chain):
    async with Node(chain).running() as node, client(node) as rpc:
        distrust, sizer = Distrust(rpc), Sizer(1000)
        for _ in range(33):
            job = Job("logs", (ONE, TWO), Span(1, chain.head + 1), final=True)
            await fetch_logs(rpc, job, sizer, distrust)
        assert node.methods["eth_getLogs"] == 33 + 2 * 2, "two of 33 once more, in two parts"
        assert node.methods["eth_getBlockByNumber"] <= 33 + 2 * 2, "with each the header of its last block"


async def test_to_be_sure_it_is_asked_for_again_however_long_an_endpoint_told_the_truth(chain):
    async with Node(chain).running() as node, client(node) as rpc:
        distrust, sizer, job = Distrust(rpc), Sizer(1000), Job("logs", (ONE, TWO), Span(1, 11), final=True)
        for _ in range(65):
            await fetch_logs(rpc, job, sizer, distrust)
        for sure, asked in ((False, 1), (True, 3)):
            before = node.methods["eth_getLogs"]
            await fetch_logs(rpc, job, sizer, distrust, sure=sure)
            assert node.methods["eth_getLogs"] - before == asked


async def test_levels_by_range():
    ranges = [DistrustRange(first=10, last=19, level="receipts"), DistrustRange(first=15, last=30, level="off")]
    distrust = Distrust(RpcClient("local", 1, []), "bloom", ranges)
    assert [distrust.level(Span(*span)) for span in [(0, 10), (0, 11), (18, 22), (20, 25), (31, 40)]] == [
        "bloom", "receipts", "receipts", "off", "bloom",
    ]  # fmt: skip


TOKEN = b"\x11" * 32
BY_ADDRESS = (ONE, lambda log: log["address"] == "0x" + "c1" * 20)
BY_TOPIC = (events_fragment(b"", ((TOKEN,),)), lambda log: log["topics"] == ["0x" + TOKEN.hex()])


def mingled() -> Chain:
    """Mine blocks in each of which some logs are wanted and others are not, so that holes tell nothing."""
    dice, chain = random.Random(3), Chain(3)
    for _ in range(60):
        logs = [Log(dice.choice([b"\xc1", b"\xc3"]) * 20, (dice.choice([TOKEN, b"\x22" * 32]),)) for _ in range(9)]
        sure = Log(b"\xc1" * 20, (TOKEN,))
        chain.mine(*[Tx((*logs[place::3], sure), dice.randbytes(20)) for place in range(3)])
    chain.final = chain.safe = chain.head
    return chain


@pytest.mark.parametrize("lie", ["some", "the first", "last log"])
@pytest.mark.parametrize(("fragment", "is_wanted"), [BY_ADDRESS, BY_TOPIC], ids=["address", "topic"])
async def test_one_log_of_several_in_a_block_is_missed_among_other_contracts_logs(lie, fragment, is_wanted):
    chain = mingled()
    liar = Node(chain, faults.logs(LIES[lie]))
    async with liar.running(), Node(chain).running() as honest, client(liar, honest) as rpc:
        job = Job(fragment.kind, (fragment,), Span(1, chain.head + 1), final=True)
        logs = (await fetch_logs(rpc, job, Sizer(1000), Distrust(rpc))).logs
        wanted = [
            (block.number, int(log["logIndex"], 16)) for block in chain.blocks for log in block.logs if is_wanted(log)
        ]
        assert logs.select("block_number", "log_index").rows() == wanted
        assert rpc.endpoints()[0].faults["lying"] > 0


async def test_a_block_cut_off_in_its_middle_leaves_no_hole_and_is_told(chain):
    liar = Node(chain, faults.logs(lambda found: found[:-3]))
    async with liar.running(), Node(chain).running() as honest, client(liar, honest) as rpc:
        assert (await read(rpc, chain)).select("block_number", "log_index").rows() == places(chain)
        assert rpc.endpoints()[0].faults["lying"] > 0


async def test_an_answer_that_may_end_at_a_limit_within_a_block_is_looked_at():
    chain = dense(blocks=90, logs=19)
    limited = Node(chain, faults.logs(lambda found: found[:1500]))
    async with limited.running(), Node(chain).running() as honest, client(limited, honest) as rpc:
        distrust = Distrust(rpc)
        for blocks in (70, 79):
            job = Job("logs", (ONE, TWO), Span(1, 1 + blocks), final=True)
            assert (await fetch_logs(rpc, job, Sizer(1000), distrust)).logs.height == 19 * blocks
        assert rpc.endpoints()[0].faults["lying"] > 0, "of 1,501 logs it sent 1,500"


async def test_the_end_of_a_block_in_the_middle_is_missed(chain):
    gone = chain.blocks[45].logs[-1]
    liar = Node(chain, faults.logs(lambda found: [log for log in found if log != gone]))
    async with liar.running(), Node(chain).running() as honest, client(liar, honest) as rpc:
        assert (await read(rpc, chain)).select("block_number", "log_index").rows() == places(chain)
        assert rpc.endpoints()[0].faults["lying"] > 0


async def test_whoever_was_caught_is_asked_more_than_once_more():
    chain, asked = mingled(), iter(range(1000))
    # The first answer; later one and its second half, so that two looks say the same.
    lies = {0, 6, 8}
    liar = faults.logs(lambda found: found[:-1] if next(asked) in lies else found)
    async with Node(chain, liar).running() as node, client(node) as rpc:
        distrust = Distrust(rpc)
        for span in (Span(1, 2), Span(2, 30)):
            job = Job("logs", (ONE,), span, final=True)
            logs = (await fetch_logs(rpc, job, Sizer(1000), distrust)).logs
            wanted = [log for block in chain.blocks[span.start : span.stop] for log in block.logs if BY_ADDRESS[1](log)]
            assert logs.height == len(wanted)
    assert next(asked) > max(lies)


async def test_who_answers_alone_is_asked_in_another_cut_though_others_are_there():
    chain = mingled()
    stale = faults.logs(lambda found: found[:-1] if len({log["blockNumber"] for log in found}) > 40 else found)
    idle = faults.without_methods("eth_getLogs")
    async with Node(chain, stale).running() as cache, Node(chain, idle).running() as other, client(cache, other) as rpc:
        with pytest.raises(NodeRefused, match="contradicts itself"):
            await fetch_logs(rpc, Job("logs", (ONE,), Span(1, chain.head + 1), final=True), Sizer(1000), Distrust(rpc))


async def test_one_log_is_missed_where_the_second_look_lacks_many():
    chain, asked = mingled(), iter(range(1000))

    def lie(found: list[Any]) -> list[Any]:
        """Leave out the last log of all, and when asked again one of every block."""
        turn = next(asked)
        firsts = {log["blockNumber"]: log for log in reversed(found)}.values()
        return found[:-1] if turn == 0 else [log for log in found if turn > 2 or log not in firsts]

    async with Node(chain, faults.logs(lie)).running() as node, client(node) as rpc:
        job = Job("logs", (ONE,), Span(1, chain.head + 1), final=True)
        logs = (await fetch_logs(rpc, job, Sizer(1000), Distrust(rpc))).logs
        assert logs.height == sum(BY_ADDRESS[1](log) for block in chain.blocks for log in block.logs)
