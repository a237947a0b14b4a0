"""The same on a real EVM node: its tags, its blocks, its forks."""

from __future__ import annotations

import pytest

from monitor.chain.blocks import fetch_transfers
from monitor.chain.native import native_kind
from monitor.chain.rpc import RpcClient
from monitor.chain.source import ChainSource
from monitor.chain.traces import fetch_by_filter, fetch_by_trace
from monitor.config.spec import ChainConfig
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.span import Span, Spans
from monitor.sim.anvil import Anvil
from monitor.sync.fragment import Want, contract_fragment, events_fragment, native_fragment
from monitor.sync.plan import plan
from tests.chain.conftest import endpoints

pytestmark = pytest.mark.node

ANN, BOB, ECHO, STRANGER = (bytes([n]) * 20 for n in (0xA1, 0xB2, 0xEC, 0xED))
# PUSH32 word, PUSH0, PUSH0, LOG1: emits one log with an empty body and a fixed topic.
EMITTER = "0x7f" + "07" * 32 + "5f5fa100"
WANTS = [
    Want(contract_fragment(ECHO), 0),
    Want(events_fragment(b"", ((b"\x07" * 32,),)), 0),
    Want(native_fragment(ANN), 0),
]


def send(sender: bytes, recipient: bytes, value: int) -> dict[str, str]:
    return {
        "from": f"0x{sender.hex()}",
        "to": f"0x{recipient.hex()}",
        "value": hex(value),
        "gas": hex(100_000),
        "gasPrice": "0x0",
    }


def forwarding(recipient: bytes) -> bytes:
    """Code that calls a recipient with all it was sent."""
    return bytes.fromhex("5f5f5f5f34" + "73" + recipient.hex() + "5af1")


async def test_a_real_node_tells_by_traces_what_contracts_moved():
    payout, undone, tolerant = (bytes([n]) * 20 for n in (0xF0, 0xF1, 0xF2))
    async with Anvil() as anvil:
        await anvil.rpc("anvil_setBalance", [f"0x{ANN.hex()}", hex(10**20)])
        codes = {payout: forwarding(BOB), undone: forwarding(BOB) + b"\x5f\x5f\xfd", tolerant: forwarding(undone)}
        for address, code in codes.items():
            await anvil.rpc("anvil_setCode", [f"0x{address.hex()}", f"0x{code.hex()}"])
        for recipient, value in ((payout, 7), (undone, 8), (tolerant, 9), (BOB, 5)):
            await anvil.rpc("eth_sendTransaction", [send(ANN, recipient, value)])
        await anvil.mine()
        await anvil.mine()
        async with RpcClient("local", anvil.chain_id, endpoints(anvil.url)) as rpc:
            assert await native_kind(rpc, "auto") == "traces"
            by_blocks = await fetch_transfers(rpc, Span(0, 3), {BOB, ANN})
            for way in (fetch_by_filter, fetch_by_trace):
                page = await way(rpc, Span(0, 3), {BOB, ANN})
                assert [item for item in page.transfers if not item.trace] == by_blocks.transfers
                inside = [(item.tx_index, item.sender, item.value) for item in page.transfers if item.trace]
                assert inside == [(0, payout, 7)], "what was undone moved nothing, though its call looks well"


async def step(source: ChainSource, writer: Writer, reader: Reader) -> None:
    for change in await source.poll():
        await writer.apply(change)
    for job in plan(WANTS, reader.coverage(source.chain_id), source.head, source.finalized, 7):
        page = await source.fetch(job)
        assert page is not None
        await writer.extend(source.chain_id, page.headers, page.logs, page.transfers, page.coverage)


async def test_a_real_node_with_forks(tmp_path):
    async with Anvil() as anvil:
        for wallet in (ANN, BOB):
            await anvil.rpc("anvil_setBalance", [f"0x{wallet.hex()}", hex(10**20)])
        for emitter in (ECHO, STRANGER):
            await anvil.rpc("anvil_setCode", [f"0x{emitter.hex()}", EMITTER])
        settings = ChainConfig(id=anvil.chain_id, rpc=[anvil.url], finality="depth", finality_depth=25)  # type: ignore[list-item]
        for _ in range(10):
            await anvil.rpc("eth_sendTransaction", [send(ANN, BOB, 5)])
            for emitter in (ECHO, STRANGER):
                await anvil.rpc("eth_sendTransaction", [send(BOB, emitter, 0)])
            await anvil.mine()
        async with Writer(tmp_path / "monitor.db") as writer, ChainSource("local", settings) as source:
            with Reader(tmp_path / "monitor.db") as reader:
                await step(source, writer, reader)
                assert reader.logs_frame(addresses=[ECHO])["block_number"].to_list() == list(range(1, 11))
                assert reader.logs_frame()["address"].to_list() == [ECHO, STRANGER] * 10, "each once, of any address"
                assert reader.logs_frame()["topics"].to_list() == [[b"\x07" * 32]] * 20
                assert reader.transfers_frame()["sender"].to_list() == [ANN] * 10
                for depth in (1, 3, 9):
                    await anvil.reorg(depth, blocks=[[send(BOB, ANN, depth), send(BOB, ECHO, 0)]], extra=1)
                    await step(source, writer, reader)
                    head, timestamp = await anvil.head()
                    found = reader.chains()[0]
                    assert (found.head, found.head_time) == (head, timestamp)
                    assert reader.logs_frame()["block_number"].max() == head - depth
                assert reader.transfers_frame()["sender"].to_list() == [ANN] * 3 + [BOB]
                assert set(reader.coverage(source.chain_id).values()) == {Spans.of(0, head + 1)}


async def test_its_tags_and_code():
    async with Anvil() as anvil, RpcClient("local", anvil.chain_id, endpoints(anvil.url)) as rpc:
        await anvil.mine(100)
        await anvil.rpc("anvil_setCode", [f"0x{ECHO.hex()}", EMITTER])
        assert await rpc.has_code(ECHO)
        assert not await rpc.has_code(ANN)
        settings = ChainConfig(id=anvil.chain_id, rpc=[anvil.url])  # type: ignore[list-item]
        async with ChainSource("local", settings) as source:
            await source.poll()
            assert source.head == 100
            assert 0 <= source.finalized < 100
